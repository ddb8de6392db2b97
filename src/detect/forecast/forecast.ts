// When something runs out: a robust trend or yesterday's course, whichever told the recent past better, with an interval made of
// what it got wrong there.
import { quantileOf } from "../../math/quantile.ts";
import { theilSen } from "./theil-sen.ts";

/** One value a minute, the newest last; NaN where nothing was measured. Rising means running out, and `limit` is the end. */
export interface ForecastInput {
  readonly values: Float64Array;
  readonly limit: number;
  /** Minutes looked ahead. */
  readonly horizon: number;
  /** Share of cases in which the truth is meant to be within the interval. 0 < coverage < 1. */
  readonly coverage: number;
  /** Reaching the limit and coming back is its way of working, as of a cache: it is not taken for an earlier exhaustion. */
  readonly refills: boolean;
}

export type Forecast =
  /** Minutes from now: the earliest, the likeliest and the latest; infinite where that is beyond what can be told. */
  | {
      readonly kind: "exhausts";
      readonly earliest: number;
      readonly likely: number;
      readonly latest: number;
      readonly model: Model;
    }
  | { readonly kind: "holds"; readonly why: string }
  /** Cannot tell. */
  | { readonly kind: "unknown"; readonly why: string };

export interface Model {
  readonly kind: "trend" | "season" | "level";
  /** Minutes that the trend was fitted to. */
  readonly window: number;
  /** Value that is expected so many minutes ahead, and half the width of the interval around it. */
  expected(lead: number): number;
  halfWidth(lead: number): number;
  /** By how much of staying put's mean error it is wrong. */
  readonly relativeError: number;
}

/** Minutes. Leaks of a quarter of an hour and of a day are told by different ones. */
const windows = [8, 15, 30, 60, 120, 240];
const historyMin = 20;
const day = 1440;
const originsMax = 48;
const originsMin = 8;
/** A trend has to be clearly better than staying put: a random walk looks like one half of the time. */
const betterThanStaying = 0.6;
/** A climb within so much of an earlier one that ended by itself is the same again. */
const sameClimb = 0.9;
const exhaustedAt = 0.97;

/** Never throws. Blind to what has no past: a job that starts in an hour, the first climb of a cache that will be emptied. */
export function forecast({ values, limit, horizon, coverage, refills }: ForecastInput): Forecast {
  const known = values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : 1), 0);
  const now = recent(values, values.length);
  if (known < historyMin || Number.isNaN(now))
    return { kind: "unknown", why: `only ${known} minutes of it are known, ${historyMin} are needed` };
  if (now >= limit)
    return refills ? { kind: "holds", why: "it is full already" } : { kind: "exhausts", ...atOnce(now) };
  if (isFarOff(values, now, limit, horizon)) return { kind: "holds", why: "it does not come near the limit" };
  const model = fitModel(values, coverage);
  if (model === undefined) return { kind: "unknown", why: "too little of it is known in one piece" };
  const crossing = (sign: number): number => {
    for (let lead = 1; lead <= 8 * horizon; lead++)
      if (model.expected(lead) + sign * model.halfWidth(lead) >= limit) return lead;
    return Number.POSITIVE_INFINITY;
  };
  const earliest = crossing(1);
  if (earliest > horizon) return { kind: "holds", why: "it does not run out within the horizon" };
  if (model.kind === "level") return { kind: "unknown", why: "no trend tells its past better than staying put" };
  if (hasComeBack(values, now, limit, refills))
    return { kind: "holds", why: "it has been as high before, and came down by itself" };
  return { kind: "exhausts", earliest, likely: crossing(0), latest: crossing(-1), model };
}

/**
 * The model of the least error over the recent past, with a split-conformal interval (Vovk et al.; Lei et al. 2018) of its errors on
 * rolling origins. Errors next to each other are alike, so the interval is the wider one of those of the recent past and
 * of the whole: coverage is measured, not proven. An error is scaled by how much further ahead it is than the window is long.
 */
export function fitModel(values: Float64Array, coverage: number): Model | undefined {
  const n = values.length;
  const level = judge(values, coverage, stay, 60);
  if (level === undefined) return undefined;
  let best: Model = modelOf("level", 0, stay(values, n), level, 1);
  let least = betterThanStaying;
  for (const window of windows) {
    if (2 * window > n) break;
    const judged = judge(values, coverage, (all, end) => trend(all, end, window), window);
    const staying = judge(values, coverage, stay, window);
    const guess = trend(values, n, window);
    if (judged === undefined || staying === undefined || guess === undefined || !(staying.error > 0)) continue;
    const relative = judged.error / staying.error;
    // Of two that are about as good the longer one: it has seen more.
    if (relative < least * (best.kind === "level" ? 1 : 1.1)) {
      best = modelOf("trend", window, guess, judged, relative);
      least = Math.min(least, relative);
    }
  }
  if (n >= day + 4 * 60) {
    const judged = judge(values, coverage, season, 120);
    const staying = judge(values, coverage, stay, 120);
    const guess = season(values, n);
    if (judged !== undefined && staying !== undefined && guess !== undefined && judged.error < least * staying.error)
      best = modelOf("season", day, guess, judged, judged.error / staying.error);
  }
  return best;
}

