// What each path of Prometheus's HTTP API answers.
import { type Labels, labelsKey, METRIC_NAME } from "../../model/labels.ts";
import type { LabelMatcher } from "../../model/ports/series-source.ts";
import type { RuleGroupView, RuleView } from "../../model/rule-view.ts";
import type { Instant } from "../../model/time.ts";
import { evaluateInstant, evaluateRange } from "../../promql/evaluate.ts";
import { whyPatternRefused } from "../../promql/matcher.ts";
import { byText } from "../../promql/order.ts";
import type { Call } from "../route.ts";
import { badData, formatValue, resultOf, sendSuccess } from "./answer.ts";
import { durationOf, limitOf, matchersOf, type Parameters, queryOf, timeOf } from "./parameters.ts";

/** Labels and series are looked for this far back where no start is given. */
const lookBackMs = 3_600_000;
const anySeries: readonly LabelMatcher[] = [{ name: METRIC_NAME, op: "=~", value: ".+" }];

export async function query({ response, deps }: Call, given: Parameters): Promise<void> {
  const parsed = queryOf(given);
  const at = timeOf(given, "time", deps.now());
  const result = await evaluateInstant(parsed, at, deps.prometheus.source, deps.prometheus.limits);
  sendSuccess(response, resultOf(result, at), result.warnings);
}

export async function queryRange({ response, deps }: Call, given: Parameters): Promise<void> {
  const parsed = queryOf(given);
  const [from, to] = [timeOf(given, "start", undefined), timeOf(given, "end", undefined)];
  if (to < from) throw badData('invalid parameter "end": it is before "start"');
  const stepMs = durationOf(given, "step");
  const result = await evaluateRange(parsed, { from, to }, stepMs, deps.prometheus.source, deps.prometheus.limits);
  sendSuccess(response, resultOf(result, to), result.warnings);
}

/** The query as it stands, once it is known to be one: Grafana asks for it to tidy what was typed. */
export function formatQuery({ response }: Call, given: Parameters): void {
  sendSuccess(response, queryOf(given).text.trim());
}

export async function series(call: Call, given: Parameters): Promise<void> {
  const matchers = matchersOf(given);
  if (matchers.length === 0)
    throw badData('no match[] parameter: name at least one series selector, such as match[]={job="vllm"}');
  sendLimited(call, await labelSets(call, given, matchers), given);
}

export async function labelNames(call: Call, given: Parameters): Promise<void> {
  const names = new Set<string>();
  for (const labels of await labelSets(call, given, matchersOf(given)))
    for (const name of Object.keys(labels)) names.add(name);
  sendLimited(call, [...names].sort(byText), given);
}

export async function labelValues(call: Call, given: Parameters): Promise<void> {
  const name = unescaped(String(call.request.params["id"] ?? ""));
  if (name === undefined)
    throw badData(`invalid label name: ${JSON.stringify(String(call.request.params["id"]).slice(0, 100))}`);
  const values = new Set<string>();
  for (const labels of await labelSets(call, given, matchersOf(given))) {
    const value = labels[name];
    if (value !== undefined && value !== "") values.add(value);
  }
  sendLimited(call, [...values].sort(byText), given);
}

export async function metadata({ response, deps }: Call, given: Parameters): Promise<void> {
  const wanted = given.get("metric") ?? "";
  const found: Record<string, { type: string; help: string; unit: string }[]> = {};
  const limit = limitOf(given);
  for (const { name, type, help, unit } of await deps.prometheus.metadata()) {
    if (wanted !== "" && name !== wanted) continue;
    if (!(name in found) && Object.keys(found).length >= limit) break;
    found[name] = [...(found[name] ?? []), { type, help, unit }];
  }
  sendSuccess(response, found);
}

export function rules({ response, deps }: Call, given: Parameters): void {
  const type = given.get("type") ?? "";
  if (!["", "alert", "record"].includes(type)) throw badData('invalid parameter "type": use alert or record');
  const keep = (parameter: string, value: string): boolean => {
    const wanted = given.getAll(parameter);
    return wanted.length === 0 || wanted.includes(value);
  };
  const groups = deps.prometheus
    .rules()
    .filter((group) => keep("rule_group[]", group.name) && keep("file[]", group.file))
    .map((group) => {
      const shown = group.rules.filter((rule) => (type === "" || rule.kind === type) && keep("rule_name[]", rule.name));
      return groupOf(group, shown);
    });
  sendSuccess(response, { groups: groups.filter((group) => group.rules.length > 0) });
}

