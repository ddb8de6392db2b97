// The joint detector on a labelled series of several columns, and how well it names the columns that caused a segment.
import { jointResidualOf } from "../multivariate/joint-residual.ts";
import { emptyTrace, type Trace } from "./trace.ts";

/** Which columns are known to have caused a segment: its first and last point, after those that only teach. */
export interface Cause {
  readonly start: number;
  readonly end: number;
  readonly columns: readonly number[];
}

/** Frozen on development data, the same for every series. */
const threshold = 2.25;
const holdPerPoint = 0.95;
const calmPoints = 30;

const plain = { to: (value: number) => value, from: (value: number) => value, floor: 0 };
const kind = jointResidualOf((column) => ({ title: `Column ${column + 1}`, id: `column-${column + 1}`, scale: plain }));

/** Judges each row by those before it, then learns it. NaN and infinities count as missing. */
export function tryJointly(columns: readonly Float64Array[], stepSeconds: number): Trace {
  const length = columns[0]?.length ?? 0;
  const width = columns.length;
  const trace = emptyTrace(length);
  const parts = new Float64Array(length * width);
  const detector = kind.create();
  const batch = {
    rows: 1,
    width,
    slots: new Int32Array(1),
    values: new Float64Array(width),
    quality: new Uint8Array(width),
  };
  const scores = new Float64Array(1);
  let held = 0;
  let calm = calmPoints;
  for (let i = 0; i < length; i++) {
    const at = i * stepSeconds * 1000;
    for (let c = 0; c < width; c++) batch.values[c] = columns[c]![i]!;
    detector.score(batch, at, scores);
    const score = Number.isNaN(scores[0]!) ? 0 : scores[0]!;
    held = Math.max(score, held * holdPerPoint);
    trace.scores[i] = score;
    trace.held[i] = held;
    if (score > 0)
      for (const part of detector.partsOf(batch, 0, at)) parts[i * width + part.column] = part.share * score ** 2;
    const odd = score >= threshold;
    trace.odd[i] = odd ? 1 : 0;
    trace.alerts[i] = odd && calm >= calmPoints ? 1 : 0;
    calm = odd ? 0 : calm + 1;
    detector.follow?.(batch, at);
    detector.learn(batch, at);
  }
  return { ...trace, parts };
}

/**
 * Share of a segment's causing columns among the 150 % as many with the largest parts in it (HitRate@150 %), of each
 * segment. Source: Su et al., "Robust anomaly detection for multivariate time series" (2019), over segments.
 */
export function hitRates(parts: Float64Array, width: number, teaching: number, causes: readonly Cause[]): number[] {
  return causes.map(({ start, end, columns }) => {
    const sums = new Float64Array(width);
    for (let i = teaching + start; i <= teaching + end; i++)
      for (let c = 0; c < width; c++) sums[c]! += parts[i * width + c] ?? 0;
    const ranked = [...sums.keys()].toSorted((a, b) => sums[b]! - sums[a]!);
    const first = new Set(ranked.slice(0, Math.floor(1.5 * columns.length)));
    return columns.filter((column) => first.has(column)).length / columns.length;
  });
}
