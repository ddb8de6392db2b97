// What the rows of all five metric tables share: where they come from, exemplars, the series they belong to.
import {
  appendByte,
  appendFloat64,
  appendUint32,
  appendWord,
  type Bytes,
  ensure,
  textSource,
} from "../model/columns/bytes.ts";
import { endArray } from "../model/columns/column.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import { createTable, type Table } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { metricTypes, temporalities } from "../model/otel-schema.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { appendId, appendWordAt, integerAt, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import { limits } from "./limits.ts";
import { unixMs } from "./numbers.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { appendRepeated, createRepeat, noteRange, type Range, type Request, range, spendParts } from "./request.ts";
import { createHash64, finishHash, type Hash, mixBytes, mixEntries, mixWord, startHash } from "./series-hash.ts";
import type { SeriesMemory } from "./series-memory.ts";
import { createSpans, noteSpan, type Spans } from "./spans.ts";
import { repair } from "./tally.ts";
import { countText } from "./values.ts";
import { readTag, skip, takeFixed64, type Wire } from "./wire.ts";

/** The metric being decoded. Other serials are other metrics, over all requests. */
export interface Metric {
  serial: number;
  /** Index into `metricTypes`. */
  type: number;
  readonly name: Range;
  readonly description: Range;
  readonly unit: Range;
  temporality: number;
  monotonic: boolean;
}

export interface MetricRows {
  readonly table: Table;
  /**
   * Appends the columns that precede a point's values. `hash` then holds the identity but for bounds and quantiles,
   * which the caller mixes in before {@link MetricRows.end}.
   */
  begin(request: Request, metric: Metric, attributes: Spans, start: number, time: number): void;
  readonly hash: Hash;
  /** Appends the series hash and, the first time on its day, describes the series. */
  end(request: Request, metric: Metric, attributes: Spans, time: number, bounds: Spans, quantiles: Spans): void;
}

const typeTexts = metricTypes.map(textSource);
const temporalityTexts = temporalities.map(textSource);

export function createMetricRows(
  table: Table,
  series: SeriesRows,
  memory: SeriesMemory,
  redactor: Redactor,
): MetricRows {
  const resourceAttributes = redactor.column(table.map("ResourceAttributes"));
  const resourceSchemaUrl = table.plain("ResourceSchemaUrl");
  const scopeName = table.plain("ScopeName");
  const scopeVersion = table.plain("ScopeVersion");
  const scopeAttributes = redactor.column(table.map("ScopeAttributes"));
  const scopeDropped = table.plain("ScopeDroppedAttrCount");
  const scopeSchemaUrl = table.plain("ScopeSchemaUrl");
  const serviceName = table.low("ServiceName");
  const metricName = table.low("MetricName");
  const description = table.plain("MetricDescription");
  const unit = table.plain("MetricUnit");
  const map = redactor.column(table.map("Attributes"));
  const startTime = table.plain("StartTimeUnix");
  const timeUnix = table.plain("TimeUnix");
  const seriesHash = table.plain("SeriesHash");
  const resourceRepeat = createRepeat();
  const scopeRepeat = createRepeat();
  const prefix = createHash64();
  const hash = createHash64();
  let prefixSerial = -1;

  function hashPrefix(request: Request, metric: Metric): void {
    const { source } = request.wire;
    const { origin } = request;
    startHash(prefix);
    const { keysStart, keysEnd, valuesStart } = resourceRepeat;
    mixEntries(prefix, resourceAttributes, keysStart >> 2, keysEnd >> 2, valuesStart);
    for (const part of [origin.scopeName, origin.scopeVersion, metric.name, metric.unit])
      mixBytes(prefix, source, part.start, part.end);
    mixWord(prefix, metric.type * 16 + metric.temporality * 2 + (metric.monotonic ? 1 : 0));
    prefixSerial = metric.serial;
  }

  return {
    table,
    hash,
    begin(request, metric, attributes, start, time) {
      const { wire, origin, tally } = request;
      const { source } = wire;
      appendRepeated(resourceAttributes, resourceRepeat, origin.resourceSerial, origin.resource, request);
      countText(
        appendText(resourceSchemaUrl, source, origin.resourceSchema.start, origin.resourceSchema.end, limits.nameBytes),
        tally,
      );
      countText(appendText(scopeName, source, origin.scopeName.start, origin.scopeName.end, limits.nameBytes), tally);
      countText(
        appendText(scopeVersion, source, origin.scopeVersion.start, origin.scopeVersion.end, limits.nameBytes),
        tally,
      );
      appendRepeated(scopeAttributes, scopeRepeat, origin.scopeSerial, origin.scope, request);
      ensure(scopeDropped, 4);
      appendUint32(scopeDropped, origin.scopeDropped);
      countText(
        appendText(scopeSchemaUrl, source, origin.scopeSchema.start, origin.scopeSchema.end, limits.nameBytes),
        tally,
      );
      appendLow(serviceName, origin.service, origin.serviceText.start, origin.serviceText.end, 0, limits.nameBytes);
      countText(appendLow(metricName, source, metric.name.start, metric.name.end, 0, limits.nameBytes), tally);
      countText(
        appendText(description, source, metric.description.start, metric.description.end, limits.nameBytes),
        tally,
      );
      countText(appendText(unit, source, metric.unit.start, metric.unit.end, limits.nameBytes), tally);
      const first = map.keys.index.length >> 2;
      const valuesFrom = map.values.length;
      appendAttributes(map, wire, attributes, tally);
      endMapRow(map);
      appendWordAt(startTime, wire, start);
      appendWordAt(timeUnix, wire, time);
      if (prefixSerial !== metric.serial) hashPrefix(request, metric);
      hash.low = prefix.low;
      hash.high = prefix.high;
      mixEntries(hash, map, first, map.keys.index.length >> 2, valuesFrom);
    },
    end(request, metric, attributes, time, bounds, quantiles) {
      finishHash(hash);
      ensure(seriesHash, 8);
      appendWord(seriesHash, hash.low, hash.high);
      const { view } = request.wire;
      const ms = time < 0 ? 0 : unixMs(view.getInt32(time, true), view.getInt32(time + 4, true));
      const day = Math.floor(ms / 86_400_000);
      if (!memory.known(day, hash.low, hash.high))
        series.append(request, metric, { attributes, bounds, quantiles }, hash, ms);
      table.rows++;
      request.accepted++;
    },
  };
}

export interface SeriesRows {
  readonly table: Table;
  append(
    request: Request,
    metric: Metric,
    point: { readonly attributes: Spans; readonly bounds: Spans; readonly quantiles: Spans },
    hash: Hash,
    ms: number,
  ): void;
}

/** Rows of otel_metrics_series. */
export function createSeriesRows(redactor: Redactor): SeriesRows {
  const table = createTable("otel_metrics_series");
  const [date, metricName, seriesHash] = [table.plain("Date"), table.low("MetricName"), table.plain("SeriesHash")];
  const [serviceName, metricType, temporality] = [
    table.low("ServiceName"),
    table.low("MetricType"),
    table.low("Temporality"),
  ];
  const [isMonotonic, unit, scopeName] = [table.plain("IsMonotonic"), table.low("Unit"), table.plain("ScopeName")];
  const [scopeVersion, resourceSchemaUrl] = [table.low("ScopeVersion"), table.low("ResourceSchemaUrl")];
  const [scopeSchemaUrl, maps] = [
    table.low("ScopeSchemaUrl"),
    ["ResourceAttributes", "ScopeAttributes", "Attributes"].map((name) => redactor.column(table.map(name))),
  ];
  const [boundsOffsets, boundsColumn] = [table.offsets("ExplicitBounds"), table.plain("ExplicitBounds")];
  const [quantileOffsets, quantileColumn] = [table.offsets("Quantiles"), table.plain("Quantiles")];
  const [firstSeen, lastSeen] = [table.plain("FirstSeen"), table.plain("LastSeen")];

  return {
    table,
    append(request, metric, point, hash, ms) {
      const { wire, origin, tally } = request;
      const { source } = wire;
      const type = typeTexts[metric.type]!;
      const temporalityText = temporalityTexts[metric.temporality] ?? temporalityTexts[0]!;
      const day = Math.floor(ms / 86_400_000);
      ensure(date, 2);
      appendByte(date, day & 0xff);
      appendByte(date, day >> 8);
      appendLow(metricName, source, metric.name.start, metric.name.end, 0, limits.nameBytes);
      ensure(seriesHash, 8);
      appendWord(seriesHash, hash.low, hash.high);
      appendLow(serviceName, origin.service, origin.serviceText.start, origin.serviceText.end, 0, limits.nameBytes);
      appendLow(metricType, type, 0, type.length, 0, limits.nameBytes);
      appendLow(temporality, temporalityText, 0, temporalityText.length, 0, limits.nameBytes);
      ensure(isMonotonic, 1);
      appendByte(isMonotonic, metric.monotonic ? 1 : 0);
      appendLow(unit, source, metric.unit.start, metric.unit.end, 0, limits.nameBytes);
      appendText(scopeName, source, origin.scopeName.start, origin.scopeName.end, limits.nameBytes);
      appendLow(scopeVersion, source, origin.scopeVersion.start, origin.scopeVersion.end, 0, limits.nameBytes);
      appendLow(resourceSchemaUrl, source, origin.resourceSchema.start, origin.resourceSchema.end, 0, limits.nameBytes);
      appendLow(scopeSchemaUrl, source, origin.scopeSchema.start, origin.scopeSchema.end, 0, limits.nameBytes);
      [origin.resource, origin.scope, point.attributes].forEach((spans, i) => {
        appendAttributes(maps[i]!, wire, spans, tally);
        endMapRow(maps[i]!);
      });
      endArray(boundsOffsets, appendRuns(boundsColumn, wire, point.bounds));
      endArray(quantileOffsets, appendQuantiles(quantileColumn, undefined, wire, point.quantiles));
      for (const column of [firstSeen, lastSeen]) {
        ensure(column, 8);
        appendWord(column, (Math.floor(ms) % 4294967296) | 0, Math.floor(ms / 4294967296));
      }
      table.rows++;
    },
  };
}

/** Appends 8-byte numbers that stand in the body as runs (packed) or one by one. Returns how many. */
export function appendRuns(column: Bytes, wire: Wire, runs: Spans): number {
  let count = 0;
  for (let i = 0; i < runs.count; i++) {
    const end = runs.at[i * 2 + 1]!;
    ensure(column, end - runs.at[i * 2]!);
    for (let at = runs.at[i * 2]!; at < end; at += 8, count++) {
      appendWord(column, wire.view.getInt32(at, true), wire.view.getInt32(at + 4, true));
    }
  }
  return count;
}

/** Appends the quantiles of a summary, and their values if there is a column for them. Returns how many. */
export function appendQuantiles(
  quantileColumn: Bytes,
  valueColumn: Bytes | undefined,
  wire: Wire,
  quantiles: Spans,
): number {
  for (let i = 0; i < quantiles.count; i++) {
    const end = quantiles.at[i * 2 + 1]!;
    let quantile = -1;
    let value = -1;
    wire.pos = quantiles.at[i * 2]!;
    while (wire.pos < end) {
      const tag = readTag(wire, end);
      if (tag === 0x09) quantile = takeFixed64(wire, end);
      else if (tag === 0x11) value = takeFixed64(wire, end);
      else skip(wire, tag, end);
    }
    appendWordAt(quantileColumn, wire, quantile);
    if (valueColumn !== undefined) appendWordAt(valueColumn, wire, value);
  }
  return quantiles.count;
}

export function exemplarWriter(table: Table, redactor: Redactor): (request: Request, exemplars: Spans) => void {
  const offsets = table.offsets("Exemplars");
  const maps = redactor.column(table.map("Exemplars.FilteredAttributes"));
  const [times, values] = [table.plain("Exemplars.TimeUnix"), table.plain("Exemplars.Value")];
  const [spanIds, traceIds] = [table.plain("Exemplars.SpanId"), table.plain("Exemplars.TraceId")];
  const [spanId, traceId, attributes] = [range(), range(), createSpans()];
  return (request, exemplars) => {
    const { wire, tally } = request;
    for (let i = 0; i < exemplars.count; i++) {
      const end = exemplars.at[i * 2 + 1]!;
      let time = -1;
      let value = 0;
      spanId.start = spanId.end = traceId.start = traceId.end = 0;
      attributes.count = 0;
      wire.pos = exemplars.at[i * 2]!;
      while (wire.pos < end) {
        const tag = readTag(wire, end);
        if (tag === 0x11) time = takeFixed64(wire, end);
        else if (tag === 0x19) value = wire.view.getFloat64(takeFixed64(wire, end), true);
        else if (tag === 0x31) value = integerAt(wire, takeFixed64(wire, end));
        else if (tag === 0x22) noteRange(spanId, wire, end);
        else if (tag === 0x2a) noteRange(traceId, wire, end);
        else if (tag === 0x3a) noteSpan(attributes, wire, end);
        else skip(wire, tag, end);
      }
      appendAttributes(maps, wire, attributes, tally);
      endMapRow(maps);
      appendWordAt(times, wire, time);
      ensure(values, 8);
      appendFloat64(values, value);
      if (!appendId(spanIds, wire, spanId, SPAN_ID_BYTES)) repair(tally, "link-id");
      if (!appendId(traceIds, wire, traceId, TRACE_ID_BYTES)) repair(tally, "link-id");
    }
    spendParts(request, exemplars.count);
    endArray(offsets, exemplars.count);
  };
}
