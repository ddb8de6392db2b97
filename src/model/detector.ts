// The seam of detection: a detector says how odd an input is; others decide what to do about it.
import type { Shape } from "./anomaly.ts";
import type { Evidence } from "./evidence.ts";
import type { DurationMs, Instant } from "./time.ts";

/** Many series at one instant, a row each. `slots` are stable small integers that index a detector's own columnar state. */
export interface PointBatch {
  readonly rows: number;
  readonly slots: Int32Array;
  readonly values: Float64Array;
  /** Bits of `quality`, a byte a row. */
  readonly quality: Uint8Array;
}

/** Many entities at one instant: `values[row * width + column]`, columns in the order of `coreSignals`. */
export interface EntityBatch {
  readonly rows: number;
  readonly width: number;
  readonly slots: Int32Array;
  readonly values: Float64Array;
  readonly quality: Uint8Array;
}

/** Events counted since the step before, a row each, and what they are to be measured by. */
export interface CountBatch {
  readonly rows: number;
  readonly slots: Int32Array;
  /** What happened: errors, preemptions. */
  readonly values: Float64Array;
  /** Of how many (requests), or in how much (seconds, tokens): the exposure. 0 = nothing could happen. */
  readonly of: Float64Array;
  readonly quality: Uint8Array;
}

/** Observations counted in buckets since the step before: `values[row * width + bucket]`, lowest first; quality a row. */
export interface HistogramBatch {
  readonly rows: number;
  readonly width: number;
  /** Upper bounds of all buckets but the last, rising, the same for all rows. */
  readonly bounds: Float64Array;
  readonly slots: Int32Array;
  readonly values: Float64Array;
  readonly quality: Uint8Array;
}

/** Points to be judged by those of their siblings at the same instant. */
export interface PeerBatch extends PointBatch {
  /** Group of each row. */
  readonly groups: Int32Array;
  /** Values of all siblings that can be used, the rows' own among them: group g has `siblings[starts[g] .. starts[g + 1])`. */
  readonly siblings: Float64Array;
  readonly starts: Int32Array;
}

export interface Inputs {
  readonly point: PointBatch;
  readonly entity: EntityBatch;
  readonly counts: CountBatch;
  readonly histogram: HistogramBatch;
  readonly peers: PeerBatch;
}

export type InputKind = keyof Inputs;

/**
 * Scores are >= 0, higher = odder, on the detector's own scale; NaN while it cannot tell.
 * The calibrator gives them a common meaning. Nothing is allocated per point.
 */
export interface Detector<K extends InputKind> {
  /** Writes one score a row. Must not change the detector: scoring twice says the same. */
  score(batch: Inputs[K], now: Instant, out: Float64Array): void;
  /**
   * Takes in what was just judged, whether it is normal or not, once a step and after `score`: for detectors that look at
   * more than the last point. What it changes is what is recent, never what is normal.
   */
  follow?(batch: Inputs[K], now: Instant): void;
  /** Folds the rows into what counts as normal. `at` is their time, for detectors that know seasons. */
  learn(batch: Inputs[K], at?: Instant): void;
  /** Somebody said that what the slot does now is normal: goes on from there without waiting to have learned it. */
  accept?(slot: number): void;
  explain(batch: Inputs[K], row: number): DetectorView;
  /** Another series has the slot from now on. Absent: slots given to it are never given again. */
  forget?(slot: number): void;
  /** Everything needed to go on after a restart: a detector made from it says the same. */
  snapshot(): Uint8Array;
}

/** What a detector thinks of one row. */
export interface DetectorView {
  readonly expected: { readonly low: number; readonly high: number };
  readonly evidence: readonly Evidence[];
  /** Since when, where the detector knows better than the time its score rose. */
  readonly since?: Instant;
  /** What it looks like, where the detector knows. */
  readonly shape?: Shape;
  /** A clause to end the sentence with: `full in 12 min at this pace`. */
  readonly note?: string;
}

export interface DetectorKind<K extends InputKind> {
  readonly kind: string;
  readonly summary: string;
  readonly input: K;
  /** `stepMs` is the distance of the batches, for those who count on it; a minute where nobody says. */
  create(snapshot?: Uint8Array, stepMs?: DurationMs): Detector<K>;
}
