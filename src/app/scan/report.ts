// What a scan found, as JSON has it.
import type { classOf } from "../../deliver/feeds/alert.ts";
import type { Evidence } from "../../model/evidence.ts";
import type { Labels } from "../../model/labels.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import type { ImpossibleDiagnosis } from "./gaps.ts";
import { type Explained, explain, type OtherAlert } from "./other-alerts.ts";
import type { FoundIncident, Played } from "./play.ts";

export interface ScanReport {
  readonly source: string;
  readonly range: TimeRange;
  /** Event time of the first and the last point there was. */
  readonly heard: TimeRange;
  readonly holes: readonly TimeRange[];
  readonly stepMs: DurationMs;
  readonly metrics: number;
  readonly series: number;
  readonly points: number;
  /** When detection knew enough to judge; absent: never. Before that only rules do. */
  readonly learnedAt?: Instant;
  readonly incidents: readonly ReportedIncident[];
  readonly told: Told;
  readonly alerts: OtherAlerts;
  readonly impossible: readonly ImpossibleDiagnosis[];
  /** Rules that could not be judged. */
  readonly failures: readonly { readonly rule: string; readonly times: number; readonly error: string }[];
  /** What to know of this scan, as sentences. */
  readonly notes: readonly string[];
}

export interface ReportedIncident {
  readonly id: string;
  readonly title: string;
  readonly severity: string;
  readonly onset: Instant;
  readonly openedAt: Instant;
  /** Absent: it was open at the end. */
  readonly resolvedAt?: Instant;
  readonly entities: readonly string[];
  readonly summary: string;
  readonly causes: readonly ReportedCause[];
  readonly alerts: readonly Explained[];
  /** It began before detection had learned: what it rests on are rules. */
  readonly whileLearning: boolean;
}

export interface ReportedCause {
  readonly failureMode: string;
  readonly code: string;
  readonly title: string;
  readonly probability: number;
  readonly location: string;
  readonly for: readonly string[];
  readonly against: readonly string[];
}

/** What would have been sent: pages wake somebody, tickets wait until morning. */
export interface Told {
  readonly weeks: number;
  readonly pages: number;
  readonly tickets: number;
  readonly pagesPerWeek: number;
  readonly ticketsPerWeek: number;
  /** Incidents (tickets, all of them) by their severity. */
  readonly incidents: Readonly<Record<string, number>>;
  /** Times each alert of the rules in use fired. */
  readonly rules: readonly { readonly rule: string; readonly class: "page" | "ticket"; readonly times: number }[];
}

export interface OtherAlerts {
  readonly fired: number;
  readonly explained: number;
  /** Fired while there was no incident they belong to: missed by us, or noise. */
  readonly unexplained: readonly UnexplainedAlert[];
}

export interface UnexplainedAlert {
  readonly name: string;
  readonly times: number;
  readonly firingMs: DurationMs;
  /** Of the longest. */
  readonly labels: Labels;
  readonly from: Instant;
}

interface Found {
  readonly source: string;
  readonly range: TimeRange;
  readonly stepMs: DurationMs;
  readonly metrics: number;
  readonly played: Played;
  readonly heard: TimeRange;
  readonly others: readonly OtherAlert[];
  readonly impossible: readonly ImpossibleDiagnosis[];
  readonly classOf: typeof classOf;
  readonly notes: readonly string[];
}

const weekMs = 7 * 86_400_000;
const causesMax = 3;
const shownFrom = 0.05;

export function reportOf(found: Found): ScanReport {
  const { played, range, others, heard } = found;
  const { incidents, learnedAt } = played;
  const { explained, unexplained } = explain(
    others,
    incidents.map(({ incident }) => incident),
    played.entities,
    range.to,
  );
  return {
    source: found.source,
    range,
    heard,
    holes: played.holes,
    stepMs: found.stepMs,
    metrics: found.metrics,
    series: played.series,
    points: played.points,
    ...(learnedAt === undefined ? {} : { learnedAt }),
    incidents: incidents.map((one) => ({
      ...reported(one),
      alerts: explained.get(one.incident.id) ?? [],
      whileLearning: learnedAt === undefined || one.incident.onset < learnedAt,
    })),
    told: toldOf(found),
    alerts: {
      fired: others.length,
      explained: others.length - unexplained.length,
      unexplained: byName(unexplained),
    },
    impossible: found.impossible,
    failures: [...played.failures].map(([rule, failure]) => ({ rule, ...failure })),
    notes: found.notes,
  };
}

function reported({ incident, diagnosis }: FoundIncident): Omit<ReportedIncident, "alerts" | "whileLearning"> {
  const { id, title, severity, onset, openedAt, resolvedAt, entities } = incident;
  const causes = (diagnosis?.causes ?? []).filter(({ probability }, i) => i === 0 || probability >= shownFrom);
  const says = (evidence: readonly Evidence[]): readonly string[] => evidence.map((one) => one.says);
  return {
    id,
    title,
    severity,
    onset,
    openedAt,
    ...(resolvedAt === undefined ? {} : { resolvedAt }),
    entities,
    summary: diagnosis?.summary ?? title,
    causes: causes.slice(0, causesMax).map((cause) => ({
      failureMode: cause.failureMode,
      code: cause.code,
      title: cause.title,
      probability: cause.probability,
      location: cause.everywhere ?? cause.location,
      for: says(cause.for),
      against: says(cause.against),
    })),
  };
}

function toldOf({ played, heard, classOf: classify }: Found): Told {
  const rules = new Map<string, { rule: string; class: "page" | "ticket"; times: number }>();
  let pages = 0;
  for (const { alert } of played.firings) {
    const kind = classify(alert.labels);
    if (kind === "page") pages++;
    const key = `${kind} ${alert.rule}`;
    const known = rules.get(key) ?? { rule: alert.rule, class: kind, times: 0 };
    rules.set(key, { ...known, times: known.times + 1 });
  }
  const tickets = played.firings.length - pages + played.incidents.length;
  const weeks = Math.max(heard.to - heard.from, 1) / weekMs;
  const severities = played.incidents.map(({ incident }) => incident.severity);
  return {
    weeks,
    pages,
    tickets,
    pagesPerWeek: pages / weeks,
    ticketsPerWeek: tickets / weeks,
    incidents: Object.fromEntries(
      (["critical", "warning", "info"] as const).map((one) => [one, severities.filter((own) => own === one).length]),
    ),
    rules: [...rules.values()].toSorted((a, b) => b.times - a.times || (a.rule < b.rule ? -1 : 1)),
  };
}

function byName(alerts: readonly OtherAlert[]): readonly UnexplainedAlert[] {
  const all = new Map<string, { times: number; firingMs: number; longest: OtherAlert }>();
  for (const alert of alerts) {
    const length = alert.to - alert.from;
    const known = all.get(alert.name) ?? { times: 0, firingMs: 0, longest: alert };
    const longer = length > known.longest.to - known.longest.from;
    all.set(alert.name, {
      times: known.times + 1,
      firingMs: known.firingMs + length,
      longest: longer ? alert : known.longest,
    });
  }
  return [...all]
    .map(([name, { times, firingMs, longest }]) => ({
      name,
      times,
      firingMs,
      labels: longest.labels,
      from: longest.from,
    }))
    .toSorted((a, b) => b.firingMs - a.firingMs || (a.name < b.name ? -1 : 1));
}
