// The course several signals of one entity usually take: what each did at the same time of past periods, and its level.
import { quantileOf } from "../../math/quantile.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { createPeriodFinder } from "../statistical/period.ts";

export interface Course {
  /** Folds in what the signals were at `at`; NaN for one that is missing. What is older than a block before is passed over. */
  learn(values: Float64Array, at: Instant): void;
  /** What a signal is expected to be at `at`: as in past periods, or, while no period is known, its median. NaN: no idea. */
  expected(column: number, at: Instant): number;
  /** Takes all that is known of a signal for as high by `distance` as it is. */
  shift(column: number, distance: number): void;
  /** 0 while none is known. */
  readonly periodMs: DurationMs;
  /** For a snapshot: what {@link createCourse} takes. */
  state(): readonly Float64Array[];
}

/** Blocks remembered. They grow to remember a week, unless they are needed as short as they are. */
const blocksMax = 1024;
const rememberedMs = 7 * 86_400_000;
/** A period of fewer blocks does not keep them from growing. */
const periodBlocksMin = 64;
/** Past periods asked, and how many of them must answer. */
const periodsAsked = 5;
const periodsMin = 2;
/** Blocks either side of the same time that count as it, as a share of the period. */
const slackShare = 1 / 144;
/** Blocks between searches for a period while none is known, and while one is. */
const searchEvery = 128;
const searchAgainEvery = 512;
/** A period is believed when this share of the signals that vary have it, within a few hundredths. */
const agreeingShare = 1 / 3;
const agreementShare = 0.03;
/** While so few points are known, a shorter step than the first one starts it anew. */
const stepDoubtPoints = 32;

const finder = createPeriodFinder(blocksMax);
const filled = new Float64Array(blocksMax);
const asked = new Float64Array(blocksMax);

/**
 * Block means over a sliding week; the period is the one most signals agree on (see `createPeriodFinder` for what that is
 * blind to); what is expected is the median over the blocks around the same time of the last five periods, so that two days
 * of trouble in five move nothing. State: 4 KiB a signal. Blind to a second period (the week) and to what it has seen once.
 */
