// What the rule engine shows of its rules: groups as they were loaded, with the health and the alerts of each rule.
import type { Alert } from "./anomaly.ts";
import type { Labels } from "./labels.ts";
import type { DurationMs, Instant } from "./time.ts";

export interface RuleView {
  readonly kind: "alert" | "record";
  readonly name: string;
  readonly query: string;
  readonly forMs: DurationMs;
  readonly keepFiringForMs: DurationMs;
  /** Templates as they are written. */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Of an alert rule: pending, firing and unknown ones. */
  readonly alerts: readonly Alert[];
  /** `unknown` before the first evaluation. */
  readonly health: "ok" | "err" | "unknown";
  readonly error?: string;
}

export interface RuleGroupView {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: DurationMs;
  readonly limit: number;
  /** Event time; undefined before the first. */
  readonly evaluatedAt: Instant | undefined;
  readonly rules: readonly RuleView[];
}
