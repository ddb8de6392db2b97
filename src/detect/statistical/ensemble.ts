// The full tier on one stream of numbers, with the decision that makes alerts of its scores.
import type { PointBatch } from "../../model/detector.ts";
import { quality } from "../../model/series.ts";
import { createSeriesPattern, oddScore, type SeriesPatternOptions } from "./series-pattern.ts";

export interface Verdict {
  /** Oddness >= 0 of the last point, from 6 on odd; 0 while nothing is known. */
  score: number;
  /** The score with a decaying hold, as charts and rankings show it. */
  held: number;
  /** The last point is odd enough for an alert. */
  odd: boolean;
  /** An alert fires: an odd point raised it, and few enough points since were quiet for it to go on. */
  firing: boolean;
  /** An alert starts at the last point. */
  alert: boolean;
}

export interface Ensemble {
  /** Judges a point by those before it; it is learned at once, or later by `behindPoints`. NaN and infinities are passed over. The verdict is reused. */
  push(value: number): Verdict;
}

const holdPerPoint = 0.95;
/** An alert ends after so many points below this share of its limit: an incident that flickers is one. */
const quietPoints = 20;
const quietShare = 0.5;
/** Points after its end after which an alert is a new one. */
const calmPoints = 50;
/** Two odd points of three are so much odder than the second of them alone. */
const pairFactor = 1.3;

/** One threshold and configuration for every series; chosen as docs/decisions/2026-11-30-univariate-detector.md says. */
export function createEnsemble(options: SeriesPatternOptions): Ensemble {
  const detector = createSeriesPattern(options);
  const now = oneRow();
  const later = oneRow();
  const out = new Float64Array(1);
  const waiting = new Float64Array(options.behindPoints + 1).fill(Number.NaN);
  const verdict: Verdict = { score: 0, held: 0, odd: false, firing: false, alert: false };
  let points = 0;
  let calm = calmPoints;
  let quiet = 0;
  let before = 0;
  let beforeThat = 0;

  return {
    push(value) {
      put(now, value);
      detector.score(now, 0, out);
      detector.follow?.(now, 0);
      const point = Number.isNaN(out[0]!) ? 0 : out[0]!;
      verdict.score = Math.max(
        point,
        pairFactor * Math.min(point, Math.max(before, beforeThat)),
        pairFactor * Math.min(before, beforeThat),
      );
      beforeThat = before;
      before = point;
      verdict.held = Math.max(verdict.score, verdict.held * holdPerPoint);
      verdict.odd = verdict.score >= oddScore;
      quiet = verdict.score >= quietShare * oddScore ? 0 : quiet + 1;
      verdict.firing = verdict.odd || (verdict.firing && quiet <= quietPoints);
      verdict.alert = verdict.firing && calm >= calmPoints;
      calm = verdict.firing ? 0 : calm + 1;
      waiting[points % waiting.length] = value;
      points++;
      if (points >= waiting.length) {
        put(later, waiting[points % waiting.length]!);
        detector.learn(later);
      }
      return verdict;
    },
  };
}

function oneRow(): PointBatch {
  return { rows: 1, slots: new Int32Array(1), values: new Float64Array(1), quality: new Uint8Array(1) };
}

function put(row: PointBatch, value: number): void {
  row.values[0] = value;
  row.quality[0] = Number.isFinite(value) ? 0 : quality.MISSING;
}
