// The list of statistical detectors. A new one is a file and a line here; the conformance kit then tests it unasked.
import type { DetectorKind, InputKind } from "../model/detector.ts";
import type { FrameBatches } from "./features.ts";
import { discord } from "./statistical/discord.ts";
import { drift } from "./statistical/drift.ts";
import { eventRate, eventShare } from "./statistical/event-rate.ts";
import { histogramShift } from "./statistical/histogram-shift.ts";
import { levelShift } from "./statistical/level-shift.ts";
import { robustLevel } from "./statistical/robust-level.ts";
import { dropout, flatLine } from "./statistical/run-length.ts";
import { saturation } from "./statistical/saturation.ts";
import { spike } from "./statistical/spike.ts";
import { varianceChange } from "./statistical/variance-change.ts";

/** A detector that judges the frames of the live service. */
export interface Watch {
  readonly kind: DetectorKind<"point">;
  /** What it looks at: every signal by itself, the same beside its siblings, or one number for an entity. */
  readonly feature: Exclude<keyof FrameBatches, "core">;
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
  { kind: flatLine, feature: "stillness", persists: "already" },
  { kind: dropout, feature: "silence", persists: "already" },
];

/**
 * For frames, but not fed with them: on load that wanders for minutes `level-shift` opened 4 false episodes in 24 hours of
 * a made-up fleet of four, since runs of high scores are calibrated as one event.
 */
export const heldBack: readonly Watch[] = [{ kind: levelShift, feature: "levels", persists: "already" }];

type AnyKind = { readonly [K in InputKind]: DetectorKind<K> }[InputKind];

/**
 * Detectors that wait for who feeds them: counts and histograms are in no frame, and `discord` costs too much to run unasked.
 */
export const onRequest: readonly AnyKind[] = [eventRate, eventShare, histogramShift, discord];