export function createCourse(width: number, state?: readonly Float64Array[]): Course {
  const origins = new Float64Array(width).fill(Number.NaN);
  const history = Array.from({ length: width }, () => new Float32Array(blocksMax).fill(Number.NaN));
  const sums = new Float64Array(width);
  const counts = new Float64Array(width);
  const medians = new Float64Array(width).fill(Number.NaN);
  let blockMs = 0;
  let firstAt = Number.NaN;
  let points = 0;
  /** Number of the block that is being filled, and of the oldest one remembered. */
  let head = 0;
  let tail = 0;
  /** In blocks. */
  let period = 0;
  let sinceSearch = 0;
  /** What was last expected, and for which block: history of older blocks does not change while one is being filled. */
  const expectations = new Float64Array(width);
  let expectedBlock = Number.NaN;
  if (state !== undefined) restore(state);

  return {
    learn,
    expected(column, at) {
      if (period === 0) return medians[column]! + origins[column]!;
      const block = Math.floor(at / blockMs);
      if (block !== expectedBlock) {
        for (let c = 0; c < width; c++) expectations[c] = atSameTime(c, block);
        expectedBlock = block;
      }
      return expectations[column]! + origins[column]!;
    },
    shift(column, distance) {
      // All else is kept as distances from it.
      origins[column]! += distance;
    },
    get periodMs() {
      return period * blockMs;
    },
    state: () => [
      Float64Array.of(blockMs, firstAt, points, head, tail, period, sinceSearch),
      origins.slice(),
      sums.slice(),
      counts.slice(),
      medians.slice(),
      ...history.map((column) => Float64Array.from(column)),
    ],
  };

  function learn(values: Float64Array, at: Instant): void {
    points++;
    if (points === 1) firstAt = at;
    else settleStep(at);
    if (blockMs > 0) moveTo(Math.floor(at / blockMs));
    if (blockMs > 0 && Math.floor(at / blockMs) < head) return;
    for (let c = 0; c < width; c++) {
      const value = values[c]!;
      if (Number.isNaN(value)) continue;
      if (Number.isNaN(origins[c]!)) origins[c] = value;
      sums[c]! += value - origins[c]!;
      counts[c]!++;
      if (Number.isNaN(medians[c]!)) medians[c] = 0;
    }
  }

  /** The first step seen is the length of a block, unless a shorter one is seen soon. */
  function settleStep(at: Instant): void {
    const stepMs = at - firstAt;
    if (points > stepDoubtPoints || !(stepMs > 0) || (blockMs > 0 && stepMs > blockMs / 2)) {
      if (points <= stepDoubtPoints) firstAt = at;
      return;
    }
    blockMs = stepMs;
    firstAt = at;
    head = Math.floor(at / blockMs);
    tail = head;
    for (const column of history) column.fill(Number.NaN);
    sums.fill(0);
    counts.fill(0);
  }

  function moveTo(block: number): void {
    if (block <= head) return;
    if (block - head >= blocksMax) tail = block;
    for (let c = 0; c < width; c++) {
      history[c]![head % blocksMax] = counts[c] === 0 ? Number.NaN : sums[c]! / counts[c]!;
      for (let b = Math.max(head + 1, block - blocksMax + 1); b < block; b++) history[c]![b % blocksMax] = Number.NaN;
    }
    sums.fill(0);
    counts.fill(0);
    sinceSearch += block - head;
    head = block;
    expectedBlock = Number.NaN;
    while (head - tail >= blocksMax) makeRoom();
    if (sinceSearch >= (period > 0 ? searchAgainEvery : searchEvery)) search();
    else if (period === 0 && (head - tail < 64 || head % 16 === 0)) refreshMedians();
  }

  function makeRoom(): void {
    if (blockMs * blocksMax >= rememberedMs || period >= periodBlocksMin) {
      tail = head - blocksMax + 1;
      return;
    }
    const first = Math.floor(tail / 2);
    const last = Math.floor(head / 2);
    const whole = head;
    for (const column of history) {
      const old = column.slice();
      const at = (block: number) =>
        block < tail || block >= head || block <= whole - blocksMax ? Number.NaN : old[block % blocksMax]!;
      column.fill(Number.NaN);
      for (let block = first; block < last; block++)
        column[block % blocksMax] = meanOf(at(2 * block), at(2 * block + 1));
    }
    // The half of a double block that is known already is let go: the mean of the rest stands for it.
    tail = first;
    head = last;
    blockMs *= 2;
    period = 0;
    search();
  }

  function search(): void {
    sinceSearch = 0;
    const length = Math.min(head - tail, blocksMax - 1);
    const found: number[] = [];
    let varying = 0;
    for (let c = 0; c < width; c++) {
      if (!fill(c, length)) continue;
      varying++;
      const one = finder.find(filled, length);
      if (one > 0) found.push(one);
    }
    found.sort((a, b) => a - b);
    let best: readonly number[] = [];
    for (const one of found) {
      const group = found.filter((other) => Math.abs(other - one) <= Math.max(1, agreementShare * one));
      if (group.length > best.length) best = group;
    }
    period = best.length > 0 && best.length >= agreeingShare * varying ? best[best.length >> 1]! : 0;
    refreshMedians();
  }

  /** The last `length` whole blocks, a gap held at what was before it; false where nothing varies. */
  function fill(column: number, length: number): boolean {
    let last = 0;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const value = history[column]![(head - length + i) % blocksMax]!;
      if (!Number.isNaN(value)) last = value;
      filled[i] = last;
      low = Math.min(low, last);
      high = Math.max(high, last);
    }
    return high > low;
  }

  function refreshMedians(): void {
    for (let c = 0; c < width; c++) {
      let seen = 0;
      for (let block = Math.max(tail, head - blocksMax + 1); block < head; block++) {
        const value = history[c]![block % blocksMax]!;
        if (!Number.isNaN(value)) asked[seen++] = value;
      }
      if (seen > 0) medians[c] = quantileOf(asked, seen, 0.5);
    }
  }

  function atSameTime(column: number, block: number): number {
    const slack = Math.max(1, Math.round(period * slackShare));
    let seen = 0;
    let periods = 0;
    for (let back = 1; back <= periodsAsked; back++) {
      const before = seen;
      for (let b = block - back * period - slack; b <= block - back * period + slack; b++) {
        if (b < tail || b >= head) continue;
        const value = history[column]![b % blocksMax]!;
        if (!Number.isNaN(value)) asked[seen++] = value;
      }
      if (seen > before) periods++;
    }
    return periods < periodsMin ? medians[column]! : quantileOf(asked, seen, 0.5);
  }

  function restore(columns: readonly Float64Array[]): void {
    const [facts, ...rest] = columns;
    if (facts?.length !== 7 || rest.length !== 4 + width) return;
    [blockMs, firstAt, points, head, tail, period, sinceSearch] = facts as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (const [i, own] of [origins, sums, counts, medians].entries()) own.set(rest[i]!);
    for (const [c, own] of history.entries()) own.set(rest[4 + c]!);
  }
}

/** Of those that are there. */
function meanOf(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : (a + b) / 2;
}
