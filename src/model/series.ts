// Series by event time, in columns.
import type { Labels } from "./labels.ts";

/** Facts about one point, as bits. Detectors and training leave out a point with any bit of `UNUSABLE`. */
export const quality = {
  /** The producer said the series ended (Prometheus stale marker, OTLP "no recorded value"). The value means nothing. */
  STALE: 1,
  /** Nothing arrived for this step; the value is NaN. */
  MISSING: 2,
  /** The counter restarted since the point before. */
  RESET: 4,
  /** Arrived after its step had been judged. */
  LATE: 8,
  /** Outside the signal's possible range. */
  OUT_OF_RANGE: 16,
  /** Repeats a frozen exporter's last value. */
  FROZEN: 32,
  /** Too few observations behind a quantile to judge by it. */
  THIN: 64,
  /** Measured in a unit nobody can convert, or from a part of the series only (their labels exploded): not to be trusted. */
  SUSPECT: 128,
} as const;

/** Points that must enter no baseline and no training set. */
export const UNUSABLE = quality.STALE | quality.MISSING | quality.OUT_OF_RANGE | quality.FROZEN | quality.SUSPECT;

/**
 * One series, oldest point first. The arrays may be longer than `length` and belong to their owner:
 * read them within the call that handed them out, never keep them.
 */
export interface SeriesView {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly length: number;
  /** Unix milliseconds, strictly rising. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Bits of {@link quality}, one byte a point; absent = all good. */
  readonly quality?: Uint8Array;
}
