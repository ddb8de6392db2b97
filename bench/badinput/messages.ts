// OTLP messages for the bad-input bench: good ones, and good ones with something wrong in them.
import { randomBytes } from "node:crypto";
import { encode } from "../../test/receive/otlp-proto.ts";

export const hourMs = 3_600_000;
const resource = { attributes: [text("service.name", "badinput")] };

export function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

export function nano(ms: number): string {
  return `${Math.round(ms)}000000`;
}

export interface SpanOf {
  readonly name: string;
  readonly attribute?: readonly [string, string];
  /** Takes the place of what a good span would have. */
  readonly fields?: object;
}

function span({ name, attribute = ["k", "v"], fields = {} }: SpanOf): object {
  return {
    traceId: randomBytes(16),
    spanId: randomBytes(8),
    name,
    startTimeUnixNano: nano(Date.now()),
    endTimeUnixNano: nano(Date.now() + 5),
    attributes: [text(...attribute)],
    ...fields,
  };
}

export function spans(list: readonly SpanOf[]): Uint8Array {
  return encode("traces", { resourceSpans: [{ resource, scopeSpans: [{ spans: list.map(span) }] }] });
}

/** One good span as OTLP/JSON. */
export function spanJson(name: string, extra = ""): string {
  const id = (bytes: number): string => randomBytes(bytes).toString("hex");
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${id(16)}","spanId":"${id(8)}","name":${JSON.stringify(name)},"startTimeUnixNano":"${nano(Date.now())}","endTimeUnixNano":"${nano(Date.now())}"${extra}}]}]}]}`;
}

export function logs(bodies: readonly string[], odd: readonly object[] = []): Uint8Array {
  const records = bodies.map((body) => ({ timeUnixNano: nano(Date.now()), body: { stringValue: body } }));
  return encode("logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [...records, ...odd] }] }] });
}

export function gauges(metrics: readonly { readonly name: string; readonly points: readonly object[] }[]): Uint8Array {
  const list = metrics.map(({ name, points }) => ({ name, gauge: { dataPoints: points } }));
  return encode("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ metrics: list }] }] });
}

export function point(asDouble: number, fields: object = {}): object {
  return { timeUnixNano: nano(Date.now()), asDouble, ...fields };
}
