// ExportMetricsServiceRequest -> rows of the metric tables, and of otel_metrics_series for series not yet described.
import { appendByte, appendFloat64, appendUint32, type Bytes, ensure } from "../model/columns/bytes.ts";
import { endArray } from "../model/columns/column.ts";
import { createTable, type Table } from "../model/columns/table.ts";
import { keysFit } from "./attributes.ts";
import { appendWordAt } from "./fields.ts";
import type { KeyGuard } from "./key-guard.ts";
import { limits } from "./limits.ts";
import { createMetricRows, type Metric, type MetricRows } from "./metric-rows.ts";
import { appendBuckets, appendQuantiles, appendRuns, exemplarWriter } from "./point-parts.ts";
import { bucketsFit, createPoint, type PointFields, readPoint } from "./points.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { noteMessage, noteRange, type Request, range, spendItems, spendParts, timeFits, walk } from "./request.ts";
import type { SeriesGuard } from "./series-guard.ts";
import { mixWord } from "./series-hash.ts";
import type { SeriesMemory } from "./series-memory.ts";
import { createSeriesRows } from "./series-rows.ts";
import { copySpans, createSpans, noteSpan, type Spans, sameSpans } from "./spans.ts";
import { type RejectReason, reject } from "./tally.ts";
import { readBool, readInt32, readTag, skip } from "./wire.ts";

export interface MetricDecoder {
  readonly tables: readonly Table[];
  /** Appends every acceptable point. Throws Malformed or TooLarge; the caller then rolls the tables and the memory back. */
  decode(request: Request): void;
}

/** Appends the columns that are a point type's own. */
interface PointWriter {
  readonly rows: MetricRows;
  write(request: Request, metric: Metric): void;
}

/** Tags of the data field of a metric, in the order of `metricTypes`. */
const dataTags = [0x2a, 0x3a, 0x4a, 0x52, 0x5a];
const HISTOGRAM = 2;
let serials = 0;
let attributeSerials = 0;

