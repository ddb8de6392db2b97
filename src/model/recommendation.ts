// Advice: an engine knob or GPU-kernel parameter worth trying, with its reasons.
import type { EntityId } from "./entity.ts";
import type { Evidence } from "./evidence.ts";
import type { Instant } from "./time.ts";

export interface Recommendation {
  readonly id: string;
  readonly at: Instant;
  readonly kind: "engine-knob" | "gpu-kernel" | "capacity" | "compression";
  readonly target: EntityId;
  readonly title: string;
  /** Parameter to set, with the value seen now (if known) and the one advised. */
  readonly changes: readonly { readonly parameter: string; readonly from?: string; readonly to: string }[];
  /** For a search: which parameters to try and which values. */
  readonly searchSpace?: Readonly<Record<string, readonly (string | number)[]>>;
  readonly why: string;
  readonly expected: string;
  readonly risk: string;
  readonly evidence: readonly Evidence[];
}
