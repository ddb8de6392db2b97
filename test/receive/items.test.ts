// What is done with single items: rejected, mended, identified.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Signal } from "../../src/receive/decoder.ts";
import { limits } from "../../src/receive/limits.ts";
import { createSeriesMemory } from "../../src/receive/series-memory.ts";
import { encode } from "./otlp-proto.ts";
import { gaugeRequest, nowMs, spanRequest } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const window = { pastMs: 7 * 86_400_000, futureMs: 3_600_000 };

function decode(signal: Signal, ...bodies: Uint8Array[]): { answers: DecodeAnswer[]; rows: Row[]; series: Row[] } {
  const decoder = createDecoder({ window, seriesPerMetric: 100_000 });
  const answers = bodies.map((body) => decoder.decode(signal, "protobuf", body, nowMs));
  const { batches } = decoder.seal();
  const of = (isSeries: boolean): Row[] =>
    batches.filter(({ table }) => (table === "otel_metrics_series") === isSeries).flatMap(rowsOf);
  return { answers, rows: of(false), series: of(true) };
}

const nano = (ms: number): string => `${ms}000000`;
const text = (length: number): object => ({ stringValue: "x".repeat(length) });

describe("items", () => {
  it("outside the window are rejected, and the answer says so", () => {
    for (const [ms, accepted] of [
      [nowMs - window.pastMs - 1, 0],
      [nowMs - window.pastMs, 1],
      [nowMs + window.futureMs, 1],
      [nowMs + window.futureMs + 1, 0],
      [0, 0],
    ] as const) {
      const { answers } = decode("traces", spanRequest("x", { startTimeUnixNano: nano(ms) }));
      expect(answers[0]).toMatchObject({ kind: "decoded", accepted, rejected: 1 - accepted });
      expect(answers[0]!.says.includes("window")).toBe(accepted === 0);
    }
  });

  it("on the 101st day of one request are rejected, and of several requests go into another batch", () => {
    const decoder = createDecoder({ window: null });
    const day = (i: number): string => nano(nowMs + i * 86_400_000);
    const spans = Array.from({ length: 102 }, (_, i) => ({
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(1),
      startTimeUnixNano: day(i),
    }));
    const many = encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
    expect(decoder.decode("traces", "protobuf", many, nowMs)).toMatchObject({ accepted: 100, rejected: 2 });
    expect(
      decoder.decode("traces", "protobuf", spanRequest("x", { startTimeUnixNano: day(101) }), nowMs),
    ).toMatchObject({ accepted: 1 });
    expect(decoder.seal().batches.map((batch) => batch.rows)).toEqual([100, 1]);
  });

  it("keep the good neighbours of a bad one", () => {
    const span = {
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(1),
      startTimeUnixNano: nano(nowMs),
    };
    const spans = [
      { ...span, traceId: new Uint8Array(15).fill(1) },
      { ...span, name: "good" },
      { ...span, spanId: new Uint8Array(8) },
    ];
    const { answers, rows } = decode("traces", encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect(answers[0]).toMatchObject({ accepted: 1, rejected: 2 });
    expect(answers[0]!.says).toMatch(/trace_id.*span_id/);
    expect(rows.map((row) => row.SpanName)).toEqual(["good"]);
  });

  it("with too many attributes or too long keys or values are mended, and counted", () => {
    const attributes = [
      { key: "k".repeat(257), value: text(1) },
      { key: "long", value: text(limits.valueBytes + 5) },
      { key: "long", value: text(1) },
      ...Array.from({ length: 200 }, (_, i) => ({ key: `key-${i}`, value: text(1) })),
    ];
    const { answers, rows } = decode("traces", spanRequest("x", { attributes }));
    const kept = rows[0]!.SpanAttributes as [string, string][];
    expect(kept).toHaveLength(126);
    expect(kept[0]![1]).toHaveLength(limits.valueBytes);
    const tally = answers[0]!.kind === "decoded" ? answers[0]!.tally.repaired : new Map();
    expect(Object.fromEntries(tally)).toEqual({
      "key-length": 1,
      "value-cut": 1,
      "duplicate-key": 1,
      "attribute-limit": 75,
    });
  });

  it("end no earlier than they start: duration 0, counted", () => {
    const { answers, rows } = decode("traces", spanRequest("x", { endTimeUnixNano: nano(nowMs - 1) }));
    expect(rows[0]!.Duration).toBe(0n);
    expect(answers[0]!.says).toContain("duration 0");
  });

  it("may not be more than the limit, and are counted before they are decoded", () => {
    const empty = Uint8Array.from(Array.from({ length: (limits.items + 1) * 2 }, (_, i) => (i % 2 === 0 ? 0x12 : 0)));
    const wrap = (tag: number, bytes: Uint8Array): Uint8Array => {
      const { length } = bytes;
      return Uint8Array.from([tag, (length & 127) | 128, ((length >> 7) & 127) | 128, (length >> 14) | 0, ...bytes]);
    };
    const { answers } = decode("traces", wrap(0x0a, wrap(0x12, empty)));
    expect(answers[0]).toMatchObject({ kind: "too-large" });
  });

  it("may not blow up by the attributes of their resource", () => {
    const attributes = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: text(limits.valueBytes) }));
    const spans = Array.from({ length: 100 }, () => ({
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(1),
      startTimeUnixNano: nano(nowMs),
    }));
    const { answers, rows } = decode(
      "traces",
      encode("traces", { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }),
    );
    expect(answers[0]).toMatchObject({ kind: "too-large" });
    expect(rows).toEqual([]);
  });

  it("of metrics are rejected where mending would merge series", () => {
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, "v"]));
    const { answers } = decode(
      "metrics",
      gaugeRequest("m", 1, many),
      gaugeRequest("m", 1, { ["k".repeat(257)]: "v" }),
      gaugeRequest("", 1),
    );
    expect(answers.map((answer) => (answer.kind === "decoded" ? [...answer.tally.rejected.keys()] : []))).toEqual([
      ["attributes"],
      ["key-length"],
      ["metric-name"],
    ]);
  });

  it("of histograms need one bucket more than bounds", () => {
    const point = { timeUnixNano: nano(nowMs), bucketCounts: [1, 2], explicitBounds: [1, 2] };
    const { answers } = decode(
      "metrics",
      encode("metrics", {
        resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "h", histogram: { dataPoints: [point] } }] }] }],
      }),
    );
    expect(answers[0]).toMatchObject({ accepted: 0, rejected: 1 });
  });
});