export function createMetricDecoder(
  memory: SeriesMemory,
  redactor: Redactor,
  seriesGuard: SeriesGuard,
  keyGuard: KeyGuard,
): MetricDecoder {
  const series = createSeriesRows(redactor);
  const point = createPoint();
  const rowsOf = (name: Parameters<typeof createTable>[0]): MetricRows =>
    createMetricRows(createTable(name), series, memory, redactor);
  const writers: readonly PointWriter[] = [
    numberWriter(rowsOf("otel_metrics_gauge"), point, redactor, false),
    numberWriter(rowsOf("otel_metrics_sum"), point, redactor, true),
    histogramWriter(rowsOf("otel_metrics_histogram"), point, redactor),
    exponentialWriter(rowsOf("otel_metrics_exponential_histogram"), point, redactor),
    summaryWriter(rowsOf("otel_metrics_summary"), point),
  ];
  const metric: Metric = {
    serial: 0,
    type: -1,
    name: range(),
    description: range(),
    unit: range(),
    temporality: 0,
    monotonic: false,
  };
  const data = range();
  const points = createSpans();
  /** Attributes of the point before, of the same request: points of a scrape mostly have the same. */
  const before = createSpans();
  let flawBefore: RejectReason | undefined;

  function readMetric(request: Request, start: number, end: number): void {
    const { wire } = request;
    for (const field of [metric.name, metric.description, metric.unit, data]) field.start = field.end = 0;
    metric.serial = ++serials;
    metric.type = -1;
    wire.pos = start;
    while (wire.pos < end) {
      const tag = readTag(wire, end);
      if (tag === 0x0a) noteRange(metric.name, wire, end);
      else if (tag === 0x12) noteRange(metric.description, wire, end);
      else if (tag === 0x1a) noteRange(metric.unit, wire, end);
      else if (dataTags.includes(tag)) {
        metric.type = dataTags.indexOf(tag);
        noteMessage(data, wire, end);
      } else skip(wire, tag, end);
    }
    metric.temporality = 0;
    metric.monotonic = false;
    points.count = 0;
    wire.pos = data.start;
    while (wire.pos < data.end) {
      const tag = readTag(wire, data.end);
      if (tag === 0x0a) {
        noteSpan(points, wire, data.end);
        spendItems(request, 1);
      } else if (tag === 0x10 && metric.type > 0) metric.temporality = readInt32(wire, data.end);
      else if (tag === 0x18 && metric.type === 1) metric.monotonic = readBool(wire, data.end);
      else skip(wire, tag, data.end);
    }
  }

  /** Why no point of this metric can be stored. A series must not lose part of its identity, so nothing is cut here. */
  function flaw(request: Request): RejectReason | undefined {
    const { resource } = request.origin;
    if (metric.name.start === metric.name.end) return "metric-name";
    if (resource.count > limits.attributes) return "attributes";
    return keyFlaw(request, resource);
  }

  function keyFlaw({ wire, tally }: Request, attributes: Spans): RejectReason | undefined {
    if (!keysFit(wire, attributes)) return "key-length";
    return keyGuard.admitsAll(wire, attributes, tally) ? undefined : "key-limit";
  }

  function append(request: Request): void {
    const { wire, tally } = request;
    const { view } = wire;
    const low = point.time < 0 ? 0 : view.getInt32(point.time, true);
    const high = point.time < 0 ? 0 : view.getInt32(point.time + 4, true);
    if (point.attributes.count > limits.attributes) {
      reject(tally, "attributes");
      return;
    }
    if (request.attributesSerial === 0 || !sameSpans(wire, before, point.attributes)) {
      request.attributesSerial = ++attributeSerials;
      copySpans(point.attributes, before);
      flawBefore = keyFlaw(request, before);
    }
    if (flawBefore !== undefined) {
      reject(tally, flawBefore);
      return;
    }
    if (metric.type === HISTOGRAM && !bucketsFit(point)) {
      reject(tally, "buckets");
      return;
    }
    if (!timeFits(request, low, high)) return;
    if (seriesGuard.admits(request, metric, point.attributes)) writers[metric.type]!.write(request, metric);
  }

  return {
    tables: [...writers.map((writer) => writer.rows.table), series.table],
    decode(request) {
      walk(request, (start, end) => {
        readMetric(request, start, end);
        if (metric.type < 0) {
          reject(request.tally, "metric-type");
          return;
        }
        const reason = flaw(request);
        if (reason !== undefined) {
          if (points.count > 0) reject(request.tally, reason, points.count);
          return;
        }
        for (let i = 0; i < points.count; i++) {
          readPoint(request.wire, metric.type, points.at[i * 2]!, points.at[i * 2 + 1]!, point);
          append(request);
        }
      });
    },
  };
}

function numberWriter(rows: MetricRows, point: PointFields, redactor: Redactor, isSum: boolean): PointWriter {
  const { table } = rows;
  const [value, flags] = [table.plain("Value"), table.plain("Flags")];
  const temporality = isSum ? table.plain("AggregationTemporality") : undefined;
  const monotonic = isSum ? table.plain("IsMonotonic") : undefined;
  const appendExemplars = exemplarWriter(table, redactor);
  return {
    rows,
    write(request, metric) {
      rows.begin(request, metric, point.attributes, point.start, point.time);
      ensure(value, 8);
      appendFloat64(value, (point.flags & 1) === 1 ? 0 : point.value);
      appendNumber(flags, point.flags);
      appendExemplars(request, point.exemplars);
      if (temporality !== undefined) appendNumber(temporality, metric.temporality);
      if (monotonic !== undefined) {
        ensure(monotonic, 1);
        appendByte(monotonic, metric.monotonic ? 1 : 0);
      }
      rows.end(request, metric, point.attributes, point.time, point.bounds, point.quantiles);
    },
  };
}

