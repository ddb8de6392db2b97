// From contrasts to verdicts: what is decided, what is not, and how much more it would take.
import { quantileOf } from "../math/quantile.ts";
import type { MeasureComparison, SideOfMeasure, Verdict } from "../model/comparison.ts";
import type { DurationMs } from "../model/time.ts";
import { type Contrast, type Estimate, estimate, meanContrast, rankContrast } from "./contrast.ts";
import { binsFor, type Measure } from "./measures.ts";
import { minuteMs } from "./minutes.ts";
import { adjust, blockLength, columnsOf, minutesOf, type Observed } from "./observations.ts";
import { sentenceOf } from "./words.ts";

/** Probability with which any verdict of a comparison may be wrong. */
const alpha = 0.05;
const observationsMin = 30;
const minutesMin = 6;
/** More data than this is no advice. */
const timesMax = 200;
/** The least difference of probe scores that matters. */
export const shareMargin = 0.05;

interface Weighed {
  readonly measure: Measure;
  readonly a: SideOfMeasure;
  readonly b: SideOfMeasure;
  /** Absent where there is too little to say anything. */
  readonly contrast?: Contrast;
  /** On the scale of the values. */
  readonly margin: number;
  /** Least two-sided p of "above the margin", "below it", "within it". */
  readonly p: number;
}

/**
 * For each measure: better or worse where the whole interval lies beyond the margin, same where it lies within, else
 * undecided. Intervals of several measures together are wrong with probability 0.05 at most (Holm 1979: the confidence of each
 * is that at which it was tested). "Same" by two one-sided tests (Schuirmann 1987), at the level of the interval, which is stricter than it must be.
 */
export async function decide(
  measures: readonly Measure[],
  margin: number,
  pause: () => Promise<void>,
): Promise<readonly MeasureComparison[]> {
  const weighed: Weighed[] = [];
  for (const measure of measures) {
    weighed.push(weigh(measure, margin));
    await pause();
  }
  const ranked = weighed.filter(({ contrast }) => contrast !== undefined).toSorted((x, y) => x.p - y.p);
  const levels = new Map<Weighed, number>();
  let failed: number | undefined;
  for (const [i, one] of ranked.entries()) {
    const level = failed ?? alpha / (ranked.length - i);
    if (one.p > level) failed ??= level;
    levels.set(one, level);
  }
  const out: MeasureComparison[] = [];
  for (const one of weighed) {
    out.push(verdictOf(one, levels.get(one) ?? alpha, margin));
    await pause();
  }
  return out;
}

function weigh(measure: Measure, relativeMargin: number): Weighed {
  const { rows, scale } = measure;
  const a = sideOf(measure, false);
  const b = sideOf(measure, true);
  const margin = scale === "log" ? Math.log1p(relativeMargin) : shareMargin;
  const few = [a, b].some((side) => side.observations < observationsMin || side.minutes < minutesMin);
  if (few) return { measure, a, b, margin, p: 1 };
  const columns = columnsOf(rows, binsFor(measure), blockLength(rows));
  if (scale === "log") adjust(rows, columns);
  const contrast = scale === "log" ? rankContrast(columns) : meanContrast(columns);
  if (contrast.strata === 0) return { measure, a, b, margin, p: 1 };
  const above = contrast.pAbove(margin);
  const notBelow = contrast.pAbove(-margin);
  const p = 2 * Math.min(above, 1 - notBelow, Math.max(1 - above, notBelow));
  return { measure, a, b, contrast, margin, p };
}

function verdictOf(one: Weighed, level: number, relativeMargin: number): MeasureComparison {
  const { measure, a, b, contrast, margin } = one;
  const { title, unit, source, scale } = measure;
  const told = { measure: measure.measure, title, unit, source, a, b };
  const shown = scale === "log" ? relativeMargin : shareMargin;
  if (contrast === undefined) {
    const without = { ...told, verdict: "undecided", margin: shown, strata: 0, comparedShare: 0 } as const;
    return { ...without, says: sentenceOf(without, measure) };
  }
  const found = estimate(contrast, 1 - level);
  const verdict = verdictBy(found, margin, measure.more);
  const back = (value: number): number => (scale === "log" ? Math.expm1(value) : value);
  const more = verdict === "undecided" ? moreFor(found, margin, Math.min(a.minutes, b.minutes) * minuteMs) : undefined;
  const whole = {
    ...told,
    verdict,
    effect: back(found.shift),
    low: back(found.low),
    high: back(found.high),
    confidence: 1 - level,
    margin: shown,
    strata: contrast.strata,
    comparedShare: contrast.comparedShare,
    ...(more === undefined ? {} : { more }),
  };
  return { ...whole, says: sentenceOf(whole, measure) };
}

function verdictBy({ low, high }: Estimate, margin: number, more: Measure["more"]): Verdict {
  if (low > -margin && high < margin) return "same";
  if (low <= margin && high >= -margin) return "undecided";
  if (more === undefined) return "different";
  return low > margin === (more === "better") ? "better" : "worse";
}

/** Half an interval shrinks with the root of the data; where the estimate lies on the margin itself nothing decides. */
function moreFor({ shift, low, high }: Estimate, margin: number, timeMs: DurationMs): MeasureComparison["more"] {
  const room = Math.abs(Math.abs(shift) - margin);
  const half = Math.max(shift - low, high - shift);
  const times = (half / room) ** 2;
  if (!(times > 1) || times > timesMax) return undefined;
  return { times: Number(times.toPrecision(2)), ms: Math.ceil(((times - 1) * timeMs) / minuteMs) * minuteMs };
}

function sideOf({ rows, scale }: Measure, isB: boolean): SideOfMeasure {
  const own = rows.filter((row) => row.isB === isB);
  return {
    observations: own.length,
    minutes: minutesOf(rows, isB),
    replicas: new Set(own.map(({ replica }) => replica)).size,
    ...(own.length === 0 ? {} : { median: scale === "log" ? Math.exp(medianOf(own)) : meanOf(own) }),
  };
}

function medianOf(rows: readonly Observed[]): number {
  const values = Float64Array.from(rows, ({ value }) => value);
  return quantileOf(values, values.length, 0.5);
}

function meanOf(rows: readonly Observed[]): number {
  return rows.reduce((sum, { value }) => sum + value, 0) / rows.length;
}