describe("series identity", () => {
  it("is the same whatever the order of attributes, and differs with any part of it", () => {
    const { rows } = decode(
      "metrics",
      gaugeRequest("m", 1, { a: "1", b: "2" }),
      gaugeRequest("m", 2, { b: "2", a: "1" }),
    );
    expect(rows[0]!.SeriesHash).toBe(rows[1]!.SeriesHash);
    const others = [
      gaugeRequest("m", 1, { a: "2", b: "1" }),
      gaugeRequest("m", 1, { a: "1" }),
      gaugeRequest("m", 1, { a: "1b", "": "2" }),
      gaugeRequest("n", 1, { a: "1", b: "2" }),
      metric("replica-1", { name: "m", gauge: {} }),
      metric("replica-2", { name: "m", gauge: {} }),
      metric("replica-1", { name: "m", sum: {} }),
      metric("replica-1", { name: "m", sum: { aggregationTemporality: 1 } }),
      metric("replica-1", { name: "m", sum: { isMonotonic: true } }),
      metric("replica-1", { name: "m", unit: "s", gauge: {} }),
      metric("replica-1", { name: "m", histogram: {} }, { bucketCounts: [1, 1], explicitBounds: [1] }),
      metric("replica-1", { name: "m", histogram: {} }, { bucketCounts: [1, 1], explicitBounds: [2] }),
    ];
    const hashes = decode("metrics", ...others).rows.map((row) => row.SeriesHash);
    expect(new Set([...hashes, rows[0]!.SeriesHash]).size).toBe(others.length + 1);
  });

  it("does not collide over many similar series", () => {
    const points = Array.from({ length: 50_000 }, (_, i) => ({
      timeUnixNano: nano(nowMs),
      asInt: i,
      attributes: [
        { key: "replica", value: { stringValue: `vllm-${i % 250}` } },
        { key: "le", value: { intValue: Math.floor(i / 250) } },
      ],
    }));
    const { rows, series } = decode(
      "metrics",
      encode("metrics", {
        resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: points } }] }] }],
      }),
    );
    const hashes = rows.map((row) => row.SeriesHash as bigint);
    expect(new Set(hashes).size).toBe(50_000);
    expect(new Set(hashes.map((hash) => hash & 0xffffffn)).size).toBeGreaterThan(49_000);
    expect(series).toHaveLength(50_000);
    expect(series[7]).toMatchObject({
      MetricName: "m",
      MetricType: "Gauge",
      Temporality: "Unspecified",
      SeriesHash: hashes[7],
      Date: Math.floor(nowMs / 86_400_000),
      LastSeen: BigInt(nowMs),
    });
  });
});

describe("the memory of described series", () => {
  it("never forgets within its capacity, never exceeds twice that, and takes back what was refused", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ keys: fc.array(fc.nat(40), { maxLength: 20 }), refused: fc.boolean(), promised: fc.boolean() }),
          { maxLength: 12 },
        ),
        (steps) => {
          const memory = createSeriesMemory(1000);
          const promised = new Set<number>();
          for (const step of steps) {
            memory.mark();
            const fresh = new Set<number>();
            for (const key of step.keys) {
              expect(memory.known(20_000, key, -key)).toBe(promised.has(key) || fresh.has(key));
              fresh.add(key);
            }
            if (step.refused) memory.rollback();
            const taken = memory.take();
            if (!step.promised) continue;
            memory.promised(taken);
            if (!step.refused) for (const key of fresh) promised.add(key);
          }
        },
      ),
    );
  });
});

function metric(replica: string, definition: Record<string, unknown>, point: object = {}): Uint8Array {
  const kind = Object.keys(definition).find((key) => typeof definition[key] === "object")!;
  const data = { ...(definition[kind] as object), dataPoints: [{ timeUnixNano: nano(nowMs), ...point }] };
  const resource = { attributes: [{ key: "service.instance.id", value: { stringValue: replica } }] };
  return encode("metrics", {
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ ...definition, [kind]: data }] }] }],
  });
}
