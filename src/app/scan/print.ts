// A scan told on a terminal: what would have been told, what of today's alerts that explains, what cannot be known.
import { formatDuration, type Instant } from "../../model/time.ts";
import { formatAt, formatSpan } from "../incident/print.ts";
import { percent } from "../incident/timeline.ts";
import { plain } from "../incident/untrusted.ts";
import type { MissingSignal } from "./gaps.ts";
import type { Explained } from "./other-alerts.ts";
import type { ReportedIncident, ScanReport, Told } from "./report.ts";

const evidenceMax = 5;
const alertsMax = 8;
const unexplainedMax = 15;
const rulesMax = 10;

/** Lines without control characters. */
export function linesOf(report: ScanReport): readonly string[] {
  const { source, range, heard, stepMs, series, points, metrics, incidents, notes } = report;
  const many = (count: number): string => count.toLocaleString("en");
  return [
    `${source}, ${formatAt(range.from)} to ${formatAt(range.to)}: ${many(points)} points of ${many(series)} series ` +
      `(${metrics} metrics), a step every ${formatDuration(stepMs)}; heard of it ${formatAt(heard.from)} to ${formatAt(heard.to)}`,
    learned(report),
    ...notes.map((one) => `note: ${one}`),
    "",
    incidents.length === 0
      ? "It would have opened no incident."
      : `It would have opened ${counted(incidents.length, "incident")}:`,
    ...incidents.flatMap((one) => ["", ...incidentLines(one)]),
    "",
    ...toldLines(report.told),
    "",
    ...alertLines(report),
    "",
    ...impossibleLines(report),
    ...(report.failures.length === 0 ? [] : ["", "Rules that could not be judged:"]),
    ...report.failures.map(({ rule, times, error }) => `  ${rule}, ${times} times: ${error}`),
  ].map(plain);
}

function learned({ learnedAt, heard }: ScanReport): string {
  if (learnedAt === undefined)
    return "Detectors learn as they read, and had not learned enough by the end: what is below rests on rules.";
  return (
    `Detectors learn as they read, as a new installation does: until ${formatAt(learnedAt)} (${formatSpan(learnedAt - heard.from)}) only rules ` +
    "were judged, and what is usual by the hour or the day is only known once it was seen."
  );
}

function incidentLines(one: ReportedIncident): readonly string[] {
  const { onset, openedAt, resolvedAt, severity, summary, causes, alerts, entities } = one;
  const lasted = resolvedAt === undefined ? "open at the end" : `lasted ${formatSpan(resolvedAt - onset)}`;
  return [
    `${formatAt(onset)}  ${severity}, ${lasted}, told after ${formatSpan(openedAt - onset)}: ${one.title}`,
    ...(summary === one.title ? [] : [`    ${summary}`]),
    ...(entities.length === 0 ? [] : [`    on ${some(entities, 6)}`]),
    ...(one.whileLearning ? ["    while detectors still learned"] : []),
    ...(causes.length === 0 ? ["    nothing in the catalogue explains it"] : []),
    ...causes.flatMap(({ title, code, probability, location, for: pro, against }, i) => [
      `    ${percent(probability).padStart(5)}  ${title} (${code}) on ${location}`,
      ...(i > 0 ? [] : pro.slice(0, evidenceMax).map((says) => `           + ${says}`)),
      ...(i > 0 ? [] : against.slice(0, evidenceMax).map((says) => `           - ${says}`)),
    ]),
    ...alerts.slice(0, alertsMax).map((alert) => `    explains ${explainedLine(alert)}`),
    ...(alerts.length > alertsMax ? [`    explains ${alerts.length - alertsMax} more alerts`] : []),
  ];
}

function explainedLine({ alert, by, leadMs }: Explained): string {
  const when = leadMs >= 0 ? `${formatSpan(leadMs)} after it was told` : `${formatSpan(-leadMs)} before it was told`;
  const how = by === "place" ? "" : " (by its time; it names no place)";
  return `${alert.name}${labelsOf(alert.labels)}, fired ${clock(alert.from)}, ${when}${how}`;
}

function toldLines(told: Told): readonly string[] {
  const { pages, tickets, weeks, pagesPerWeek, ticketsPerWeek, incidents, rules } = told;
  const bySeverity = Object.entries(incidents).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  const perWeek = (rate: number): string => (weeks < 0.5 ? "" : `, ${rate.toFixed(1)} a week`);
  return [
    `Pages it would have sent: ${pages}${perWeek(pagesPerWeek)}. Tickets, before grouping: ${tickets}${perWeek(ticketsPerWeek)}` +
      `${bySeverity.length > 0 ? `; of them incidents: ${bySeverity.join(", ")}` : ""}.`,
    ...(weeks < 0.5
      ? [`(There is less than half a week, ${formatSpan(weeks * 7 * 86_400_000)}: too little to say how many a week.)`]
      : []),
    ...(pages > 0
      ? []
      : [
          "Only burning objectives, exhaustion that is foreseen and exposed data page, and what deliver.page names; packs of objectives (slo) are off unless configured.",
        ]),
    ...rules.slice(0, rulesMax).map(({ rule, class: kind, times }) => `  ${kind}: ${rule}, ${times} times`),
    ...(rules.length > rulesMax ? [`  and ${rules.length - rulesMax} more rules`] : []),
  ];
}

function alertLines({ alerts: { fired, explained, unexplained } }: ScanReport): readonly string[] {
  if (fired === 0) return ["Alerts that fired then: none on record."];
  return [
    `Alerts that fired then: ${fired}, of which these incidents explain ${explained}.`,
    ...(unexplained.length === 0 ? [] : ["Those that fired without an incident (missed here, or noise there):"]),
    ...unexplained.slice(0, unexplainedMax).map(({ name, times, firingMs, labels, from }) => {
      return `  ${name}, ${times} times, ${formatSpan(firingMs)} in all, longest from ${formatAt(from)}${labelsOf(labels)}`;
    }),
    ...(unexplained.length > unexplainedMax ? [`  and ${unexplained.length - unexplainedMax} more`] : []),
  ];
}

function impossibleLines({ impossible }: ScanReport): readonly string[] {
  if (impossible.length === 0) return ["Every failure mode of the catalogue could have been diagnosed."];
  return [
    `${counted(impossible.length, "failure mode")} could not be diagnosed, for want of signals:`,
    ...impossible.map(
      ({ title, code, missing }) => `  ${title} (${code}): needs ${missing.map(missingText).join("; ")}`,
    ),
  ];
}

function missingText({ signal, from }: MissingSignal): string {
  return from.length === 0 ? signal : `${signal} (${from.join(", ")})`;
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const own = Object.entries(labels).filter(([name]) => name !== "severity");
  return own.length === 0
    ? ""
    : ` {${some(
        own.map(([name, value]) => `${name}=${value}`),
        5,
      )}}`;
}

function some(all: readonly string[], max: number): string {
  return all.length <= max ? all.join(", ") : `${all.slice(0, max).join(", ")} and ${all.length - max} more`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function clock(at: Instant): string {
  return formatAt(at).slice(5);
}
