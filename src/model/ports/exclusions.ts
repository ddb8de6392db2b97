// Which points must not be learned.
import type { Exclusion } from "../anomaly.ts";

export interface Exclusions {
  current(): readonly Exclusion[];
}
