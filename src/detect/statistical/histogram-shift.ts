// Detector: the whole distribution of observations moved, not only one quantile of it.

import { binomialUpper, normalScore } from "../../math/tails.ts";
import type { Detector, DetectorKind, DetectorView, HistogramBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { unknownBand } from "./natures.ts";
import { createSlotTable } from "./slot-table.ts";

/** Buckets kept; of more, neighbours are put together. */
const bucketsMax = 48;
/** Rows with observations before it says anything. */
const rowsMin = 40;
/** The reference fades with this half-life, in rows with observations. */
const halfLifeRows = 1000;
const fade = 0.5 ** (1 / halfLifeRows);
/** What of the rows before counts beside the present one: about five. */
const recentFade = 0.8;
/** A learned row weighs no more than so many usual ones: one burst does not make the reference. */
const clipRows = 5;
const dispersionRows = 200;
const dispersionMax = 50;
/** Fewer expected in a bucket say nothing of dispersion. */
const expectedMin = 1;

/** A row: rows learned, observations of a usual row, overdispersion, mark of the bounds, reference, recent counts. */
const USUAL = 1;
const DISPERSION = 2;
const MARK = 3;
const REFERENCE = 4;
const RECENT = REFERENCE + bucketsMax;
/** 100 numbers: 800 bytes a slot. */
const width = RECENT + bucketsMax;

/**
 * Values are observations counted since the step before. At every bound: how likely is it that so many of the last rows'
 * observations lie above, if the reference's share (plus its standard error) is the truth? Exact binomial tails, so three
 * observations are judged as three; counts are divided by the overdispersion learned; the least tail is taken times the
 * number of bounds (Bonferroni). Only more above harms. Bounds that change start the slot anew.
 * Blind to what moves within one bucket, to shifts downwards, and to mixes that keep the share above every bound.
 */
export const histogramShift: DetectorKind<"histogram"> = {
  kind: "histogram-shift",
  summary: "More of the observations lie above some bound than the learned distribution leads to expect.",
  input: "histogram",
  create: createHistogramShift,
};

function createHistogramShift(snapshot?: Uint8Array): Detector<"histogram"> {
  const table = createSlotTable("histogram-shift", width, snapshot);
  const counts = new Float64Array(bucketsMax);
  const worst = { tail: 1, bucket: 0, share: 0, usual: 0, tests: 1 };

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) {
        out[row] = look(batch, row) ? normalScore(Math.min(1, worst.tail * worst.tests)) : Number.NaN;
      }
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const at = rowOf(batch, row);
        if (at < 0 || read(batch, row) < 0) continue;
        for (let i = 0; i < bucketsMax; i++) {
          table.data[at + RECENT + i] = recentFade * table.data[at + RECENT + i]! + counts[i]!;
        }
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const total = read(batch, row);
        if (!(total > 0)) continue;
        const at = table.claim(batch.slots[row] as number);
        if (at >= 0) learnRow(at, total, markOf(batch));
      }
    },
    explain: (batch, row): DetectorView => {
      if (!look(batch, row)) return { expected: unknownBand, evidence: [], shape: "mix" };
      const fold = foldOf(batch.width);
      const bound = batch.bounds[Math.min(batch.bounds.length - 1, (worst.bucket + 1) * fold - 1)];
      const note = `${percent(worst.share)} of the observations lie above ${bound}, where ${percent(worst.usual)} are usual`;
      return { expected: { low: 0, high: worst.usual }, evidence: [], shape: "mix", note };
    },
    accept(slot) {
      const at = table.find(slot);
      if (at < 0) return;
      table.data.copyWithin(at + REFERENCE, at + RECENT, at + RECENT + bucketsMax);
    },
    snapshot: table.snapshot,
  };

  /** The slot's row, if it is of these bounds. */
  function rowOf(batch: HistogramBatch, row: number): number {
    const at = table.find(batch.slots[row] as number);
    return at >= 0 && table.data[at + MARK] === markOf(batch) ? at : -1;
  }

  /** Puts the row's counts, folded, into `counts`. Their sum; -1 for a row that cannot be used. */
  function read(batch: HistogramBatch, row: number): number {
    counts.fill(0);
    if (((batch.quality[row] as number) & UNUSABLE) !== 0 || batch.width < 2) return -1;
    const fold = foldOf(batch.width);
    let total = 0;
    for (let bucket = 0; bucket < batch.width; bucket++) {
      const count = batch.values[row * batch.width + bucket] as number;
      if (!(count >= 0) || count === Number.POSITIVE_INFINITY) return -1;
      counts[Math.floor(bucket / fold)]! += count;
      total += count;
    }
    return Number.isFinite(total) ? total : -1;
  }

  /** Finds the bound above which the recent rows' share is least likely; false when nothing can be said. */
  function look(batch: HistogramBatch, row: number): boolean {
    const at = rowOf(batch, row);
    const now = read(batch, row);
    if (at < 0 || !(now > 0) || table.data[at]! < rowsMin) return false;
    const { data } = table;
    let [total, known] = [0, 0];
    for (let i = 0; i < bucketsMax; i++) {
      counts[i]! += recentFade * data[at + RECENT + i]!;
      total += counts[i]!;
      known += data[at + REFERENCE + i]!;
    }
    const dispersion = Math.max(1, data[at + DISPERSION]!);
    worst.tail = 1;
    worst.tests = 0;
    let [above, usual] = [0, 0];
    for (let i = bucketsMax - 1; i > 0; i--) {
      above += counts[i]!;
      usual += data[at + REFERENCE + i]!;
      if (above === 0 || above === total) continue;
      worst.tests++;
      const share = (usual + 0.5) / (known + 1);
      const doubt = Math.sqrt((share * (1 - share)) / (known + 1));
      const tail = binomialUpper(above / dispersion, total / dispersion, Math.min(1, share + doubt));
      if (tail >= worst.tail) continue;
      Object.assign(worst, { tail, bucket: i - 1, share: above / total, usual: usual / known });
    }
    return true;
  }

  function learnRow(at: number, total: number, mark: number): void {
    const { data } = table;
    if (data[at + MARK] !== mark) {
      data.fill(0, at, at + width);
      data[at + MARK] = mark;
    }
    const rows = data[at]!;
    if (rows >= 10) learnDispersion(at, total);
    // The first rows are all there is to clip by.
    const weight = rows < 10 ? 1 : Math.min(1, (clipRows * data[at + USUAL]!) / total);
    data[at + USUAL]! += (total * weight - data[at + USUAL]!) / Math.min(rows + 1, dispersionRows);
    for (let i = 0; i < bucketsMax; i++) {
      data[at + REFERENCE + i] = fade * data[at + REFERENCE + i]! + weight * counts[i]!;
    }
    data[at]!++;
  }

  /** Pearson's statistic of the row over its degrees of freedom. */
  function learnDispersion(at: number, total: number): void {
    const { data } = table;
    let known = 0;
    for (let i = 0; i < bucketsMax; i++) known += data[at + REFERENCE + i]!;
    let [sum, cells] = [0, 0];
    for (let i = 0; i < bucketsMax; i++) {
      const expected = (data[at + REFERENCE + i]! / known) * total;
      if (expected < expectedMin) continue;
      sum += (counts[i]! - expected) ** 2 / expected;
      cells++;
    }
    if (cells < 2) return;
    const residual = Math.min(dispersionMax, sum / (cells - 1));
    data[at + DISPERSION]! += (residual - data[at + DISPERSION]!) / Math.min(data[at]!, dispersionRows);
  }
}

function foldOf(buckets: number): number {
  return Math.ceil(buckets / bucketsMax);
}

/** A number that other bounds are unlikely to share. */
function markOf({ bounds, width: buckets }: HistogramBatch): number {
  let mark = buckets;
  for (let i = 0; i < bounds.length; i++) mark = (mark * 31 + bounds[i]! * (i + 1)) % 1e12;
  return mark;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
