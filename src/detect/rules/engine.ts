// Evaluates rule files on event time: alerts out, recordings into an overlay that later rules read.
import type { Alert } from "../../model/anomaly.ts";
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { RuleGroupView } from "../../model/rule-view.ts";
import type { SeriesView } from "../../model/series.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import type { QueryOptions, QueryResult, Sample } from "../../promql/evaluate.ts";
import { evaluateInstant, evaluateInstantSync } from "../../promql/evaluate.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { ActiveAlert, ActiveAlerts, Surroundings } from "./alerts.ts";
import { advance, toAlert } from "./alerts.ts";
import type { Overlay } from "./overlay.ts";
import { createOverlay } from "./overlay.ts";
import { reachOfRecorded } from "./reach.ts";
import type { AlertRule, RecordRule, Rule, RuleFile, RuleGroup } from "./rule.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";
import { viewOfGroup } from "./view.ts";

export interface RulesDeps {
  readonly source: SeriesSource;
  readonly telemetry: Telemetry;
  /** For groups that name no interval. Default 15 s. */
  readonly intervalMs?: DurationMs;
  readonly query?: QueryOptions;
  /** How long recorded series are kept in memory at least; longer where a rule reads further back. Default 1 hour. */
  readonly retentionMs?: DurationMs;
  /** Most recorded series, ALERTS included. Default 100,000. */
  readonly recordedSeriesMax?: number;
  /** What templates find in `$externalLabels` and `$externalURL`. */
  readonly externalLabels?: Labels;
  readonly externalUrl?: string;
}

export interface Rules {
  /**
   * Evaluates, in order, every group whose interval is due at `at`. Gives the alerts whose state or value changed; one that
   * ended comes a last time as inactive. Calls wait for one another. Never rejects because of a source or a rule: that
   * makes the rule's alerts `unknown`, is counted, and is tried again when next due.
   */
  evaluate(at: Instant): Promise<readonly Alert[]>;
  /** Every alert that is pending, firing or unknown. */
  all(): readonly Alert[];
  /** Every group with its rules, in the order they are evaluated. */
  groups(): readonly RuleGroupView[];
  /** The source given, with what recording rules wrote laid over it. */
  readonly source: SeriesSource;
  /** The same over another source. */
  over(other: SeriesSource): SeriesSource;
  /** What recording rules wrote, ALERTS included. */
  recorded(matchers: readonly LabelMatcher[], range: TimeRange): readonly SeriesView[];
  /**
   * Alert states, evaluation times, and the recorded series that are kept for longer than `retentionMs`; the others are not in
   * it and fill again.
   */
  snapshot(): string;
}

/** Most points of recorded series in a snapshot: some 4 MB of text. */
const savedPointsMax = 250_000;

interface RuleState {
  readonly rule: Rule;
  readonly key: string;
  readonly place: { readonly file: string; readonly group: string; readonly rule: string };
  readonly active: ActiveAlerts;
  /** Why the last evaluation failed, and since when it does. */
  failure: { readonly error: string; readonly since: Instant } | undefined;
}

interface GroupState {
  readonly key: string;
  readonly group: RuleGroup;
  readonly intervalMs: DurationMs;
  lastAt: Instant;
  readonly rules: readonly RuleState[];
}

