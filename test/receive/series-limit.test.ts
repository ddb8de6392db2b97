// One metric may not grow series without end, and nothing else suffers from one that tries.
import { describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Decoder } from "../../src/receive/decoder.ts";
import { encode } from "./otlp-proto.ts";
import { nowMs } from "./payloads.ts";
import { rowsOf } from "./read-native.ts";

const DAY_MS = 86_400_000;
const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });

function points(from: number, to: number, ms = nowMs): object[] {
  return Array.from({ length: to - from }, (_, i) => ({
    timeUnixNano: `${ms}000000`,
    asDouble: i,
    attributes: [
      attribute("method", `m${i % 4}`),
      attribute("user_id", `user-${from + i}`),
      attribute("shard", `${(from + i) % 200}`),
    ],
  }));
}

function request(byName: Readonly<Record<string, object[]>>, resource: object[] = []): Uint8Array {
  const metrics = Object.entries(byName).map(([name, dataPoints]) => ({ name, gauge: { dataPoints } }));
  return encode("metrics", {
    resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics: [{ metrics }] }],
  });
}

function send(decoder: Decoder, body: Uint8Array): Extract<DecodeAnswer, { kind: "decoded" }> {
  const answer = decoder.decode("metrics", "protobuf", body, nowMs);
  if (answer.kind !== "decoded") throw new Error(answer.says);
  return answer;
}

function rowsByName(decoder: Decoder, table: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of decoder
    .seal()
    .batches.filter((batch) => batch.table === table)
    .flatMap(rowsOf))
    counts[row.MetricName as string] = (counts[row.MetricName as string] ?? 0) + 1;
  return counts;
}

describe("100,000 values of one label", () => {
  it("stop at 10,000 series, the answer names metric and label, and other metrics go on", () => {
    const decoder = createDecoder({ window: null });
    const answers = Array.from({ length: 10 }, (_, i) =>
      send(decoder, request({ requests: points(i * 10_000, (i + 1) * 10_000 - 1), healthy: points(0, 1) })),
    );
    expect(answers.reduce((sum, answer) => sum + answer.accepted, 0)).toBe(10_000 + 10);
    const { says, tally } = answers[9]!;
    expect(tally.rejected.get("series-limit")).toBe(9999);
    expect(says).toMatch(/9999 rejected.*"requests".*"user_id"/);
    expect(says).not.toContain("healthy");
    expect(says).not.toContain("user-");
    expect(rowsByName(decoder, "otel_metrics_gauge")).toEqual({ requests: 10_000, healthy: 10 });
  });

  it("do not keep the series before them from going on, in whatever order their attributes come", () => {
    const decoder = createDecoder({ window: null, seriesPerMetric: 100 });
    expect(send(decoder, request({ m: points(0, 150) }))).toMatchObject({ accepted: 100, rejected: 50 });
    const turned = points(0, 150).map((point) => {
      const { attributes } = point as { attributes: object[] };
      return { ...point, attributes: attributes.toReversed() };
    });
    expect(send(decoder, request({ m: turned }))).toMatchObject({ accepted: 100, rejected: 50 });
    expect(rowsByName(decoder, "otel_metrics_series")).toEqual({ m: 100 });
  });

  it("are counted again the next day", () => {
    const decoder = createDecoder({ window: null, seriesPerMetric: 100 });
    send(decoder, request({ m: points(0, 150) }));
    const answer = send(decoder, request({ m: [...points(200, 210, nowMs + DAY_MS), ...points(300, 305)] }));
    expect(answer).toMatchObject({ accepted: 10, rejected: 5 });
  });
});

it("a label of the resource is named like any other", () => {
  const decoder = createDecoder({ window: null, seriesPerMetric: 20 });
  const bodies = Array.from({ length: 21 }, (_, i) =>
    request({ m: points(0, 1) }, [attribute("service.name", "a"), attribute("service.instance.id", `pod-${i}`)]),
  );
  const answers = bodies.map((body) => send(decoder, body));
  expect(answers.at(-1)!.says).toContain('"service.instance.id"');
});
