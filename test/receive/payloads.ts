// Small requests for tests of doors and intake.
import type { PrivacyPolicy } from "../../src/receive/receive.ts";
import { encode } from "./otlp-proto.ts";

/** Every text as it was sent, for tests of how things are decoded. */
export const asSent: PrivacyPolicy = {
  content: "keep",
  logBodies: "keep",
  rules: [{ key: "span.status_message", action: "keep" }],
};
export const nowMs = 1_763_900_000_000;
const nano = (ms: number): string => `${ms}000000`;
const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
const resource = { attributes: [attribute("service.name", "vllm-0")] };

export function spanRequest(name: string, fields: object = {}): Uint8Array {
  const span = {
    traceId: new Uint8Array(16).fill(7),
    spanId: new Uint8Array(8).fill(9),
    name,
    startTimeUnixNano: nano(nowMs),
    endTimeUnixNano: nano(nowMs + 5),
    ...fields,
  };
  return encode("traces", { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
}

export function logRequest(body: string): Uint8Array {
  return encode("logs", {
    resourceLogs: [
      { resource, scopeLogs: [{ logRecords: [{ timeUnixNano: nano(nowMs), body: { stringValue: body } }] }] },
    ],
  });
}

export function gaugeRequest(
  name: string,
  asDouble: number,
  attributes: Readonly<Record<string, string>> = {},
  fields: object = {},
): Uint8Array {
  const point = {
    timeUnixNano: nano(nowMs),
    asDouble,
    attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    ...fields,
  };
  return encode("metrics", {
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name, gauge: { dataPoints: [point] } }] }] }],
  });
}
