// Attributes that rows before had too take a shorter way; what comes out is the same.
import fc from "fast-check";
import { expect, it } from "vitest";
import { createDecoder } from "../../src/receive/decoder.ts";
import { read } from "./oracle.ts";
import { encode } from "./otlp-proto.ts";
import { asSent } from "./payloads.ts";
import { rowsOf } from "./read-native.ts";

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.constantFrom("stop", 'a "quoted" one', "back\\slash", "line\nbreak", "\u007f"),
  fc.integer({ min: 110, max: 140 }).map((length) => "x".repeat(length)),
);
const value = fc.oneof(
  fc.record({ stringValue: text }),
  fc.record({ intValue: fc.oneof(fc.maxSafeNat().map(String), fc.nat(70_000).map(String), fc.integer().map(String)) }),
  fc.record({ intValue: fc.nat(63).map((bits) => String(2n ** BigInt(bits) - 1n)) }),
  fc.record({ boolValue: fc.boolean() }),
  fc.record({ doubleValue: fc.double() }),
  fc.record({ doubleValue: fc.integer().map((whole) => whole / 1000) }),
  fc.record({
    arrayValue: fc.record({ values: fc.array(fc.record({ stringValue: text }), { maxLength: 30 }) }),
  }),
  fc.record({
    arrayValue: fc.record({
      values: fc.array(
        fc.oneof(fc.record({ stringValue: text }), fc.record({ intValue: fc.nat(9) }), fc.constant({})),
        {
          maxLength: 3,
        },
      ),
    }),
  }),
);
const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
const ids = { traceId: new Uint8Array(16).fill(1), spanId: new Uint8Array(8).fill(2), startTimeUnixNano: "1" };

function bodyOf(values: readonly object[]): Uint8Array {
  const spans = values.map((one) => ({ ...ids, attributes: [{ key: "k", value: one }] }));
  return encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

/** A sealed batch takes its keys with it, so that each call begins with none known. */
function attributesOf(bodies: readonly Uint8Array[]): unknown[] {
  for (const body of bodies) expect(decoder.decode("traces", "protobuf", body, 0).kind).toBe("decoded");
  return decoder.seal().batches.flatMap((batch) => rowsOf(batch).map((row) => row["SpanAttributes"]));
}

it("values are the same the first time their key is seen and ever after", () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 2, maxLength: 12 }), (values) => {
      const apart = values.flatMap((one) => attributesOf([bodyOf([one])]));
      expect(attributesOf([bodyOf(values)])).toEqual(apart);
      expect(attributesOf(values.map((one) => bodyOf([one])))).toEqual(apart);
    }),
    { numRuns: 400 },
  );
});

it("rows that repeat attributes of rows before are those of the same spans sent one by one", () => {
  const attribute = fc.record({
    key: fc.constantFrom("a", "b", "content", "gen_ai.request.model", "gen_ai.prompt"),
    value: fc.constantFrom<object>(
      { stringValue: "llama" },
      { stringValue: "a longer text than a word" },
      { stringValue: "a longer text than a Word" },
      { stringValue: "" },
      { stringValue: "\0".repeat(9) },
      { doubleValue: 0 },
      { doubleValue: -0 },
      { doubleValue: Number.NaN },
      { intValue: "70000" },
      { boolValue: true },
      { arrayValue: { values: [{ stringValue: "stop" }] } },
    ),
  });
  const attributes = fc.array(attribute, { maxLength: 5 });
  const event = fc.record({ name: fc.constantFrom("gen_ai.choice", "other"), attributes });
  const span = fc.record({ attributes, events: fc.array(event, { maxLength: 2 }) });
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 6 }), fc.nat(3), (spans, times) => {
      // Each span comes again in the order of all, and once more behind itself.
      const all = Array.from({ length: times + 1 }, () => spans.flatMap((one) => [one, one])).flat();
      const bodyOf = (some: readonly object[]): Uint8Array =>
        encode("traces", { resourceSpans: [{ scopeSpans: [{ spans: some.map((one) => ({ ...ids, ...one })) }] }] });
      const rowsFrom = (bodies: readonly Uint8Array[]): unknown => {
        const fresh = createDecoder({ window: null });
        const tallies = bodies.map((body) => {
          const answer = fresh.decode("traces", "protobuf", body, 0);
          return answer.kind === "decoded" ? [...answer.tally.repaired, ...answer.tally.redacted] : answer;
        });
        const counts = new Map<unknown, number>();
        for (const [reason, count] of tallies.flat() as [string, number][])
          counts.set(reason, (counts.get(reason) ?? 0) + count);
        return { rows: fresh.seal().batches.map((batch) => rowsOf(batch)), counts };
      };
      expect(rowsFrom([bodyOf(all)])).toEqual(rowsFrom(all.map((one) => bodyOf([one]))));
    }),
    { numRuns: 100 },
  );
});

it("a length that runs over into a second byte is read as that on the shorter way too", () => {
  const message = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    return Buffer.concat([Uint8Array.of(tag, ...(size < 128 ? [size] : [(size & 127) | 128, size >> 7])), ...parts]);
  };
  const spanOf = (value: Uint8Array): Uint8Array => {
    const attribute = message(0x4a, message(0x0a, Buffer.from("k")), value);
    return message(0x12, message(0x0a, ids.traceId), message(0x12, ids.spanId), attribute);
  };
  const bodyOfSpans = (...values: readonly Uint8Array[]): Uint8Array =>
    new Uint8Array(message(0x0a, message(0x12, ...values.map(spanOf))));
  const text = message(0x0a, Buffer.from("x".repeat(126)));
  const good = bodyOfSpans(message(0x12, text), message(0x12, text));
  expect(decoder.decode("traces", "protobuf", good, 0)).toMatchObject({ kind: "decoded", accepted: 2 });
  // 0x80 stands where 128 would, but says that there is more to come.
  const bad = bodyOfSpans(message(0x12, text), Buffer.concat([Uint8Array.of(0x12, 0x80), text]));
  expect(() => read("traces", bad)).toThrow();
  expect(decoder.decode("traces", "protobuf", bad, 0).kind).toBe("malformed");
  decoder.seal();
});

it("zeros of either sign are two values, one behind the other", () => {
  const values = [0, -0, -0, 0].map((doubleValue) => ({ doubleValue }));
  expect(attributesOf([bodyOf(values)])).toEqual(values.flatMap((one) => attributesOf([bodyOf([one])])));
});
