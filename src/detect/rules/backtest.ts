// What alerts would have done over a stretch of history: the same engine, with the clock walked through it.
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import { defaultOptions } from "../../promql/eval/evaluation.ts";
import { planFetch } from "../../promql/eval/fetch.ts";
import type { QueryOptions } from "../../promql/evaluate.ts";
import { createRules } from "./engine.ts";
import { reachOfRecorded } from "./reach.ts";
import type { Rule, RuleFile } from "./rule.ts";

export interface Firing {
  readonly alert: string;
  readonly group: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** When it began to be pending, and to fire. */
  readonly pendingAt: Instant;
  readonly firedAt: Instant;
  /** Undefined: it still fired at the end of the range. */
  readonly endedAt: Instant | undefined;
}

export interface Backtest {
  readonly firings: readonly Firing[];
  /** Rules that could not be evaluated: how often, and the last error. */
  readonly failures: readonly { readonly rule: string; readonly times: number; readonly error: string }[];
  readonly evaluations: number;
}

/** Recorded series are given this long to fill before the range, at most. */
const warmUpMax: DurationMs = 6 * 3_600_000;

/** How long before an evaluation any of the rules reads, and before the range evaluation begins. */
export function needsBefore(files: readonly RuleFile[]): {
  readonly readMs: DurationMs;
  readonly warmUpMs: DurationMs;
} {
  const rules = rulesOf(files);
  const spans = rules.flatMap(({ expr }) => planFetch(expr, 0, 0, defaultOptions.lookbackMs));
  const warmUpMs = Math.min(warmUpMax, Math.max(0, ...reachOfRecorded(rules).values()));
  return { readMs: warmUpMs + Math.max(0, ...spans.map(({ from }) => -from)), warmUpMs };
}

/**
 * Evaluates the rules every `intervalMs` (groups may ask for longer) from `range.from` to `range.to`, both included.
 * What fires before the range begins is told with its true beginning if it lasts into it.
 */
export async function backtest(
  files: readonly RuleFile[],
  range: TimeRange,
  deps: {
    readonly source: SeriesSource;
    readonly telemetry: Telemetry;
    readonly intervalMs: DurationMs;
    readonly query?: QueryOptions;
  },
): Promise<Backtest> {
  const rules = createRules(files, { ...deps, retentionMs: Number.POSITIVE_INFINITY });
  const open = new Map<string, Omit<Firing, "endedAt">>();
  const firings: Firing[] = [];
  const failures = new Map<string, { times: number; error: string }>();
  let evaluations = 0;
  const close = (id: string, firing: Omit<Firing, "endedAt">, endedAt: Instant | undefined): void => {
    open.delete(id);
    if (endedAt === undefined || endedAt >= range.from) firings.push({ ...firing, endedAt });
  };
  for (let at = range.from - needsBefore(files).warmUpMs; at <= range.to; at += deps.intervalMs) {
    await rules.evaluate(at);
    evaluations++;
    const now = rules.all();
    const firingNow = new Set<string>();
    for (const alert of now) {
      if (alert.state === "unknown") note(failures, alert.rule, alert.error ?? "");
      if (alert.state !== "firing" && !(alert.state === "unknown" && open.has(alert.id))) continue;
      firingNow.add(alert.id);
      if (open.has(alert.id)) continue;
      const { rule, group, labels, annotations, activeAt } = alert;
      open.set(alert.id, { alert: rule, group, labels, annotations, pendingAt: activeAt, firedAt: at });
    }
    for (const [id, firing] of open) if (!firingNow.has(id)) close(id, firing, at);
  }
  for (const [id, firing] of open) close(id, firing, undefined);
  return {
    firings: firings.toSorted((a, b) => a.firedAt - b.firedAt || (labelsKey(a.labels) < labelsKey(b.labels) ? -1 : 1)),
    failures: [...failures].map(([rule, failure]) => ({ rule, ...failure })),
    evaluations,
  };
}

function note(failures: Map<string, { times: number; error: string }>, rule: string, error: string): void {
  failures.set(rule, { times: (failures.get(rule)?.times ?? 0) + 1, error });
}

function rulesOf(files: readonly RuleFile[]): readonly Rule[] {
  return files.flatMap(({ groups }) => groups.flatMap((group) => group.rules));
}

/** Names of the series the rules select; undefined if one of them selects without an exact name. */
export function selectedMetrics(files: readonly RuleFile[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { expr } of rulesOf(files)) {
    for (const { matchers } of expr.selectors) {
      const name = matchers.find((matcher) => matcher.name === "__name__" && matcher.op === "=")?.value;
      if (name === undefined) return undefined;
      names.add(name);
    }
  }
  return names;
}
