// What would have told of an incident earlier, or kept it from happening: text to paste, tried on what is stored. Nothing applies it.
import { resourcesOf } from "../../detect/forecast/resources.ts";
import type { Anomaly } from "../../model/anomaly.ts";
import type { ChangeEvent } from "../../model/change.ts";
import type { FailureMode } from "../../model/failure-mode.ts";
import type { Incident } from "../../model/incident.ts";
import { catalogue } from "../../model/signal.ts";
import type { Instant, TimeRange } from "../../model/time.ts";
import type { Api } from "../api-client.ts";
import { type Backtest, backtestOf, type Course, episodesOf } from "./rule-backtest.ts";
import type { Story } from "./story.ts";

export interface Safeguard {
  readonly kind: "rule" | "config-guard" | "forecast-watch" | "probe";
  /** One sentence: what it does, and what it would have done. */
  readonly says: string;
  /** To paste. */
  readonly yaml: string;
  readonly backtest?: Backtest;
}

const minuteMs = 60_000;
/** History that a rule is tried on: one answer's points at a minute a step. */
const historyMs = 3 * 86_400_000;
const triedMax = 3;
/** How far from what is usual to what was seen: a rule in between stays quiet before and speaks in time. */
const ways = [0.25, 0.5, 0.75];
const bySignal = new Map(catalogue.map(({ id, metric }) => [id as string, metric]));

/** Shipped probes that ask what a mode breaks, by its slug. */
export const probeOf: Readonly<Record<string, string>> = {
  "stuck-engine": "liveness",
  "garbled-output": "known_answer",
  "nan-logits": "known_answer",
  "corrupted-weights": "known_answer",
  "silent-data-corruption": "determinism",
  "silent-quality-regression": "golden",
  "kv-cross-contamination": "cross_request",
  "runaway-generation": "canary",
};

/** Empty until it is over. A service that does not answer a query leaves out the rule. */
export async function safeguardsOf(
  api: Api,
  story: Story,
  modes: readonly FailureMode[],
  now: Instant,
): Promise<readonly Safeguard[]> {
  const { incident, diagnoses, changes } = story;
  if (incident.state !== "resolved") return [];
  const cause = diagnoses.at(-1)?.causes[0];
  const mode = modes.find(({ id }) => id === cause?.failureMode);
  const trigger = changes.find(({ id }) => id === cause?.trigger);
  const rule = await ruleOf(api, story, mode, now);
  return [
    ...(rule === undefined ? [] : [rule]),
    ...(trigger === undefined ? [] : guardsOf(trigger)),
    ...forecastsOf(mode),
    ...probesOf(mode),
  ];
}

async function ruleOf(
  api: Api,
  { incident, anomalies }: Story,
  mode: FailureMode | undefined,
  now: Instant,
): Promise<Safeguard | undefined> {
  const range = { from: incident.onset - historyMs, to: Math.min(now, incident.resolvedAt ?? now) + minuteMs };
  const known = await api.list<Incident>(`/api/v1/incidents?from=${range.from}&to=${range.to}`, 1000);
  let best: { candidate: Candidate; backtest: Backtest } | undefined;
  for (const { metric, edge, anomaly } of judgeable(anomalies).slice(0, triedMax)) {
    const up = anomaly.direction !== "down";
    const by = up ? "max" : "min";
    const courses = await coursesOf(api, `${by} by (entity) (${metric})`, range);
    for (const way of ways) {
      const threshold = Number((edge + way * (anomaly.observed - edge)).toPrecision(3));
      const candidate = { metric, by, op: up ? ">" : "<", threshold } as const;
      const episodes = episodesOf(courses, (value) => (up ? value > threshold : value < threshold));
      const backtest = backtestOf(episodes, courses, incident, known);
      if (backtest.firedAt !== undefined && (best === undefined || isBetter(backtest, best.backtest)))
        best = { candidate, backtest };
    }
  }
  if (best === undefined) return undefined;
  const { metric, by, op, threshold } = best.candidate;
  const expr = `${by} by (entity) (${metric}) ${op} ${threshold}`;
  const labels = [`          severity: ticket`, ...(mode === undefined ? [] : [`          failure_mode: ${mode.id}`])];
  const yaml = [
    ...["groups:", `  - name: learned-from-${word(incident.id)}`, "    rules:"],
    ...[
      `      - alert: Early_${word(mode?.id ?? "incident")}`,
      `        expr: ${JSON.stringify(expr)}`,
      "        for: 2m",
    ],
    ...["        labels:", ...labels, "        annotations:"],
    `          summary: ${JSON.stringify(`${metric} of {{ $labels.entity }} is {{ $value }}, as before an incident`)}`,
  ].join("\n");
  return {
    kind: "rule",
    says: `${expr} for two minutes ${tellBacktest(best.backtest, incident)}`,
    yaml,
    backtest: best.backtest,
  };
}

interface Candidate {
  readonly metric: string;
  readonly by: "max" | "min";
  readonly op: ">" | "<";
  readonly threshold: number;
}

