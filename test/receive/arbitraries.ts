// Generated OTLP messages, as plain objects for protobufjs.
import fc from "fast-check";

const word = fc.bigInt(0n, 2n ** 64n - 1n).map(String);
const integer = fc.oneof(fc.integer().map(String), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String));
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("service.name", "gen_ai.request.model", "a", "host.name", "") },
  fc.string({ unit: "grapheme", maxLength: 40 }),
);
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.constantFrom("vllm-0", "é".repeat(70), "x".repeat(200)),
);
const double = fc.oneof(fc.double(), fc.constantFrom(0.1, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 5e-324));
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const id = (length: number): fc.Arbitrary<Uint8Array> =>
  bytes(length).filter((value) => value.some((byte) => byte !== 0));
const optionalId = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(fc.constant(new Uint8Array(0)), id(length), fc.constant(new Uint8Array(length)));

const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ stringValue: text }),
    fc.record({ intValue: integer }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ doubleValue: double }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 10 }) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("value"), { maxLength: 4 }) }) }),
    fc.record({
      kvlistValue: fc.record({ values: fc.array(fc.record({ key: name, value: tie("value") }), { maxLength: 4 }) }),
    }),
  ),
}));

const attributes = fc.array(fc.record({ key: name, value: anyValue }, { requiredKeys: [] }), { maxLength: 6 });
const resource = fc.record({ attributes }, { requiredKeys: [] });
const scope = fc.record(
  { name: text, version: text, attributes, droppedAttributesCount: fc.nat() },
  { requiredKeys: [] },
);

/** A time the tables can hold: up to the year 2149. */
const time = fc.bigInt(1n, 5_600_000_000_000_000_000n).map(String);

const span = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    parentSpanId: optionalId(8),
    traceState: text,
    name: text,
    kind: fc.integer({ min: -1, max: 9 }),
    startTimeUnixNano: time,
    endTimeUnixNano: word,
    attributes,
    events: fc.array(fc.record({ timeUnixNano: word, name: text, attributes }, { requiredKeys: [] }), { maxLength: 3 }),
    links: fc.array(
      fc.record({ traceId: optionalId(16), spanId: optionalId(8), traceState: text, attributes }, { requiredKeys: [] }),
      { maxLength: 3 },
    ),
    status: fc.record({ code: fc.integer({ min: 0, max: 4 }), message: text }, { requiredKeys: [] }),
    flags: fc.nat(),
  },
  { requiredKeys: ["traceId", "spanId"] },
);

const logRecord = fc.record(
  {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: fc.integer({ min: -3, max: 300 }),
    severityText: text,
    body: anyValue,
    attributes,
    flags: fc.nat(),
    traceId: optionalId(16),
    spanId: optionalId(8),
    eventName: text,
  },
  { requiredKeys: [] },
);

const exemplar = fc.record(
  {
    timeUnixNano: word,
    asDouble: double,
    spanId: optionalId(8),
    traceId: optionalId(16),
    filteredAttributes: attributes,
  },
  { requiredKeys: [] },
);
const pointHead = {
  startTimeUnixNano: word,
  timeUnixNano: time,
  attributes,
  flags: fc.integer({ min: 0, max: 3 }),
  exemplars: fc.array(exemplar, { maxLength: 2 }),
};
const numberPoint = fc.oneof(
  fc.record({ ...pointHead, asDouble: double }, { requiredKeys: ["timeUnixNano"] }),
  fc.record({ ...pointHead, asInt: integer }, { requiredKeys: ["timeUnixNano"] }),
);
const distribution = { ...pointHead, count: word, sum: double, min: double, max: double };
const histogramPoint = fc
  .tuple(
    fc.record(distribution, { requiredKeys: ["timeUnixNano"] }),
    fc.array(fc.tuple(word, double), { maxLength: 5 }),
  )
  .map(([point, buckets]) => ({
    ...point,
    bucketCounts: buckets.map(([count]) => count),
    explicitBounds: buckets.slice(1).map(([, bound]) => bound),
  }));
const side = fc.record({ offset: fc.integer(), bucketCounts: fc.array(word, { maxLength: 4 }) }, { requiredKeys: [] });
const exponentialPoint = fc.record(
  { ...distribution, scale: fc.integer({ min: -20, max: 20 }), zeroCount: word, positive: side, negative: side },
  { requiredKeys: ["timeUnixNano"] },
);
const { exemplars: _, ...summaryHead } = pointHead;
const summaryPoint = fc.record(
  {
    ...summaryHead,
    count: word,
    sum: double,
    quantileValues: fc.array(fc.record({ quantile: double, value: double }, { requiredKeys: [] }), { maxLength: 3 }),
  },
  { requiredKeys: ["timeUnixNano"] },
);
const temporality = fc.integer({ min: 0, max: 2 });
const points = <T>(point: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(point, { maxLength: 3 });
const metricHead = { name: text.filter((value) => value !== ""), description: text, unit: text };
const metric = fc.oneof(
  fc.record({ ...metricHead, gauge: fc.record({ dataPoints: points(numberPoint) }) }),
  fc.record({
    ...metricHead,
    sum: fc.record({ dataPoints: points(numberPoint), aggregationTemporality: temporality, isMonotonic: fc.boolean() }),
  }),
  fc.record({
    ...metricHead,
    histogram: fc.record({ dataPoints: points(histogramPoint), aggregationTemporality: temporality }),
  }),
  fc.record({
    ...metricHead,
    exponentialHistogram: fc.record({ dataPoints: points(exponentialPoint), aggregationTemporality: temporality }),
  }),
  fc.record({ ...metricHead, summary: fc.record({ dataPoints: points(summaryPoint) }) }),
);

function request(resources: string, scopes: string, items: string, item: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const scoped = fc.record(
    { scope, [items]: fc.array(item, { maxLength: 4 }), schemaUrl: text },
    { requiredKeys: [items] },
  );
  const one = fc.record(
    { resource, [scopes]: fc.array(scoped, { maxLength: 3 }), schemaUrl: text },
    { requiredKeys: [scopes] },
  );
  return fc.array(one, { maxLength: 3 }).map((list) => ({ [resources]: list }));
}

export const requests = {
  traces: request("resourceSpans", "scopeSpans", "spans", span),
  logs: request("resourceLogs", "scopeLogs", "logRecords", logRecord),
  metrics: request("resourceMetrics", "scopeMetrics", "metrics", metric),
};
