// The list of statistical detectors. A new one is a file and a line here; the conformance kit then tests it unasked.
import type { DetectorKind } from "../model/detector.ts";
import type { FrameBatches } from "./features.ts";
import { robustLevel } from "./statistical/robust-level.ts";
import { dropout, flatLine } from "./statistical/run-length.ts";

export interface Watch {
  readonly kind: DetectorKind<"point">;
  /** What it looks at: every signal by itself, or one number for an entity. */
  readonly feature: Exclude<keyof FrameBatches, "core">;
}

export const watches: readonly Watch[] = [
  { kind: robustLevel, feature: "levels" },
  { kind: flatLine, feature: "stillness" },
  { kind: dropout, feature: "silence" },
];