/** A snapshot that cannot be read is counted and left aside. */
export function createRules(files: readonly RuleFile[], deps: RulesDeps, snapshot?: string): Rules {
  const { telemetry, intervalMs = 15_000, retentionMs = 3_600_000, recordedSeriesMax = 100_000 } = deps;
  const reach = reachOfRecorded(files.flatMap((file) => file.groups.flatMap(({ rules }) => rules)));
  const retentionOf = (metric: string): DurationMs => Math.max(retentionMs, reach.get(metric) ?? 0);
  const overlay = createOverlay(deps.source, retentionOf, recordedSeriesMax);
  const groups = files.flatMap((file) => file.groups.map((group) => startGroup(file.name, group, intervalMs)));
  if (snapshot !== undefined) restore(groups, overlay, snapshot, telemetry);
  let shown = new Map<string, Alert>(current(groups).map((alert) => [alert.id, alert]));
  let running: Promise<unknown> = Promise.resolve();

  const write = (key: string, at: Instant, rows: readonly Sample[]): void => {
    const dropped = overlay.write(key, at, rows);
    if (dropped > 0) telemetry.count("homeostat.detect.dropped", dropped, { reason: "recorded-series-limit" });
  };

  const surroundings = (at: Instant): Surroundings => ({
    externalLabels: deps.externalLabels ?? {},
    externalUrl: deps.externalUrl ?? "",
    query: (asked) => queryNow(asked, at, overlay, deps.query),
  });

  const evaluateRule = async (state: RuleState, group: RuleGroup, at: Instant): Promise<readonly Alert[]> => {
    telemetry.count("homeostat.detect.rule_evaluations", 1, { kind: state.rule.kind });
    try {
      const result = await evaluateInstant(state.rule.expr, at - group.offsetMs, overlay, deps.query);
      const samples = samplesOf(result);
      if (group.limit > 0 && samples.length > group.limit) {
        throw new Error(`the rule gives ${samples.length} results, more than the group's limit of ${group.limit}`);
      }
      const { rule } = state;
      const ended =
        rule.kind === "alert" ? advance(rule, state.active, samples, at, surroundings(at - group.offsetMs)) : [];
      write(
        state.key,
        at - group.offsetMs,
        rule.kind === "alert" ? alertSeries(rule, state.active) : recordedSeries(rule, samples),
      );
      if (state.failure !== undefined) telemetry.log.info("rule works again", { rule: rule.name, group: group.name });
      const recovered = state.failure === undefined ? [] : [inactive(state, ownAlert(state), at)];
      state.failure = undefined;
      return [...recovered, ...ended.map((alert) => inactive(state, alert, at))];
    } catch (caught) {
      const error = caught instanceof Error ? caught.message : String(caught);
      telemetry.count("homeostat.detect.rule_failures", 1, { kind: state.rule.kind });
      if (state.failure === undefined)
        telemetry.log.warn("rule cannot be evaluated", { rule: state.rule.name, group: group.name, error });
      state.failure = { error, since: state.failure?.since ?? at };
      return [];
    }
  };

  const evaluateDue = async (at: Instant): Promise<readonly Alert[]> => {
    const ended: Alert[] = [];
    for (const state of groups) {
      if (at - state.lastAt < state.intervalMs) continue;
      state.lastAt = at;
      // One after another: a rule may read what the one before it recorded.
      for (const rule of state.rules) ended.push(...(await evaluateRule(rule, state.group, at)));
    }
    const before = shown;
    const now = current(groups);
    shown = new Map(now.map((alert) => [alert.id, alert]));
    const changed = now.filter((alert) => differs(before.get(alert.id), alert));
    // An end is news only to whoever knew of the beginning.
    return [...changed, ...ended.filter((alert) => before.has(alert.id) && !shown.has(alert.id))];
  };

  return {
    evaluate(at) {
      const next = running.then(() => evaluateDue(at));
      running = next.catch(() => {});
      return next;
    },
    all: () => [...shown.values()],
    groups: () =>
      groups.map((state) => {
        const rules = state.rules.map((rule) => ({ ...rule, alerts: alertsOf(rule) }));
        return viewOfGroup({ ...state, file: rules[0]?.place.file ?? "", rules });
      }),
    source: overlay,
    over: overlay.over,
    recorded: overlay.recorded,
    snapshot: () =>
      writeSnapshot({
        recorded: overlay.save(retentionMs, savedPointsMax),
        groups: new Map(groups.filter(({ lastAt }) => Number.isFinite(lastAt)).map(({ key, lastAt }) => [key, lastAt])),
        rules: new Map(
          groups.flatMap(({ rules }) =>
            rules.map(({ key, active }): [string, ActiveAlert[]] => [key, [...active.values()]]),
          ),
        ),
      }),
  };
}

function startGroup(file: string, group: RuleGroup, intervalMs: DurationMs): GroupState {
  const key = JSON.stringify([file, group.name]);
  const rules = group.rules.map((rule): RuleState => {
    const labels = Object.entries(rule.labels).map(([name, label]) => [
      name,
      typeof label === "string" ? label : label.source,
    ]);
    // The expression is not in it: a rule whose threshold is changed goes on with its alerts.
    const place = { file, group: group.name, rule: rule.name };
    return {
      rule,
      key: JSON.stringify([file, group.name, rule.kind, rule.name, labels]),
      place,
      active: new Map(),
      failure: undefined,
    };
  });
  return { key, group, intervalMs: group.intervalMs ?? intervalMs, lastAt: Number.NEGATIVE_INFINITY, rules };
}

