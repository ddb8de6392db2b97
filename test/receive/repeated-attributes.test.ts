// Points that repeat the attributes of the point before are copied; nothing may show that they were.
import fc from "fast-check";
import { expect, it } from "vitest";
import { createDecoder, type DecodeAnswer } from "../../src/receive/decoder.ts";
import { encode } from "./otlp-proto.ts";
import { rowsOf } from "./read-native.ts";

const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
const sets: readonly (readonly object[])[] = [
  [],
  [text("model", "llama"), text("engine", "0")],
  [text("model", "llama"), text("engine", "1")],
  [text("model", "llama")],
  [text("engine", "0"), text("model", "llama")],
  // Each of these is changed and counted, at every point.
  [text("model", "llama"), text("model", "twice")],
  [text("gen_ai.prompt", "secret"), text("engine", "0")],
  [{ key: "list", value: { kvlistValue: { values: [{ key: "a", value: { intValue: 1 } }] } } }],
];
const point = fc.record({
  metric: fc.constantFrom("a", "b"),
  kind: fc.constantFrom("gauge", "sum", "histogram"),
  set: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.nat(sets.length - 1) }),
  resource: fc.constantFrom("r0", "r1"),
});
type Point = typeof point extends fc.Arbitrary<infer T> ? T : never;

function bodyOf(points: readonly Point[], times = 1): Uint8Array {
  return encode("metrics", {
    resourceMetrics: points.map(({ metric, kind, set, resource }) => ({
      resource: { attributes: [text("service.name", resource)] },
      scopeMetrics: [
        {
          metrics: [
            { name: metric, [kind]: { dataPoints: Array(times).fill({ timeUnixNano: "1", attributes: sets[set] }) } },
          ],
        },
      ],
    })),
  });
}

it("rows, series and counts are those of the same points sent one by one", () => {
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 14 }), (points) => {
      const together = createDecoder({ window: null });
      const apart = createDecoder({ window: null });
      const all = [together.decode("metrics", "protobuf", bodyOf(points, 3), 0)];
      const single = points
        .flatMap((one) => [one, one, one])
        .map((one) => apart.decode("metrics", "protobuf", bodyOf([one]), 0));
      const rows = (decoder: typeof together): unknown =>
        decoder.seal().batches.map((batch) => [batch.table, rowsOf(batch)]);
      expect(rows(together)).toEqual(rows(apart));
      expect(countsOf(all)).toEqual(countsOf(single));
    }),
    { numRuns: 60 },
  );
});

function countsOf(answers: readonly DecodeAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    if (answer.kind !== "decoded") throw new Error(answer.says);
    counts["accepted"] = (counts["accepted"] ?? 0) + answer.accepted;
    for (const [reason, times] of [...answer.tally.repaired, ...answer.tally.redacted])
      counts[reason] = (counts[reason] ?? 0) + times;
  }
  return counts;
}

it.each(["traces", "logs", "metrics"] as const)(
  "%s: more than 100,000 items are refused, over all scopes",
  (signal) => {
    const items = (count: number): object[] => Array.from({ length: count }, () => ({}));
    const scopes = {
      traces: (count: number) => ({ scopeSpans: [{ spans: items(count) }] }),
      logs: (count: number) => ({ scopeLogs: [{ logRecords: items(count) }] }),
      metrics: (count: number) => ({
        scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: items(count) } }] }],
      }),
    }[signal];
    const field = { traces: "resourceSpans", logs: "resourceLogs", metrics: "resourceMetrics" }[signal];
    const decoder = createDecoder({ window: null });
    const kind = (...counts: readonly number[]): string =>
      decoder.decode(signal, "protobuf", encode(signal, { [field]: counts.map((count): object => scopes(count)) }), 0)
        .kind;
    expect(kind(50_000, 50_000)).toBe("decoded");
    expect(kind(50_000, 50_001)).toBe("too-large");
    expect(kind(100_001)).toBe("too-large");
    expect(kind(1)).toBe("decoded");
  },
);
