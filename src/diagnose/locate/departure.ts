// How far one entity left its own normal operation, in what it cost: seconds lost or requests failed.
import { quantileOf } from "../../math/quantile.ts";
import { normalScore, predictedUpper } from "../../math/tails.ts";

/** `latency`: values are mean seconds of a request. `failures`: values are shares (0..1) of requests that failed. */
export type Measure = "latency" | "failures";

/** Rows of equal length in time; a row without a finite value or with no requests says nothing. */
export interface Rows {
  readonly requests: Float64Array;
  readonly values: Float64Array;
}

/** One entity: normal operation, just before the incident, and the incident itself. `before` may be empty. */
export interface Course {
  readonly normal: Rows;
  readonly before: Rows;
  readonly during: Rows;
}

export interface Departure {
  /** What a request cost during the incident, and what it should have cost. */
  readonly observed: number;
  readonly expected: number;
  /** Cost beyond the expected of all requests of the incident (s, or failed requests); negative if it was cheaper. */
  readonly excess: number;
  /** One standard deviation of `excess` while nothing is wrong. */
  readonly excessDeviation: number;
  /** `excess` as a normal score; 37 at most. */
  readonly z: number;
  readonly requests: number;
}

export type Measured = { readonly departure: Departure } | { readonly why: string };

const normalRowsMin = 10;
/** A series that never moved is held to a thousandth of its level. */
const resolution = 1e-3;
/** Quantiles of distances whose largest deviation, as that of a normal distribution, is the scale; with their z. */
const scaleQuantiles = [
  [0.5, 0.6745],
  [0.9, 1.6449],
  [0.99, 2.5758],
] as const;
const zMax = 37;

/**
 * The departure of the incident's mean from what was to be expected. Expected is the median of normal operation, moved to
 * the level just before the incident as far as that differs by more than noise (a random-effects estimate of two periods:
 * DerSimonian and Laird 1986): systems wander between then and now, and a cause has to have changed at the onset.
 * Noise is that of means over as many rows of normal operation as the incident has, so slow waves count as noise; it is
 * read off the tail as well as the middle; it grows with the level; it is at least that of so few requests.
 * Failures are also held to the exact tail of their count, since few of them are not normally distributed.
 *
 * Blind to a departure that a history with its like makes usual, and to cost that moves without its mean.
 */
export function measure(course: Course, kind: Measure): Measured {
  for (const rows of [course.normal, course.before, course.during]) {
    if (rows.requests.length !== rows.values.length) return { why: "its requests and values differ in length" };
  }
  const normal = compact(course.normal, kind);
  const before = compact(course.before, kind);
  const during = compact(course.during, kind);
  if (during.rows === 0) return { why: "nothing was measured during the incident" };
  if (normal.rows < normalRowsMin) {
    return { why: `only ${normal.rows} rows of normal operation: ${normalRowsMin} are needed` };
  }
  const center = kind === "latency" ? quantileOf(normal.values.slice(), normal.rows, 0.5) : normal.mean;
  const usualRequests = quantileOf(normal.requests.slice(), normal.rows, 0.5);
  const noise = (of: Compact): number => noiseOf(normal, of, center, usualRequests, kind);

  const beforeVariance = before.rows === 0 ? 0 : noise(before) ** 2;
  const wander = before.rows === 0 ? 0 : Math.max(0, (before.mean - center) ** 2 - beforeVariance);
  const trust = wander === 0 ? 0 : wander / (wander + beforeVariance);
  const expected = trust === 0 ? center : center + trust * (before.mean - center);
  const growth = kind === "latency" && center > 0 ? Math.max(1, expected / center) : 1;
  const deviation = Math.sqrt(
    (growth * noise(during)) ** 2 + trust * growth ** 2 * beforeVariance + atRate(expected, during, kind),
  );
  const distance = during.mean - expected;
  let z = distance / deviation;
  if (kind === "failures" && z > 0) z = Math.min(z, countScore(normal, before, during, trust));
  return {
    departure: {
      observed: during.mean,
      expected,
      excess: distance * during.total,
      excessDeviation: deviation * during.total,
      z: Math.min(zMax, z),
      requests: during.total,
    },
  };
}

interface Compact {
  readonly rows: number;
  readonly requests: Float64Array;
  readonly values: Float64Array;
  /** Requests of all rows, and their mean value. */
  readonly total: number;
  readonly mean: number;
}

/** The course with no more than so many rows of the incident. */
export function firstRows(course: Course, rows: number): Course {
  const { requests, values } = course.during;
  if (rows >= values.length) return course;
  return { ...course, during: { requests: requests.subarray(0, rows), values: values.subarray(0, rows) } };
}

/** Only the rows that say something. */
function compact({ requests, values }: Rows, kind: Measure): Compact {
  const keptRequests = new Float64Array(values.length);
  const keptValues = new Float64Array(values.length);
  let rows = 0;
  let total = 0;
  let cost = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const count = requests[i]!;
    if (!Number.isFinite(value) || !Number.isFinite(count) || count <= 0 || value < 0) continue;
    if (kind === "failures" && value > 1) continue;
    keptRequests[rows] = count;
    keptValues[rows] = value;
    total += count;
    cost += count * value;
    rows++;
  }
  return {
    rows,
    requests: keptRequests.subarray(0, rows),
    values: keptValues.subarray(0, rows),
    total,
    mean: total === 0 ? Number.NaN : cost / total,
  };
}

/** Standard deviation of a mean over `of` while nothing is wrong, from means over as many rows of `normal`. */
function noiseOf(normal: Compact, of: Compact, center: number, usualRequests: number, kind: Measure): number {
  const length = Math.max(1, Math.min(of.rows, Math.floor(normal.rows / 3)));
  const positions = normal.rows - length + 1;
  const distances = new Float64Array(positions);
  let cost = 0;
  let count = 0;
  for (let i = 0; i < normal.rows; i++) {
    cost += normal.values[i]! * normal.requests[i]!;
    count += normal.requests[i]!;
    if (i >= length) {
      cost -= normal.values[i - length]! * normal.requests[i - length]!;
      count -= normal.requests[i - length]!;
    }
    if (i >= length - 1) distances[i - length + 1] = Math.abs(cost / count - center);
  }
  let scale = 0;
  for (const [q, z] of scaleQuantiles) scale = Math.max(scale, quantileOf(distances, positions, q) / z);
  // Fewer requests than usual make a noisier mean.
  const thin = Math.sqrt(Math.max(1, (usualRequests * of.rows) / of.total));
  const least = kind === "latency" ? Math.max(resolution * Math.abs(center), Number.MIN_VALUE) : 0;
  return Math.max(
    scale * thin,
    least,
    Math.sqrt(atRate((normal.mean * normal.total + 0.5) / (normal.total + 1), of, kind)),
  );
}

/** Variance of the share of failures among so many requests, each failing at `rate`; 0 for latency. */
function atRate(rate: number, { total }: Compact, kind: Measure): number {
  return kind === "latency" ? 0 : (rate * (1 - rate)) / total;
}

/** Normal score of at least so many failures, given those of normal operation, or of just before where that differs. */
function countScore(normal: Compact, before: Compact, during: Compact, trust: number): number {
  const failed = (of: Compact): number => (of.rows === 0 ? 0 : of.mean * of.total);
  const seen = (1 - trust) * failed(normal) + failed(before);
  const past = (1 - trust) * normal.total + before.total;
  return normalScore(predictedUpper(failed(during), during.total, seen, past));
}
