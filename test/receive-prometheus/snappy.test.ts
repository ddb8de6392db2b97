// Snappy blocks: round trips against a literal-and-copy encoder of our own, and whatever else arrives.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { snappyDecompress } from "../../src/receive/prometheus/snappy.ts";

/** Compresses greedily with a table of four-byte strings: enough to make literals and all copy kinds. */
function compress(input: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let n = input.length; ; n >>>= 7) {
    out.push(n >= 128 ? (n & 127) | 128 : n);
    if (n < 128) break;
  }
  const literal = (from: number, to: number): void => {
    for (let at = from; at < to; at += 100) {
      const size = Math.min(100, to - at);
      if (size <= 60) out.push((size - 1) << 2);
      else out.push(60 << 2, size - 1);
      out.push(...input.subarray(at, at + size));
    }
  };
  const seen = new Map<string, number>();
  let pending = 0;
  for (let at = 0; at + 4 <= input.length; ) {
    const key = input.subarray(at, at + 4).join();
    const before = seen.get(key);
    seen.set(key, at);
    if (before === undefined) {
      at++;
      continue;
    }
    let size = 4;
    while (size < 64 && at + size < input.length && input[before + size] === input[at + size]) size++;
    literal(pending, at);
    const offset = at - before;
    if (size <= 11 && offset < 2048) out.push(1 | ((size - 4) << 2) | ((offset >> 8) << 5), offset & 255);
    else if (offset < 65536) out.push(2 | ((size - 1) << 2), offset & 255, offset >> 8);
    else out.push(3 | ((size - 1) << 2), offset & 255, (offset >> 8) & 255, (offset >> 16) & 255, 0);
    at += size;
    pending = at;
  }
  literal(pending, input.length);
  return Uint8Array.from(out);
}

describe("snappy blocks", () => {
  test("come back as they were, with copies that overlap themselves", () => {
    const run = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 40 }));
    const repetitive = fc.array(run, { maxLength: 12 }).map((runs) =>
      Uint8Array.from(
        runs.flatMap(
          ([bytes, times]) =>
            Array(times)
              .fill([...bytes])
              .flat() as number[],
        ),
      ),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 500 }), repetitive), (input) => {
        const back = snappyDecompress(compress(input), 1 << 20);
        expect(back.ok && [...back.bytes]).toEqual([...input]);
      }),
    );
  });

  test("a copy from more than 64 kB back works", () => {
    const input = new Uint8Array(70_000).map((_, i) => (i * 2654435761) >>> 24);
    input.set(input.subarray(0, 40), 69_000);
    const back = snappyDecompress(compress(input), 1 << 20);
    expect(back.ok && Buffer.compare(back.bytes, input)).toBe(0);
  });

  test.each([
    ["nothing", []],
    ["a length that never ends", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["a copy before there is anything", [4, 1 | (0 << 2), 1]],
    ["a copy of offset zero", [8, 0, 65, 1 | (0 << 2), 0]],
    ["a literal that is cut off", [5, 4 << 2, 65]],
    ["less than declared", [5, 0, 65]],
    ["more than declared", [1, 1 << 2, 65, 66]],
  ])("%s is refused", (_what, bytes) => {
    expect(snappyDecompress(Uint8Array.from(bytes), 1 << 20)).toMatchObject({ ok: false, tooLarge: false });
  });

  test("a bomb is refused before memory is taken", () => {
    const huge = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 65]);
    expect(snappyDecompress(huge, 1 << 20)).toMatchObject({ ok: false, tooLarge: true });
    expect(snappyDecompress(huge, 2 ** 33)).toMatchObject({ ok: false, tooLarge: false });
  });

  test("never throws, whatever arrives", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => void snappyDecompress(input, 1 << 16)));
  });
});
