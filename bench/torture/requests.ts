// Numbered requests: every row carries the number of its request and its place in it, so that any of them is missed.
import { type Attributes, logsRequest, metricsRequest, nano, tracesRequest, type Value } from "../lib/otlp-wire.ts";

export type Signal = "traces" | "metrics" | "logs";

export interface NumberedRequest {
  readonly number: number;
  readonly signal: Signal;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** Rows of a request are numbered below this, so that number and row fit one value of a point. */
export const rowsMax = 64;

/** What every row also carries; the judge computes it again in SQL. */
const checkOf = (number: number, row: number): number => (number * 31 + row * 7) % 1_000_003;
const dayMs = 86_400_000;
const resource: Attributes = { "service.name": "torture", "service.instance.id": "one" };

/** `draw` gives numbers in [0, 1). Every other row lies a day back, so that inserts touch two partitions. */
export function requestOf(number: number, nowMs: number, draw: () => number, signal?: Signal): NumberedRequest {
  const rows = 1 + Math.floor(draw() * (rowsMax - 1));
  const what = signal ?? (["traces", "metrics", "logs"] as const)[Math.floor(draw() * 3)]!;
  const json = draw() < 0.4;
  const times = Array.from({ length: rows }, (_, row) => nano(nowMs - (row % 2) * dayMs));
  const bytes = json ? jsonOf(what, number, times) : protobufOf(what, number, times);
  return { number, signal: what, contentType: json ? "application/json" : "application/x-protobuf", bytes, rows };
}

function protobufOf(signal: Signal, number: number, times: readonly bigint[]): Uint8Array {
  const part = <Item>(items: readonly Item[]) => [{ resource, scope: "torture", items }];
  switch (signal) {
    case "traces":
      return tracesRequest(
        part(
          times.map((startNano, row) => ({
            traceId: Buffer.from(traceIdOf(number), "hex"),
            spanId: Buffer.from(spanIdOf(number, row), "hex"),
            name: "chat",
            kind: 2,
            startNano,
            endNano: startNano + 5_000_000n,
            attributes: attributesOf(number, row),
          })),
        ),
      );
    case "logs":
      return logsRequest(
        part(
          times.map((timeNano, row) => ({
            timeNano,
            severity: 9,
            severityText: "INFO",
            body: `a line of request ${number}`,
            attributes: attributesOf(number, row),
          })),
        ),
      );
    case "metrics": {
      const kind = kindOf(number);
      const points = times.map((timeNano, row) => ({
        timeNano,
        startNano: timeNano,
        value: number * rowsMax + row,
        attributes: { place: String(row % 8) },
        count: 2,
        sum: number * rowsMax + row,
        buckets: [1, 1],
        bounds: [10],
      }));
      return metricsRequest(part([{ name: `torture_${kind}`, description: "", unit: "", kind, points }]));
    }
  }
}

function jsonOf(signal: Signal, number: number, times: readonly bigint[]): Uint8Array {
  const head = { resource: { attributes: keyValues(resource) } };
  const scope = { name: "torture" };
  const message = (): object => {
    switch (signal) {
      case "traces": {
        const spans = times.map((time, row) => ({
          traceId: traceIdOf(number),
          spanId: spanIdOf(number, row),
          name: "chat",
          kind: 2,
          startTimeUnixNano: String(time),
          endTimeUnixNano: String(time + 5_000_000n),
          attributes: keyValues(attributesOf(number, row)),
        }));
        return { resourceSpans: [{ ...head, scopeSpans: [{ scope, spans }] }] };
      }
      case "logs": {
        const logRecords = times.map((time, row) => ({
          timeUnixNano: String(time),
          severityNumber: 9,
          severityText: "INFO",
          body: { stringValue: `a line of request ${number}` },
          attributes: keyValues(attributesOf(number, row)),
        }));
        return { resourceLogs: [{ ...head, scopeLogs: [{ scope, logRecords }] }] };
      }
      case "metrics": {
        const kind = kindOf(number);
        const dataPoints = times.map((time, row) => {
          const value = number * rowsMax + row;
          return {
            timeUnixNano: String(time),
            startTimeUnixNano: String(time),
            attributes: keyValues({ place: String(row % 8) }),
            ...(kind === "histogram"
              ? { count: "2", sum: value, bucketCounts: ["1", "1"], explicitBounds: [10] }
              : { asDouble: value }),
          };
        });
        const data = { dataPoints, aggregationTemporality: 2, isMonotonic: true };
        const field = { gauge: "gauge", counter: "sum", histogram: "histogram" }[kind];
        return {
          resourceMetrics: [
            { ...head, scopeMetrics: [{ scope, metrics: [{ name: `torture_${kind}`, [field]: data }] }] },
          ],
        };
      }
    }
  };
  return Buffer.from(JSON.stringify(message()));
}

function kindOf(number: number): "gauge" | "counter" | "histogram" {
  return (["gauge", "counter", "histogram"] as const)[number % 3]!;
}

function traceIdOf(number: number): string {
  return `7${number.toString(16).padStart(31, "0")}`;
}

function spanIdOf(number: number, row: number): string {
  return (BigInt(number) * BigInt(rowsMax) + BigInt(row) + 1n).toString(16).padStart(16, "0");
}

function attributesOf(number: number, row: number): Attributes {
  return { request: String(number), row: String(row), check: String(checkOf(number, row)) };
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]: [string, Value]) => ({ key, value: { stringValue: value } }));
}
