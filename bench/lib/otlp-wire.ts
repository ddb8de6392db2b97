// OTLP requests as protobuf bytes, written by hand: senders must be cheap and owe nothing to the code they judge.

export type Value = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, Value>>;

export const nano = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n;

export interface Span {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly startNano: bigint;
  readonly endNano: bigint;
  readonly attributes: Attributes;
  readonly events?: readonly { readonly timeNano: bigint; readonly name: string; readonly attributes: Attributes }[];
}

export interface LogRecord {
  readonly timeNano: bigint;
  readonly severity: number;
  readonly severityText: string;
  readonly body: string;
  readonly attributes: Attributes;
  readonly traceId?: Uint8Array;
  readonly spanId?: Uint8Array;
}

export interface NumberPoint {
  readonly timeNano: bigint;
  readonly startNano: bigint;
  readonly value: number;
  readonly attributes: Attributes;
}

export interface HistogramPoint extends Omit<NumberPoint, "value"> {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly number[];
  readonly bounds: readonly number[];
}

export type Metric = { readonly name: string; readonly description: string; readonly unit: string } & (
  | { readonly kind: "gauge" | "counter"; readonly points: readonly NumberPoint[] }
  | { readonly kind: "histogram"; readonly points: readonly HistogramPoint[] }
);

/** One resource's part of a request. */
export interface Part<Item> {
  readonly resource: Attributes;
  readonly scope: string;
  readonly items: readonly Item[];
}

export const tracesRequest = (parts: readonly Part<Span>[]): Uint8Array => request(parts, span);
export const logsRequest = (parts: readonly Part<LogRecord>[]): Uint8Array => request(parts, logRecord);
export const metricsRequest = (parts: readonly Part<Metric>[]): Uint8Array => request(parts, metric);

function request<Item>(parts: readonly Part<Item>[], write: (item: Item) => Uint8Array): Uint8Array {
  return Buffer.concat(
    parts.map(({ resource, scope, items }) =>
      message(
        1,
        message(1, keyValues(1, resource)),
        message(2, message(1, text(1, scope)), ...items.map((item) => message(2, write(item)))),
      ),
    ),
  );
}

function span(one: Span): Uint8Array {
  return Buffer.concat([
    message(1, one.traceId),
    message(2, one.spanId),
    ...(one.parentSpanId === undefined ? [] : [message(4, one.parentSpanId)]),
    text(5, one.name),
    number(6, one.kind),
    fixed(7, one.startNano),
    fixed(8, one.endNano),
    keyValues(9, one.attributes),
    ...(one.events ?? []).map(({ timeNano, name, attributes }) =>
      message(11, fixed(1, timeNano), text(2, name), keyValues(3, attributes)),
    ),
  ]);
}

function logRecord(one: LogRecord): Uint8Array {
  return Buffer.concat([
    fixed(1, one.timeNano),
    number(2, one.severity),
    text(3, one.severityText),
    message(5, text(1, one.body)),
    keyValues(6, one.attributes),
    ...(one.traceId === undefined ? [] : [message(9, one.traceId)]),
    ...(one.spanId === undefined ? [] : [message(10, one.spanId)]),
    fixed(11, one.timeNano),
  ]);
}

function metric(one: Metric): Uint8Array {
  const head = [text(1, one.name), text(2, one.description), text(3, one.unit)];
  switch (one.kind) {
    case "gauge":
      return Buffer.concat([...head, message(5, ...one.points.map((point) => message(1, numberPoint(point))))]);
    case "counter":
      return Buffer.concat([
        ...head,
        message(7, ...one.points.map((point) => message(1, numberPoint(point))), number(2, 2), number(3, 1)),
      ]);
    case "histogram":
      return Buffer.concat([
        ...head,
        message(9, ...one.points.map((point) => message(1, histogramPoint(point))), number(2, 2)),
      ]);
  }
}

function numberPoint(point: NumberPoint): Uint8Array {
  return Buffer.concat([
    keyValues(7, point.attributes),
    fixed(2, point.startNano),
    fixed(3, point.timeNano),
    double(4, point.value),
  ]);
}

function histogramPoint(point: HistogramPoint): Uint8Array {
  return Buffer.concat([
    keyValues(9, point.attributes),
    fixed(2, point.startNano),
    fixed(3, point.timeNano),
    fixed(4, BigInt(point.count)),
    double(5, point.sum),
    message(6, new Uint8Array(BigUint64Array.from(point.buckets, BigInt).buffer)),
    message(7, new Uint8Array(Float64Array.from(point.bounds).buffer)),
  ]);
}

function keyValues(field: number, attributes: Attributes): Uint8Array {
  return Buffer.concat(
    Object.entries(attributes).map(([key, value]) => message(field, text(1, key), message(2, anyValue(value)))),
  );
}

function anyValue(value: Value): Uint8Array {
  if (typeof value === "string") return text(1, value);
  if (typeof value === "boolean") return number(2, value ? 1 : 0);
  if (typeof value === "number") return Number.isInteger(value) ? number(3, value) : double(4, value);
  return message(5, ...value.map((one) => message(1, anyValue(one))));
}

function message(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(length), ...parts]);
}

function text(field: number, value: string): Uint8Array {
  return message(field, Buffer.from(value, "utf8"));
}

function number(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function fixed(field: number, value: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = field * 8 + 1;
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
}

function double(field: number, value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = field * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
