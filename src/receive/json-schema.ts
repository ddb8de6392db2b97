// The OTLP messages as JSON names them: lowerCamelCase only, and what each field becomes on the protobuf wire.

export type FieldKind =
  | "string"
  /** Bytes written as hex: trace and span ids. */
  | "hex"
  | "base64"
  | "bool"
  | "double"
  /** Numbers of up to 64 bits, as varint, zigzag varint, or 4 or 8 bytes. Strings of digits are taken as well. */
  | "int32"
  | "uint32"
  | "sint32"
  | "int64"
  | "uint64"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  | "message";

export interface Field {
  readonly name: Uint8Array;
  readonly text: string;
  readonly kind: FieldKind;
  /** Tag byte on the wire; all field numbers of OTLP are below 16. */
  readonly tag: number;
  readonly repeated: boolean;
  readonly message?: Message;
}

export interface Message {
  readonly fields: Field[];
}

const wireTypes: Readonly<Record<FieldKind, number>> = {
  string: 2,
  hex: 2,
  base64: 2,
  bool: 0,
  double: 1,
  int32: 0,
  uint32: 0,
  sint32: 0,
  int64: 0,
  uint64: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed64: 1,
  message: 2,
};

const encoder = new TextEncoder();

/** `{ name: [field number, kind or message, repeated?] }` */
type Definition = Readonly<Record<string, readonly [number: number, kind: FieldKind | Message, repeated?: true]>>;

const anyValue: Message = { fields: [] };
const keyValue = message({ key: [1, "string"], value: [2, anyValue] });
const keyValueList = message({ values: [1, keyValue, true] });
const arrayValue = message({ values: [1, anyValue, true] });
anyValue.fields.push(
  ...message({
    stringValue: [1, "string"],
    boolValue: [2, "bool"],
    intValue: [3, "int64"],
    doubleValue: [4, "double"],
    arrayValue: [5, arrayValue],
    kvlistValue: [6, keyValueList],
    bytesValue: [7, "base64"],
  }).fields,
);

const resource = message({ attributes: [1, keyValue, true], droppedAttributesCount: [2, "uint32"] });
const scope = message({
  name: [1, "string"],
  version: [2, "string"],
  attributes: [3, keyValue, true],
  droppedAttributesCount: [4, "uint32"],
});

const span = message({
  traceId: [1, "hex"],
  spanId: [2, "hex"],
  traceState: [3, "string"],
  parentSpanId: [4, "hex"],
  name: [5, "string"],
  kind: [6, "int32"],
  startTimeUnixNano: [7, "fixed64"],
  endTimeUnixNano: [8, "fixed64"],
  attributes: [9, keyValue, true],
  droppedAttributesCount: [10, "uint32"],
  events: [
    11,
    message({
      timeUnixNano: [1, "fixed64"],
      name: [2, "string"],
      attributes: [3, keyValue, true],
      droppedAttributesCount: [4, "uint32"],
    }),
    true,
  ],
  droppedEventsCount: [12, "uint32"],
  links: [
    13,
    message({
      traceId: [1, "hex"],
      spanId: [2, "hex"],
      traceState: [3, "string"],
      attributes: [4, keyValue, true],
      droppedAttributesCount: [5, "uint32"],
      flags: [6, "fixed32"],
    }),
    true,
  ],
  droppedLinksCount: [14, "uint32"],
  status: [15, message({ message: [2, "string"], code: [3, "int32"] })],
});

const logRecord = message({
  timeUnixNano: [1, "fixed64"],
  severityNumber: [2, "int32"],
  severityText: [3, "string"],
  body: [5, anyValue],
  attributes: [6, keyValue, true],
  droppedAttributesCount: [7, "uint32"],
  flags: [8, "fixed32"],
  traceId: [9, "hex"],
  spanId: [10, "hex"],
  observedTimeUnixNano: [11, "fixed64"],
  eventName: [12, "string"],
});

const exemplar = message({
  timeUnixNano: [2, "fixed64"],
  asDouble: [3, "double"],
  spanId: [4, "hex"],
  traceId: [5, "hex"],
  asInt: [6, "sfixed64"],
  filteredAttributes: [7, keyValue, true],
});

const numberPoint = message({
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  asDouble: [4, "double"],
  exemplars: [5, exemplar, true],
  asInt: [6, "sfixed64"],
  attributes: [7, keyValue, true],
  flags: [8, "uint32"],
});

const histogramPoint = message({
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  bucketCounts: [6, "fixed64", true],
  explicitBounds: [7, "double", true],
  exemplars: [8, exemplar, true],
  attributes: [9, keyValue, true],
  flags: [10, "uint32"],
  min: [11, "double"],
  max: [12, "double"],
});

const buckets = message({ offset: [1, "sint32"], bucketCounts: [2, "uint64", true] });
const exponentialPoint = message({
  attributes: [1, keyValue, true],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  scale: [6, "sint32"],
  zeroCount: [7, "fixed64"],
  positive: [8, buckets],
  negative: [9, buckets],
  flags: [10, "uint32"],
  exemplars: [11, exemplar, true],
  min: [12, "double"],
  max: [13, "double"],
  zeroThreshold: [14, "double"],
});

const summaryPoint = message({
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  quantileValues: [6, message({ quantile: [1, "double"], value: [2, "double"] }), true],
  attributes: [7, keyValue, true],
  flags: [8, "uint32"],
});

const metric = message({
  name: [1, "string"],
  description: [2, "string"],
  unit: [3, "string"],
  gauge: [5, message({ dataPoints: [1, numberPoint, true] })],
  sum: [
    7,
    message({ dataPoints: [1, numberPoint, true], aggregationTemporality: [2, "int32"], isMonotonic: [3, "bool"] }),
  ],
  histogram: [9, message({ dataPoints: [1, histogramPoint, true], aggregationTemporality: [2, "int32"] })],
  exponentialHistogram: [
    10,
    message({ dataPoints: [1, exponentialPoint, true], aggregationTemporality: [2, "int32"] }),
  ],
  summary: [11, message({ dataPoints: [1, summaryPoint, true] })],
});

/** The three requests: resource, scope, item. */
export const requestMessages = {
  traces: request("resourceSpans", "scopeSpans", "spans", span),
  logs: request("resourceLogs", "scopeLogs", "logRecords", logRecord),
  metrics: request("resourceMetrics", "scopeMetrics", "metrics", metric),
} as const;

/** Fields of a oneof by their message: of these, a later one takes the place of an earlier one. */
export const oneofTags: ReadonlyMap<Message, ReadonlySet<number>> = new Map([
  [anyValue, new Set(anyValue.fields.map((field) => field.tag))],
  [metric, new Set(metric.fields.filter((field) => field.kind === "message").map((field) => field.tag))],
]);

function request(resources: string, scopes: string, items: string, item: Message): Message {
  const scoped = message({ scope: [1, scope], [items]: [2, item, true], schemaUrl: [3, "string"] });
  return message({
    [resources]: [1, message({ resource: [1, resource], [scopes]: [2, scoped, true], schemaUrl: [3, "string"] }), true],
  });
}

function message(definition: Definition): Message {
  const fields = Object.entries(definition).map(([text, [number, kind, repeated]]): Field => {
    const name = encoder.encode(text);
    const isMessage = typeof kind === "object";
    const base = { name, text, repeated: repeated === true, kind: isMessage ? ("message" as const) : kind };
    const tag = number * 8 + wireTypes[base.kind];
    return isMessage ? { ...base, tag, message: kind } : { ...base, tag };
  });
  return { fields };
}