/** Anomalies about one series of a known name with an end of what is usual; the first to begin first. */
function judgeable(anomalies: readonly Anomaly[]) {
  return anomalies.flatMap((anomaly) => {
    const { signal, series, direction, expected, observed } = anomaly;
    const metric = series?.["__name__"] ?? bySignal.get(signal);
    const edge = direction === "down" ? expected.low : expected.high;
    const sound = Number.isFinite(edge) && Number.isFinite(observed) && edge !== observed && direction !== "both";
    // Names come from telemetry: only plain ones go into a query.
    return sound && metric !== undefined && /^[a-zA-Z_:][\w:]*$/.test(metric) ? [{ metric, edge, anomaly }] : [];
  });
}

function isBetter(one: Backtest, other: Backtest): boolean {
  if (one.falseAlarms !== other.falseAlarms) return one.falseAlarms < other.falseAlarms;
  return (one.firedAt ?? 0) < (other.firedAt ?? 0);
}

function tellBacktest({ firedAt, falseAlarms, days }: Backtest, { openedAt }: Incident): string {
  const minutes = Math.round((openedAt - (firedAt ?? openedAt)) / minuteMs);
  const when =
    minutes > 0
      ? `would have fired ${minutes} min before the incident was opened`
      : `would have fired ${-minutes} min after the incident was opened`;
  const times = `${falseAlarms} ${falseAlarms === 1 ? "time" : "times"}`;
  return `${when}, and ${times} outside of incidents in the ${days.toFixed(1)} days stored before`;
}

async function coursesOf(api: Api, query: string, { from, to }: TimeRange): Promise<readonly Course[]> {
  const asked = { query, start: String(from / 1000), end: String(to / 1000), step: "60" };
  const answer = (await api.find(`/api/v1/query_range?${new URLSearchParams(asked)}`).catch(() => undefined)) as
    | { data?: { result?: readonly { metric: Record<string, string>; values: readonly [number, string][] }[] } }
    | undefined;
  return (answer?.data?.result ?? []).map(({ metric, values }) => ({
    entity: metric["entity"] ?? "",
    points: values.map(([at, value]) => [1000 * at, Number(value)] as const),
  }));
}

/** What the change took away or lowered may not be taken away or lowered again. */
function guardsOf({ before = {}, after = {}, kind, at, target }: ChangeEvent): readonly Safeguard[] {
  return Object.entries(before).flatMap(([parameter, was]): readonly Safeguard[] => {
    const is = after[parameter];
    if (is === was || kind === "restart") return [];
    const [low, high] = [Number(was), Number(is)];
    const numeric =
      is !== undefined && was.trim() !== "" && is.trim() !== "" && Number.isFinite(low) && Number.isFinite(high);
    const [says, check] =
      is === undefined
        ? [`${parameter} may not be removed`, `has(after[${JSON.stringify(parameter)}])`]
        : numeric
          ? [
              `${parameter} may not ${high < low ? "fall below" : "rise above"} ${low}`,
              `after[${JSON.stringify(parameter)}] ${high < low ? ">=" : "<="} ${low}`,
            ]
          : [
              `${parameter} may not leave ${was} unseen`,
              `after[${JSON.stringify(parameter)}] == ${JSON.stringify(was)}`,
            ];
    const yaml = [
      "guards:",
      `  - target: ${JSON.stringify(target)}`,
      `    changes: [${kind}]`,
      `    check: ${JSON.stringify(check)}`,
      `    says: ${JSON.stringify(`${says}: the change of ${new Date(at).toISOString()} set off an incident`)}`,
    ].join("\n");
    return [{ kind: "config-guard", says, yaml }];
  });
}

function forecastsOf(mode: FailureMode | undefined): readonly Safeguard[] {
  // No mode is about the queue's room, so its limit is not asked for.
  return resourcesOf({ queueLimit: Number.POSITIVE_INFINITY })
    .filter(({ failureMode }) => failureMode !== undefined && failureMode === mode?.id)
    .map(({ id, name, metric, per, limit }) => {
      const ends = per === undefined ? `> ${limit}` : `> on (entity) max by (entity) (${per})`;
      const expr = `max by (entity) (predict_linear(${metric}[30m], 7200)) ${ends}`;
      const yaml = [
        ...["groups:", `  - name: forecast-${id}`, "    rules:", `      - alert: Forecast_${word(id)}`],
        ...[
          `        expr: ${JSON.stringify(expr)}`,
          "        for: 10m",
          "        labels:",
          "          severity: ticket",
        ],
      ].join("\n");
      return {
        kind: "forecast-watch" as const,
        says: `${name} is forecast while prevent.enabled is true; where Homeostat does not look, this rule comes nearest`,
        yaml,
      };
    });
}

function probesOf(mode: FailureMode | undefined): readonly Safeguard[] {
  const probe = mode === undefined ? undefined : probeOf[mode.id];
  if (probe === undefined) return [];
  const yaml = ["probes:", "  targets:", '    - { url: "http://REPLICA:8000" } # each replica by itself'].join("\n");
  return [{ kind: "probe", says: `the probe ${probe} asks for what broke; it runs once a target is named`, yaml }];
}

function word(text: string): string {
  return text.replace(/\W+/g, "_");
}