export function alerts({ response, deps }: Call): void {
  sendSuccess(response, { alerts: deps.prometheus.rules().flatMap((group) => group.rules.flatMap(alertsOf)) });
}

export function buildInfo({ response, version }: Call): void {
  // Grafana chooses what it asks by this version: it is that of the Prometheus whose API and PromQL are spoken here.
  sendSuccess(response, {
    version: "3.0.0",
    revision: `homeostat-${version}`,
    branch: "",
    buildUser: "",
    buildDate: "",
    goVersion: "",
    application: "Homeostat",
  });
}

export function nothing({ response }: Call): void {
  sendSuccess(response, []);
}

/** What of the results the asker wants; says so where that is not all. */
function sendLimited({ response }: Call, results: readonly unknown[], given: Parameters): void {
  const limit = limitOf(given);
  const cut = results.length > limit;
  const message = "results truncated due to limit";
  sendSuccess(response, cut ? results.slice(0, limit) : results, cut ? [{ level: "warning", message }] : []);
}

/** A label name as a path holds it: `U__a_2e_b` stands for `a.b`, `__` for `_`. Undefined for what is none. */
function unescaped(name: string): string | undefined {
  if (!name.startsWith("U__")) return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : undefined;
  let wrong = false;
  const text = name.slice(3).replace(/_(?:_|([0-9a-fA-F]{1,6})_|)/g, (piece, code: string | undefined) => {
    const point = code === undefined ? 0x5f : Number.parseInt(code, 16);
    if (piece === "_" || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      wrong = true;
      return "";
    }
    return String.fromCodePoint(point);
  });
  return wrong || text === "" ? undefined : text;
}

async function labelSets(
  { deps }: Call,
  given: Parameters,
  matchers: readonly (readonly LabelMatcher[])[],
): Promise<readonly Labels[]> {
  const to = timeOf(given, "end", deps.now());
  const from = timeOf(given, "start", to - lookBackMs);
  if (to < from) throw badData('invalid parameter "end": it is before "start"');
  const found = new Map<string, Labels>();
  for (const selector of matchers.length === 0 ? [anySeries] : matchers) {
    for (const { op, value } of selector) {
      const refused = op === "=~" || op === "!~" ? whyPatternRefused(value) : undefined;
      if (refused !== undefined)
        throw badData(`invalid regular expression ${JSON.stringify(value.slice(0, 200))}: ${refused}`);
    }
    for (const labels of await deps.prometheus.source.labelSets(selector, { from, to: to + 1 })) {
      found.set(labelsKey(labels), labels);
    }
  }
  return [...found.values()];
}

function groupOf(group: RuleGroupView, shown: readonly RuleView[]) {
  return {
    name: group.name,
    file: group.file,
    interval: group.intervalMs / 1000,
    limit: group.limit,
    evaluationTime: 0,
    lastEvaluation: timeText(group.evaluatedAt),
    rules: shown.map((rule) => ruleOf(rule, group.evaluatedAt)),
  };
}

function ruleOf(rule: RuleView, evaluatedAt: Instant | undefined) {
  const shared = {
    name: rule.name,
    query: rule.query,
    labels: rule.labels,
    health: rule.health,
    ...(rule.error === undefined ? {} : { lastError: rule.error }),
    evaluationTime: 0,
    lastEvaluation: timeText(evaluatedAt),
  };
  if (rule.kind === "record") return { ...shared, type: "recording" };
  const active = alertsOf(rule);
  const state = active.some((one) => one.state === "firing") ? "firing" : active.length > 0 ? "pending" : "inactive";
  return {
    ...shared,
    type: "alerting",
    // Prometheus has no word for a rule that cannot be judged; `health` and `lastError` say it.
    state: rule.error === undefined ? state : "unknown",
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    annotations: rule.annotations,
    alerts: active,
  };
}

function alertsOf(rule: RuleView) {
  return rule.alerts.map((alert) => ({
    labels: { ...alert.labels, alertname: alert.rule },
    annotations: alert.annotations,
    state: alert.state,
    activeAt: timeText(alert.activeAt),
    value: formatValue(alert.value),
  }));
}

function timeText(at: Instant | undefined): string {
  return at === undefined ? "0001-01-01T00:00:00Z" : new Date(at).toISOString();
}
