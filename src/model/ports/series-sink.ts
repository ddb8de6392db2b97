// The door for series that no exporter sends: log templates counted, probes, feedback. They become series like any other.
import type { Labels } from "../labels.ts";
import type { Instant } from "../time.ts";

interface About {
  /** Prometheus-style, without `_total`, `_bucket` and so on: readers of counters add nothing. */
  readonly metric: string;
  /** UCUM; empty for plain counts. */
  readonly unit: string;
  /** Event time; a count is of the step that ends there. */
  readonly at: Instant;
  /** What it is about, as OpenTelemetry names it: `service.name`, `service.instance.id`, `k8s.pod.name` and so on. */
  readonly resource: Labels;
  readonly attributes: Labels;
  /** Whose it is, where there is more than one tenant. */
  readonly tenant?: string;
}

/**
 * `level`: a value now. `count`: how many came since the last; several of one instant add up. `distribution`: new
 * observations, `counts[i]` of them within `bounds[i]`, one more above the last bound; they add up too.
 */
export type MadeSample = About &
  (
    | { readonly kind: "level" | "count"; readonly value: number }
    | {
        readonly kind: "distribution";
        readonly sum: number;
        readonly bounds: readonly number[];
        readonly counts: readonly number[];
      }
  );

export interface SeriesSink {
  /** Takes samples in; what cannot be kept is counted. Label values must come from bounded sets. */
  put(samples: readonly MadeSample[], now: Instant): void;
}