function restore(groups: readonly GroupState[], overlay: Overlay, text: string, telemetry: Telemetry): void {
  const state = readSnapshot(text);
  if ("error" in state) {
    telemetry.count("homeostat.detect.dropped", 1, { reason: "bad-rule-snapshot" });
    telemetry.log.warn("the rules' snapshot cannot be read; starting without it", { error: state.error });
    return;
  }
  overlay.load(state.recorded);
  for (const group of groups) {
    group.lastAt = state.groups.get(group.key) ?? group.lastAt;
    for (const rule of group.rules) {
      if (rule.rule.kind !== "alert") continue;
      for (const alert of state.rules.get(rule.key) ?? []) rule.active.set(labelsKey(alert.labels), alert);
    }
  }
}

function current(groups: readonly GroupState[]): Alert[] {
  return groups.flatMap(({ rules }) => rules.flatMap(alertsOf));
}

function alertsOf(state: RuleState): Alert[] {
  const { failure } = state;
  const active = [...state.active.values()];
  if (failure === undefined) return active.map((alert) => toAlert(state.place, alert, alert.state));
  // What was known stays known, so that an outage of the source ends no incident; a rule without alerts speaks for itself.
  const unknown = active.length > 0 ? active : [{ ...ownAlert(state), activeAt: failure.since }];
  return unknown.map((alert) => toAlert(state.place, alert, "unknown", { error: failure.error }));
}

/** Stands for the rule where no result of it does. */
function ownAlert(state: RuleState): Pick<ActiveAlert, "labels" | "annotations" | "activeAt" | "value"> {
  const { rule } = state;
  const labels: Record<string, string> = {};
  // A template without results has nothing to say.
  for (const [name, label] of Object.entries(rule.labels)) {
    const text = typeof label === "string" ? label : label.source;
    if (!text.includes("{{")) labels[name] = text;
  }
  labels["alertname"] = rule.name;
  return { labels, annotations: {}, activeAt: state.failure?.since ?? 0, value: Number.NaN };
}

function inactive(state: RuleState, alert: Parameters<typeof toAlert>[1], at: Instant): Alert {
  return toAlert(state.place, alert, "inactive", { resolvedAt: at });
}

function differs(before: Alert | undefined, now: Alert): boolean {
  return (
    before === undefined ||
    before.state !== now.state ||
    !Object.is(before.value, now.value) ||
    before.error !== now.error
  );
}

function samplesOf(result: QueryResult): readonly Sample[] {
  if (result.kind === "vector") return result.samples;
  if (result.kind === "scalar") return [{ labels: {}, value: result.value }];
  throw new Error(`a rule cannot use a ${result.kind}`);
}

/** What a template asks. Throws with what is wrong, which the template writes into its text. */
function queryNow(asked: string, at: Instant, source: SeriesSource, options?: QueryOptions): readonly Sample[] {
  const query = parseQuery(asked);
  if ("errors" in query) throw new Error(`${asked}: ${query.errors[0]!.message}`);
  return samplesOf(evaluateInstantSync(query, at, source, options));
}

function recordedSeries(rule: RecordRule, samples: readonly Sample[]): Sample[] {
  const seen = new Set<string>();
  return samples.map(({ labels, value }) => {
    const named = { ...labels, ...rule.labels, __name__: rule.name };
    const key = labelsKey(named);
    if (seen.has(key)) throw new Error("vector contains metrics with the same labelset after applying rule labels");
    seen.add(key);
    return { labels: named, value };
  });
}

/** ALERTS and ALERTS_FOR_STATE, which users' rules may build on. */
function alertSeries(rule: AlertRule, active: ActiveAlerts): Sample[] {
  return [...active.values()].flatMap(({ labels, state, activeAt }) => [
    { labels: { ...labels, __name__: "ALERTS", alertname: rule.name, alertstate: state }, value: 1 },
    { labels: { ...labels, __name__: "ALERTS_FOR_STATE", alertname: rule.name }, value: activeAt / 1000 },
  ]);
}