/** Most series are nowhere near: twice their fastest climb and all they moved lately do not get them there. Spares the fit. */
function isFarOff(values: Float64Array, now: number, limit: number, horizon: number): boolean {
  const n = values.length;
  let fastest = 0;
  for (const window of windows) fastest = Math.max(fastest, theilSen(values, Math.max(0, n - window), n)?.slope ?? 0);
  let [low, high] = [now, now];
  for (let i = Math.max(0, n - day); i < n; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  return now + 2 * fastest * horizon + (high - low) < limit;
}

type Guess = (lead: number) => number;
type Guesser = (values: Float64Array, end: number) => Guess | undefined;

interface Judged {
  /** Mean over the recent past. */
  readonly error: number;
  /** Half the interval's width at lead 0; grows by `1 + lead / window`. */
  readonly width: number;
  readonly window: number;
}

const stay: Guesser = (values, end) => {
  const now = recent(values, end);
  return Number.isNaN(now) ? undefined : () => now;
};

function trend(values: Float64Array, end: number, window: number): Guess | undefined {
  const line = theilSen(values, Math.max(0, end - window), end);
  return line === undefined ? undefined : (lead) => line.level + line.slope * lead;
}

/** Yesterday's course from the same time on, shifted to where it is now. */
const season: Guesser = (values, end) => {
  const shift = recent(values, end) - recent(values, end - day);
  return Number.isNaN(shift) ? undefined : (lead) => recent(values, Math.min(end - 1, end - day + lead + 2)) + shift;
};

function judge(values: Float64Array, coverage: number, guesser: Guesser, window: number): Judged | undefined {
  const n = values.length;
  const near = errorsOf(values, guesser, window, Math.max(0, n - 2 * window), coverage);
  if (near === undefined) return undefined;
  const all = errorsOf(values, guesser, window, 0, coverage);
  return { error: near.mean, width: Math.max(near.quantile, all?.quantile ?? 0), window };
}

/** Origins from `from` on, each with leads up to the window. */
function errorsOf(values: Float64Array, guesser: Guesser, window: number, from: number, coverage: number) {
  const n = values.length;
  const first = Math.max(from, 10);
  const stride = Math.max(1, Math.floor((n - first) / originsMax));
  let [count, sum, origins] = [0, 0, 0];
  for (let origin = n - 2; origin > first; origin -= stride) {
    const guess = guesser(values, origin);
    if (guess === undefined) continue;
    origins++;
    for (let lead = Math.max(1, window >> 3); lead <= window && origin + lead <= n; lead += Math.max(1, window >> 3)) {
      const error = Math.abs(values[origin + lead - 1]! - guess(lead));
      if (Number.isNaN(error) || count === errors.length) continue;
      sum += error;
      errors[count++] = error / (1 + lead / window);
    }
  }
  if (origins < originsMin || count < originsMin) return undefined;
  return { mean: sum / count, quantile: quantileOf(errors, count, Math.min(1, coverage * (1 + 1 / origins))) };
}

const errors = new Float64Array(2 * originsMax * 10);

function modelOf(
  kind: Model["kind"],
  window: number,
  guess: Guess | undefined,
  judged: Judged,
  relative: number,
): Model {
  return {
    kind,
    window,
    relativeError: relative,
    expected: (lead) => guess?.(lead) ?? Number.NaN,
    halfWidth: (lead) => judged.width * (1 + lead / judged.window),
  };
}

function atOnce(now: number) {
  const model: Model = { kind: "level", window: 0, relativeError: 1, expected: () => now, halfWidth: () => 0 };
  return { earliest: 0, likely: 0, latest: 0, model };
}

/** Median of the five minutes before `end`. */
function recent(values: Float64Array, end: number): number {
  let count = 0;
  for (let i = Math.max(0, end - 5); i < end; i++) if (!Number.isNaN(values[i]!)) five[count++] = values[i]!;
  return quantileOf(five, count, 0.5);
}

const five = new Float64Array(5);

/** Whether an earlier climb reached about as high and fell by more than half, not for having run out. */
function hasComeBack(values: Float64Array, now: number, limit: number, refills: boolean): boolean {
  let peak = Number.NEGATIVE_INFINITY;
  let floor = Number.POSITIVE_INFINITY;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    if (value > peak) peak = value;
    if (value < floor) floor = value;
    const fell = value < peak - 0.5 * (peak - floor) && peak > floor;
    const counts = refills || peak < exhaustedAt * limit;
    if (fell && counts && peak - floor >= sameClimb * (now - floor)) return true;
    if (fell) peak = value;
  }
  return false;
}
