// Stored metric points by event time: what queries reach for beyond the Head.
import type { DurationMs, TimeRange } from "../time.ts";
import type { RawPoint, RawSeries } from "./telemetry-reader.ts";

/** A metric that has series in a range, as it was sent. */
export interface StoredMetric {
  readonly metric: string;
  readonly kind: RawSeries["kind"];
  readonly unit: string;
}

export interface TelemetryHistory {
  /** Metrics with series on the days of the range, by name. */
  metrics(range: TimeRange): Promise<readonly StoredMetric[]>;
  /** Their series on the days of the range, at most `limit`, so one more than is wanted tells that there are too many. */
  series(metrics: readonly string[], range: TimeRange, limit: number): Promise<readonly RawSeries[]>;
  /** How many points these series have in the range: an estimate from rollups where they exist, never much too low. */
  countPoints(series: readonly RawSeries[], range: TimeRange): Promise<number>;
  /**
   * Points by event time, a page at a time. With `thinToMs` the last point of each minute stands for all of it (deltas:
   * their sum), where rollups exist; newer points come as they are.
   */
  points(series: readonly RawSeries[], range: TimeRange, thinToMs?: DurationMs): AsyncIterable<readonly RawPoint[]>;
}
