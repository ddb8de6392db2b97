// What a series did at the same time of the past days: its level and how odd it was, in a bounded ring of bins.
import { bytesInto, doublesOf } from "../packing.ts";

export interface DayMemory {
  /** Whole days known. */
  readonly days: number;
  /**
   * Median over past days of the distance of a level from its range around this time, `ahead` points after the last one
   * learned; negative below it. NaN before a day is known.
   */
  levelDistance(level: number, ahead: number): number;
  /** Median over past days of the highest oddness around that time; 0 before a day is known. */
  usualOddness(ahead: number): number;
  learn(level: number, oddness: number): void;
  /** Time goes on without a point: the last level stands. */
  pass(): void;
  /** Takes all levels for as high by `distance` as they were. */
  shift(distance: number): void;
  /** Numbers to go on from: put them back with the same options. */
  columns(): Float64Array[];
}

const days = 5;
const secondsPerDay = 86_400;
/** Same time of day, either side: of a level, and of an oddness, which comes and goes at a less certain minute. */
const levelSlackSeconds = 1500;
const oddSlackSeconds = 1800;
/** Oddness is kept as a byte: sixteen steps to a doubling. */
const oddSteps = 12;

/**
 * Bins of `binSeconds`, or of a point where points are further apart. State: 5 days of 5 bytes a bin.
 * Blind to any period but the day, and to the day of the week: five days hold no week.
 */
export function createDayMemory(stepSeconds: number, binSeconds: number, columns?: readonly Float64Array[]): DayMemory {
  const binPoints = Math.max(1, Math.round(binSeconds / stepSeconds));
  const perDay = Math.max(8, Math.round(secondsPerDay / (stepSeconds * binPoints)));
  const capacity = perDay * days;
  const levels = new Float32Array(capacity);
  const odds = new Uint8Array(capacity);
  const binsIn = (seconds: number): number => Math.max(2, Math.round(seconds / (stepSeconds * binPoints)));
  // Further than five bins a range says little of where the level belongs.
  const levelSlack = Math.min(5, binsIn(levelSlackSeconds));
  const oddSlack = binsIn(oddSlackSeconds);
  const byDay = new Float64Array(days);
  let bins = 0;
  let fill = 0;
  let base = Number.NaN;
  let most = 0;
  let last = 0;
  if (columns?.length === 3 && columns[0]?.length === 5) restore(columns);

  return {
    get days() {
      return Math.floor(bins / perDay);
    },
    levelDistance(level, ahead) {
      let known = 0;
      let side = 0;
      const now = binAt(ahead);
      const offset = level - base;
      for (let day = 1; day <= days; day++) {
        const bin = now - day * perDay;
        if (bin - levelSlack < oldest() || bin + levelSlack >= bins) break;
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        for (let b = bin - levelSlack; b <= bin + levelSlack; b++) {
          const past = levels[b % capacity]!;
          if (past < low) low = past;
          if (past > high) high = past;
        }
        side += offset > high ? 1 : offset < low ? -1 : 0;
        byDay[known++] = Math.max(0, offset - high, low - offset);
      }
      return known === 0 ? Number.NaN : medianOf(known) * (side < 0 ? -1 : 1);
    },
    usualOddness(ahead) {
      let known = 0;
      const now = binAt(ahead);
      for (let day = 1; day <= days; day++) {
        const bin = now - day * perDay;
        if (bin - oddSlack < oldest() || bin + oddSlack >= bins) break;
        let high = 0;
        for (let b = bin - oddSlack; b <= bin + oddSlack; b++)
          if (odds[b % capacity]! > high) high = odds[b % capacity]!;
        byDay[known++] = 2 ** (high / oddSteps) - 1;
      }
      return known === 0 ? 0 : medianOf(known);
    },
    learn(level, oddness) {
      if (Number.isNaN(base)) base = level;
      last = level - base;
      if (oddness > most) most = oddness;
      advance();
    },
    pass: advance,
    shift(distance) {
      base += distance;
    },
    columns: () => [Float64Array.of(bins, fill, base, most, last), doublesOf(levels), doublesOf(odds)],
  };

  function advance(): void {
    if (++fill < binPoints) return;
    levels[bins % capacity] = last;
    odds[bins % capacity] = Math.min(255, Math.round(oddSteps * Math.log2(1 + most)));
    bins++;
    fill = 0;
    most = 0;
  }

  function binAt(ahead: number): number {
    return bins + Math.floor((fill + ahead) / binPoints);
  }

  function oldest(): number {
    return Math.max(0, bins - capacity);
  }

  function medianOf(count: number): number {
    const sorted = byDay.subarray(0, count).sort();
    const middle = count >> 1;
    return (count & 1) === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }

  function restore(from: readonly Float64Array[]): void {
    [bins, fill, base, most, last] = from[0] as unknown as [number, number, number, number, number];
    bytesInto(from[1]!, levels);
    bytesInto(from[2]!, odds);
  }
}
