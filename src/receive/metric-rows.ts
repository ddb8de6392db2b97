// What the rows of all five metric tables share: where they come from, the attributes, the series they belong to.
import { appendOwn, appendUint32, appendWord, ensure } from "../model/columns/bytes.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import type { Table } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { appendWordAt } from "./fields.ts";
import { limits } from "./limits.ts";
import { unixMs } from "./numbers.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { appendRepeated, createRepeat, type Range, type Request } from "./request.ts";
import {
  createHash64,
  finishHash,
  type Hash,
  mixBytes,
  mixSum,
  mixWord,
  startHash,
  sumEntries,
} from "./series-hash.ts";
import type { SeriesMemory } from "./series-memory.ts";
import type { Spans } from "./spans.ts";
import { countText } from "./values.ts";

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

/** Rows of otel_metrics_series. */
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
  /** The last row from the wire, to be copied as long as points have the same attributes. */
  const last = createRepeat();
  const lastSum = createHash64();
  const resource = createHash64();
  const resourceSum = createHash64();
  let resourceSerial = -1;
  const prefix = createHash64();
  const hash = createHash64();
  let prefixSerial = -1;

  function hashPrefix(request: Request, metric: Metric): void {
    const { source } = request.wire;
    const { origin } = request;
    if (resourceSerial !== origin.resourceSerial) {
      const { keysStart, keysEnd, valuesStart } = resourceRepeat;
      startHash(resource);
      sumEntries(resourceSum, resourceAttributes, keysStart >> 2, keysEnd >> 2, valuesStart);
      mixSum(resource, resourceSum, (keysEnd - keysStart) >> 2);
      resourceSerial = origin.resourceSerial;
    }
    prefix.low = resource.low;
    prefix.high = resource.high;
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
      const copies = last.serial === request.attributesSerial && last.serial > 0;
      if (copies) {
        appendOwn(map.keys.index, last.keysStart, last.keysEnd - last.keysStart);
        appendOwn(map.values, last.valuesStart, last.valuesEnd - last.valuesStart);
      } else {
        last.keysStart = map.keys.index.length;
        last.valuesStart = map.values.length;
        last.serial = appendAttributes(map, wire, attributes, tally) ? request.attributesSerial : -1;
        last.keysEnd = map.keys.index.length;
        last.valuesEnd = map.values.length;
      }
      endMapRow(map);
      appendWordAt(startTime, wire, start);
      appendWordAt(timeUnix, wire, time);
      if (prefixSerial !== metric.serial) hashPrefix(request, metric);
      hash.low = prefix.low;
      hash.high = prefix.high;
      if (!copies) sumEntries(lastSum, map, last.keysStart >> 2, last.keysEnd >> 2, last.valuesStart);
      mixSum(hash, lastSum, (last.keysEnd - last.keysStart) >> 2);
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