/** Count, Sum, Min, Max, Flags and temporality, which both kinds of histogram have. */
function distributionColumns(
  table: Table,
  point: PointFields,
  redactor: Redactor,
): (request: Request, metric: Metric) => void {
  const [count, sum, min, max] = [table.plain("Count"), table.plain("Sum"), table.plain("Min"), table.plain("Max")];
  const [flags, temporality] = [table.plain("Flags"), table.plain("AggregationTemporality")];
  const appendExemplars = exemplarWriter(table, redactor);
  return (request, metric) => {
    const { wire } = request;
    appendWordAt(count, wire, point.count);
    appendWordAt(sum, wire, point.sum);
    appendWordAt(min, wire, point.min);
    appendWordAt(max, wire, point.max);
    appendNumber(flags, point.flags);
    appendNumber(temporality, metric.temporality);
    appendExemplars(request, point.exemplars);
  };
}

function histogramWriter(rows: MetricRows, point: PointFields, redactor: Redactor): PointWriter {
  const { table } = rows;
  const appendDistribution = distributionColumns(table, point, redactor);
  const [countOffsets, counts] = [table.offsets("BucketCounts"), table.plain("BucketCounts")];
  const [boundOffsets, bounds] = [table.offsets("ExplicitBounds"), table.plain("ExplicitBounds")];
  return {
    rows,
    write(request, metric) {
      const { wire } = request;
      rows.begin(request, metric, point.attributes, point.start, point.time);
      appendDistribution(request, metric);
      const buckets = appendRuns(counts, wire, point.buckets);
      endArray(countOffsets, buckets);
      const before = bounds.length;
      endArray(boundOffsets, appendRuns(bounds, wire, point.bounds));
      for (let at = before; at < bounds.length; at += 4) mixWord(rows.hash, bounds.view.getInt32(at, true));
      spendParts(request, buckets);
      rows.end(request, metric, point.attributes, point.time, point.bounds, point.quantiles);
    },
  };
}

function exponentialWriter(rows: MetricRows, point: PointFields, redactor: Redactor): PointWriter {
  const { table } = rows;
  const appendDistribution = distributionColumns(table, point, redactor);
  const [scale, zeroCount] = [table.plain("Scale"), table.plain("ZeroCount")];
  const sides = (["Positive", "Negative"] as const).map((side) => ({
    offset: table.plain(`${side}Offset`),
    offsets: table.offsets(`${side}BucketCounts`),
    counts: table.plain(`${side}BucketCounts`),
  }));
  return {
    rows,
    write(request, metric) {
      const { wire } = request;
      rows.begin(request, metric, point.attributes, point.start, point.time);
      appendDistribution(request, metric);
      appendNumber(scale, point.scale);
      appendWordAt(zeroCount, wire, point.zeroCount);
      [point.positive, point.negative].forEach((side, i) => {
        const columns = sides[i]!;
        const before = columns.counts.length;
        appendNumber(columns.offset, appendBuckets(columns.counts, wire, side.start, side.end));
        const buckets = (columns.counts.length - before) / 8;
        spendParts(request, buckets);
        endArray(columns.offsets, buckets);
      });
      rows.end(request, metric, point.attributes, point.time, point.bounds, point.quantiles);
    },
  };
}

function summaryWriter(rows: MetricRows, point: PointFields): PointWriter {
  const { table } = rows;
  const [count, sum, flags] = [table.plain("Count"), table.plain("Sum"), table.plain("Flags")];
  const offsets = table.offsets("ValueAtQuantiles");
  const [quantiles, values] = [table.plain("ValueAtQuantiles.Quantile"), table.plain("ValueAtQuantiles.Value")];
  return {
    rows,
    write(request, metric) {
      const { wire } = request;
      rows.begin(request, metric, point.attributes, point.start, point.time);
      appendWordAt(count, wire, point.count);
      appendWordAt(sum, wire, point.sum);
      appendNumber(flags, point.flags);
      const before = quantiles.length;
      endArray(offsets, appendQuantiles(quantiles, values, wire, point.quantiles));
      for (let at = before; at < quantiles.length; at += 4) mixWord(rows.hash, quantiles.view.getInt32(at, true));
      spendParts(request, point.quantiles.count);
      rows.end(request, metric, point.attributes, point.time, point.bounds, point.quantiles);
    },
  };
}

function appendNumber(column: Bytes, value: number): void {
  ensure(column, 4);
  appendUint32(column, value);
}
