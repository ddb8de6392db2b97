// Keeps one metric from growing series without end: beyond so many in a day, points of new series are rejected.

import { createLabelCounts, type LabelCounts } from "./label-counts.ts";
import { limits } from "./limits.ts";
import type { Metric } from "./metric-rows.ts";
import type { Request } from "./request.ts";
import { createHash64, finishHash, type Hash, mixBytes, mixSum, mixWord, startHash } from "./series-hash.ts";
import type { Spans } from "./spans.ts";
import { noteOverLimit, reject } from "./tally.ts";
import type { Wire } from "./wire.ts";

/**
 * Counts exactly, over resource, scope name and attributes as they are on the wire; bounds and quantiles are left out.
 * Blind to: what was stored before it started; values that the privacy policy makes the same, which still count as
 * different. One decoder is one tenant's, so each tenant has the limit for itself. A series noted by a request that is refused stays noted.
 */
export interface SeriesGuard {
  /** Whether the point may be stored; if not, counts the rejection and notes metric and label. */
  admits(request: Request, metric: Metric, attributes: Spans): boolean;
  /** Metrics and series remembered now, and the bytes of their hashes. */
  size(): { readonly metrics: number; readonly series: number; readonly bytes: number };
}

/** The series of one metric on one day. */
interface Counted {
  /** Halves of 64-bit hashes, alternating; both zero is a free place. */
  slots: Int32Array;
  count: number;
  /** Values by label, from half of the limit until it is reached. */
  labels: LabelCounts | undefined;
  /** The label with the most values, once the limit is reached. */
  offender: string | undefined;
}

/** Metric names go into answers; longer ones are cut. */
const NAME_SHOWN = 200;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function createSeriesGuard(
  seriesPerMetric: number,
  bounds: { readonly series: number; readonly metrics: number } = {
    series: limits.countedSeries,
    metrics: limits.countedMetrics,
  },
): SeriesGuard {
  /** By hash of day and name, in the order of their first series. */
  const metrics = new Map<number, Counted>();
  let total = 0;
  let metricSerial = -1;
  let metricDay = -1;
  let counted = createCounted();
  const name = createHash64();
  const prefix = createHash64();
  const hash = createHash64();
  const sum = createHash64();
  let scopeSerial = -1;
  let attributesSerial = 0;

  function enter(request: Request, metric: Metric): void {
    const { wire, origin, lastDay } = request;
    metricSerial = metric.serial;
    metricDay = lastDay;
    if (scopeSerial !== origin.scopeSerial || scopeSerial === 0) {
      scopeSerial = origin.scopeSerial;
      startHash(prefix);
      sumAll(sum, wire, origin.resource);
      mixSum(prefix, sum, origin.resource.count);
      attributesSerial = 0;
      mixBytes(prefix, wire.source, origin.scopeName.start, origin.scopeName.end);
    }
    startHash(name);
    mixBytes(name, wire.source, metric.name.start, metric.name.end);
    mixWord(name, lastDay);
    finishHash(name);
    const key = (name.high >>> 11) * 4294967296 + (name.low >>> 0);
    const existing = metrics.get(key);
    counted = existing ?? createCounted();
    if (existing === undefined) metrics.set(key, counted);
    while (metrics.size > bounds.metrics || total > bounds.series) {
      const [oldest, forgotten] = metrics.entries().next().value!;
      if (forgotten === counted) break;
      metrics.delete(oldest);
      total -= forgotten.count;
    }
  }

  function note(wire: Wire, resource: Spans, attributes: Spans, slot: number): void {
    if ((counted.count + 1) * 2 > seriesPerMetric) {
      counted.labels ??= createLabelCounts();
      counted.labels.add(wire, resource);
      counted.labels.add(wire, attributes);
    }
    counted.slots[slot] = hash.low;
    counted.slots[slot + 1] = hash.high;
    counted.count++;
    total++;
    if (counted.count * 4 > counted.slots.length) counted.slots = grown(counted.slots);
    if (counted.count < seriesPerMetric) return;
    counted.offender = counted.labels?.most() ?? "";
    counted.labels = undefined;
  }

  return {
    admits(request, metric, attributes) {
      if (metricSerial !== metric.serial || metricDay !== request.lastDay) enter(request, metric);
      const { wire, origin, tally } = request;
      hash.low = prefix.low;
      hash.high = prefix.high;
      if (attributesSerial === 0 || attributesSerial !== request.attributesSerial) sumAll(sum, wire, attributes);
      attributesSerial = request.attributesSerial;
      mixSum(hash, sum, attributes.count);
      finishHash(hash);
      if ((hash.low | hash.high) === 0) hash.low = 1;
      const slot = slotOf(counted.slots, hash.low, hash.high);
      if (counted.slots[slot] !== 0 || counted.slots[slot + 1] !== 0) return true;
      if (counted.count < seriesPerMetric) {
        note(wire, origin.resource, attributes, slot);
        return true;
      }
      reject(tally, "series-limit");
      const text = decoder.decode(
        wire.data.subarray(metric.name.start, Math.min(metric.name.end, metric.name.start + NAME_SHOWN)),
      );
      const label = counted.offender ? `; its label ${JSON.stringify(counted.offender)} has the most values` : "";
      noteOverLimit(tally, text, `metric ${JSON.stringify(text)} has ${seriesPerMetric} series today${label}`);
      return false;
    },
    size() {
      let bytes = 0;
      for (const each of metrics.values()) bytes += each.slots.byteLength;
      return { metrics: metrics.size, series: total, bytes };
    },
  };
}

const entry = createHash64();

/** Sums attributes whatever their order: each is hashed for itself and the hashes are added. */
function sumAll(sum: Hash, wire: Wire, attributes: Spans): void {
  sum.low = sum.high = 0;
  for (let i = 0; i < attributes.count; i++) {
    startHash(entry);
    mixBytes(entry, wire.source, attributes.at[i * 2]!, attributes.at[i * 2 + 1]!);
    finishHash(entry);
    sum.low = (sum.low + entry.low) | 0;
    sum.high = (sum.high + entry.high) | 0;
  }
}

function createCounted(): Counted {
  return { slots: new Int32Array(16), count: 0, labels: undefined, offender: undefined };
}

/** Where the hash stands, or the free place where it would. */
function slotOf(slots: Int32Array, low: number, high: number): number {
  const mask = slots.length / 2 - 1;
  for (let place = low & mask; ; place = (place + 1) & mask) {
    const slot = place * 2;
    if (slots[slot] === low && slots[slot + 1] === high) return slot;
    if (slots[slot] === 0 && slots[slot + 1] === 0) return slot;
  }
}

function grown(slots: Int32Array): Int32Array {
  const larger = new Int32Array(slots.length * 2);
  for (let i = 0; i < slots.length; i += 2) {
    const [low, high] = [slots[i]!, slots[i + 1]!];
    if ((low | high) === 0) continue;
    const slot = slotOf(larger, low, high);
    larger[slot] = low;
    larger[slot + 1] = high;
  }
  return larger;
}
