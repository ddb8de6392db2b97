// Rules as they are once checked.
import type { DurationMs } from "../../model/time.ts";
import type { ParsedQuery } from "../../promql/ast.ts";
import type { Template } from "./template.ts";

export interface AlertRule {
  readonly kind: "alert";
  readonly name: string;
  readonly expr: ParsedQuery;
  readonly forMs: DurationMs;
  readonly keepFiringForMs: DurationMs;
  readonly labels: Readonly<Record<string, Template>>;
  readonly annotations: Readonly<Record<string, Template>>;
  /** From 1. */
  readonly line: number;
}

export interface RecordRule {
  readonly kind: "record";
  readonly name: string;
  readonly expr: ParsedQuery;
  readonly labels: Readonly<Record<string, string>>;
  readonly line: number;
}

export type Rule = AlertRule | RecordRule;

export interface RuleGroup {
  readonly name: string;
  /** Undefined = the engine's default. */
  readonly intervalMs: DurationMs | undefined;
  /** Most alerts or recorded series of one rule; 0 = no limit. */
  readonly limit: number;
  /** How far before now the rules look. */
  readonly offsetMs: DurationMs;
  readonly rules: readonly Rule[];
}

export interface RuleFile {
  readonly name: string;
  readonly groups: readonly RuleGroup[];
}
