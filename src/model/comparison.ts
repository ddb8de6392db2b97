// Two sides of the same service beside one another: versions, models, nodes, or whatever a label tells apart.
import type { DurationMs, TimeRange } from "./time.ts";

export type Verdict = "better" | "worse" | "same" | "different" | "undecided";

export type MeasureId = "ttft" | "itl" | "tokens_per_gpu" | "output_length" | "probes";

/** What one side showed of a measure. */
export interface SideOfMeasure {
  readonly observations: number;
  /** Minutes in which there were any. */
  readonly minutes: number;
  readonly replicas: number;
  /** In the measure's unit, of all strata together; absent without observations. Of probes the mean. */
  readonly median?: number;
}

export interface MeasureComparison {
  readonly measure: MeasureId;
  readonly title: string;
  /** UCUM. */
  readonly unit: string;
  /** What it was taken from. */
  readonly source: "requests" | "metrics" | "probes";
  readonly verdict: Verdict;
  /** One sentence. */
  readonly says: string;
  readonly a: SideOfMeasure;
  readonly b: SideOfMeasure;
  /** How far B lies from A: 0.1 = 10 % higher; of probes the difference. Absent where nothing can be said. */
  readonly effect?: number;
  /** Interval of the effect, at `confidence`. */
  readonly low?: number;
  readonly high?: number;
  readonly confidence?: number;
  /** The least effect that matters, in the same terms. */
  readonly margin: number;
  readonly strata: number;
  /** Share of the observations that lie in strata both sides have. */
  readonly comparedShare: number;
  /** Of an undecided one: how many times as much would decide it, and how much longer that is at this pace. */
  readonly more?: { readonly times: number; readonly ms: DurationMs };
}

export interface ComparedSide {
  /** As it was asked for: `version=1.2`. */
  readonly label: string;
  /** Requests with a span; of very many only a part is compared, and a note says so. */
  readonly requests: number;
  readonly replicas: readonly string[];
  readonly models: readonly string[];
  readonly gpus: readonly string[];
  readonly nodes: readonly string[];
  readonly versions: readonly string[];
}

export interface Comparison {
  readonly range: TimeRange;
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  /** Of B against A, of all measures together. */
  readonly verdict: Exclude<Verdict, "different">;
  readonly says: string;
  readonly measures: readonly MeasureComparison[];
  /** What else differs between the sides and may be the reason. */
  readonly confounders: readonly string[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

export interface CompareRequest {
  /** Which requests and metrics: `version=1.2`, `model=m,node=gpu-7`. */
  readonly a: string;
  readonly b: string;
  readonly range: TimeRange;
  /** Least relative effect that matters; 0.05 by default. */
  readonly margin?: number;
}

/** What cannot be asked, by parameter. */
export interface CannotCompare {
  readonly mistakes: readonly { readonly parameter: "a" | "b"; readonly detail: string }[];
}
