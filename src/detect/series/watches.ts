// The detectors every series is judged by. A new one is a line here; together they may take some 1.2 KB a series.
import type { DetectorKind } from "../../model/detector.ts";
import { recentLevel } from "./recent-level.ts";

export const seriesWatches: readonly DetectorKind<"point">[] = [recentLevel];
