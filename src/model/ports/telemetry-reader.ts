// Raw metric points as observe reads them: by arrival, in columns, one query a tick.
import type { Labels } from "../labels.ts";
import type { Instant } from "../time.ts";

export type PointKind = "gauge" | "sum" | "histogram";

/** Identity of one raw series, sent once; points refer to it by `hash`. */
export interface RawSeries {
  /** The 64-bit series identity as a decimal string; of other tenants than the default one, with `tenant:` before it. */
  readonly hash: string;
  /** Whose it is, told as soon as there is more than one tenant. Nothing in the telemetry itself can say it. */
  readonly tenant?: string;
  readonly metric: string;
  readonly kind: PointKind;
  readonly unit: string;
  /** Sums and histograms: whether values accumulate from a start time. */
  readonly cumulative: boolean;
  readonly monotonic: boolean;
  readonly service: string;
  readonly resource: Labels;
  readonly attributes: Labels;
  /** Upper bucket bounds of a histogram, without +Inf. */
  readonly bounds: readonly number[];
  /** Counts that come in parts: several points of one time add up instead of being taken for a resend. */
  readonly additive?: boolean;
}

/** One raw point. Histograms carry count, sum and bucket counts (one more than bounds). */
export interface RawPoint {
  readonly hash: string;
  readonly at: Instant;
  readonly start: Instant;
  /** Gauge and sum: the value. Histogram: the sum of observations. */
  readonly value: number;
  readonly count: number;
  readonly buckets: readonly number[];
  /** OTLP data point flags; bit 0 = no recorded value (stale). */
  readonly flags: number;
}

export interface RawPage {
  readonly series: readonly RawSeries[];
  readonly points: readonly RawPoint[];
  /** Hand back as `after` to read on. */
  readonly cursor: string;
}

/** Points in columns, a row each: nothing is allocated for one. */
export interface PointColumns {
  readonly rows: number;
  /** Put before a hash in decimal digits it gives the `hash` of the series. */
  readonly hashPrefix: string;
  /** Series hashes in two halves of 32 bits, low first: two numbers a row. */
  readonly hashes: Uint32Array;
  readonly times: Float64Array;
  readonly starts: Float64Array;
  readonly values: Float64Array;
  readonly counts: Float64Array;
  /** Where a row's bucket counts end in `buckets`; they begin where those of the row before end. */
  readonly bucketEnds: Uint32Array;
  readonly buckets: Float64Array;
  readonly flags: Uint32Array;
}

/** The same as a {@link RawPage}, in columns. */
export interface ColumnPage {
  readonly series: readonly RawSeries[];
  readonly columns: readonly PointColumns[];
  readonly cursor: string;
}

/** Points a page aims at, unless its reader is told otherwise: a smaller one has none behind it. */
export const pagePointsDefault = 200_000;

export interface TelemetryReader {
  /** As `metricsAfter`, in columns; absent where points come as objects anyway. The cursors are the same. */
  columnsAfter?(cursor: string, notBefore: Instant): Promise<ColumnPage>;
  /**
   * Metric points stored after `cursor`, whatever their event time, but not those older than `notBefore`.
   * Never skips a stored point and never gives one twice. An empty cursor reads from the start.
   */
  metricsAfter(cursor: string, notBefore: Instant): Promise<RawPage>;
}
