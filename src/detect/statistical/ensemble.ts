// Several views of one stream of numbers, combined to one score and one alert, for a series of which nothing is known before.
import { createRollingLevel } from "./rolling-level.ts";
import { createSeason } from "./season.ts";

export interface Verdict {
  /** Oddness >= 0 of the last point; 0 while nothing is known. */
  score: number;
  /** The score with a decaying hold, as charts and rankings show it. */
  held: number;
  /** The last point is odd enough for an alert. */
  odd: boolean;
  /** An alert starts at the last point. */
  alert: boolean;
}

export interface Ensemble {
  /** Judges a point by those before it, then learns it. NaN and infinities are passed over. The verdict is reused. */
  push(value: number): Verdict;
}

/** Frozen on development data, the same for every series. */
export const ensembleThreshold = 1.6;
/** Share of a series' points that are expected to score above its own usual high. */
const highShare = 0.005;
/** How far, as a factor's logarithm, one point moves that high. */
const highStep = 0.3;
const highStart = Math.log(4);
const highMin = Math.log(3);
const holdPerPoint = 0.95;
/** Points without an odd one after which the next is a new alert. */
const calmPoints = 30;

/**
 * A point is as odd as it is both for what came just before and for its time of the period, if there is one. Own
 * combination: the least of both, so a daily peak is no alert, and neither is a quiet moment of a busy series.
 * The result is in units of the 99.5th percentile of the series' own scores, followed by stochastic approximation
 * (Robbins and Monro 1951), so a series that often jumps must jump further. Blind to slow drift and to oddities of shape alone.
 */
export function createEnsemble(): Ensemble {
  const level = createRollingLevel();
  const season = createSeason();
  const verdict: Verdict = { score: 0, held: 0, odd: false, alert: false };
  let calm = calmPoints;
  let logHigh = highStart;

  return {
    push(value) {
      verdict.alert = false;
      if (!Number.isFinite(value)) {
        verdict.score = 0;
        verdict.odd = false;
        verdict.held *= holdPerPoint;
        return verdict;
      }
      const recent = level.score(value);
      const phase = level.scaled(season.distance(value));
      const score = Number.isNaN(phase) ? recent : Math.min(recent, phase);
      const high = Math.exp(logHigh);
      verdict.score = Number.isNaN(score) ? 0 : score / high;
      logHigh = Math.max(highMin, logHigh + highStep * ((score > high ? 1 : 0) - highShare));
      verdict.held = Math.max(verdict.score, verdict.held * holdPerPoint);
      verdict.odd = verdict.score >= ensembleThreshold;
      verdict.alert = verdict.odd && calm >= calmPoints;
      calm = verdict.odd ? 0 : calm + 1;
      level.learn(value);
      season.learn(value);
      return verdict;
    },
  };
}
