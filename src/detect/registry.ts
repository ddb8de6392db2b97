// The list of statistical detectors. A new one is a file and a line here; the conformance kit then tests it unasked.
import type { DetectorKind, InputKind } from "../model/detector.ts";
import type { FrameBatches } from "./features.ts";
import { jointResidual } from "./multivariate/joint-residual.ts";
import { peerOutlier } from "./multivariate/peer-outlier.ts";
import { discord } from "./statistical/discord.ts";
import { drift } from "./statistical/drift.ts";
import { eventRate, eventShare } from "./statistical/event-rate.ts";
import { histogramShift } from "./statistical/histogram-shift.ts";
import { levelShift } from "./statistical/level-shift.ts";
import { robustLevel } from "./statistical/robust-level.ts";
import { absence, dropout, flatLine } from "./statistical/run-length.ts";
import { saturation } from "./statistical/saturation.ts";
import { signalPattern } from "./statistical/signal-pattern.ts";
import { spike } from "./statistical/spike.ts";
import { varianceChange } from "./statistical/variance-change.ts";

/** A detector that judges the frames of the live service. */
export type Watch =
  | WatchOf<"point", "levels" | "relative" | "stillness" | "silence" | "absence">
  | WatchOf<"peers", "peers">
  | WatchOf<"entity", "core">;

interface WatchOf<K extends InputKind, F extends keyof FrameBatches> {
  readonly kind: DetectorKind<K>;
  /** What it looks at: every signal by itself, the same beside its siblings, or something of an entity as a whole. */
  readonly feature: F;
  /**
   * Steps in a row its score must be high: as many as its feature is persistent for, or one where the score is the sum of
   * many steps already.
   */
  readonly persists: "steps" | "already";
}

export const watches: readonly Watch[] = [
  { kind: robustLevel, feature: "levels", persists: "steps" },
  { kind: varianceChange, feature: "levels", persists: "steps" },
  { kind: spike, feature: "levels", persists: "steps" },
  { kind: saturation, feature: "levels", persists: "steps" },
  { kind: drift, feature: "relative", persists: "already" },
  { kind: peerOutlier, feature: "peers", persists: "steps" },
  { kind: jointResidual, feature: "core", persists: "steps" },
  { kind: flatLine, feature: "stillness", persists: "already" },
  { kind: dropout, feature: "silence", persists: "already" },
  { kind: absence, feature: "absence", persists: "already" },
];

/**
 * For frames, but not fed with them. On load that wanders for minutes `level-shift` opened 4 false episodes in 24 hours of a
 * made-up fleet of four, since runs of high scores are calibrated as one event. `signal-pattern` adds half to what detection
 * costs and has not been shown to find more (docs/decisions/2026-11-30-live-tiers.md).
 */
export const heldBack: readonly Watch[] = [
  { kind: levelShift, feature: "levels", persists: "already" },
  { kind: signalPattern, feature: "relative", persists: "steps" },
];

type AnyKind = { readonly [K in InputKind]: DetectorKind<K> }[InputKind];

/**
 * Detectors that wait for who feeds them: counts and histograms are in no frame, and `discord` costs too much to run unasked.
 */
export const onRequest: readonly AnyKind[] = [eventRate, eventShare, histogramShift, discord];
