// Numbers put into bytes are the text JavaScript itself gives them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DOUBLE_TEXT_MAX, putDouble, putWhole } from "../../src/receive/decimal.ts";

/** What would not fit is not there when it is read back. */
const out = new Uint8Array(DOUBLE_TEXT_MAX + 1);
const view = new DataView(out.buffer);
const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);

function textOf(value: number): string {
  const end = putDouble(out, view, 1, value);
  return Buffer.from(out.subarray(1, end)).toString("latin1");
}

function expectSame(value: number): void {
  const text = textOf(value);
  const wanted = Object.is(value, -0) ? "-0" : String(value);
  // A plain comparison: an assertion for each of a million numbers would take longer than the numbers.
  if (text !== wanted) expect(text).toBe(wanted);
}

function ofBits(low: number, high: number): number {
  words[0] = low;
  words[1] = high;
  return double[0]!;
}

describe("a double", () => {
  it("is its shortest text, whatever its bits", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (low, high) => expectSame(ofBits(low, high))),
      { numRuns: 50_000 },
    );
  });

  it("is its shortest text at every exponent that needs no other notation", () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state;
    };
    for (let exponent = -24; exponent < 56; exponent++)
      for (let i = 0; i < 1500; i++) expectSame(ofBits(random(), ((1023 + exponent) << 20) | (random() >>> 12)));
  });

  it("is its shortest text when it is a short decimal", () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 17n), 10n ** 17n), fc.nat(22), fc.nat(17), (digits, places, cut) =>
        expectSame(Number(`${digits / 10n ** BigInt(cut)}e-${places}`)),
      ),
      { numRuns: 50_000 },
    );
  });

  it("is its shortest text around powers of two and of ten, where neighbours lie closer on one side", () => {
    const middles = [
      ...Array.from({ length: 90 }, (_, i) => 2 ** (i - 25)),
      ...Array.from({ length: 30 }, (_, i) => Number(`1e${i - 8}`)),
    ];
    for (const middle of middles)
      for (let step = -40; step <= 40; step++) {
        double[0] = middle;
        const value = ofBits((words[0]! + step) >>> 0, words[1]!);
        expectSame(value);
        expectSame(-value);
      }
  });

  it("is its shortest text where the exact value has few digits, so that choices are close", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(70), (whole, halvings) => expectSame(whole / 2 ** halvings)),
      { numRuns: 50_000 },
    );
  });

  it.each([0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e15, 1e21, 1e-6, 1e-7])(
    "is its text at the edges: %s",
    expectSame,
  );
});

it("a whole number is its digits", () => {
  fc.assert(
    fc.property(fc.nat(15), fc.double({ min: 0, max: 0.999999, noNaN: true }), (digits, part) => {
      const value = Math.min(Math.floor(part * 10 ** digits), 1e15 - 1);
      expect(Buffer.from(out.subarray(0, putWhole(view, 0, value))).toString("latin1")).toBe(String(value));
    }),
    { numRuns: 20_000 },
  );
});
