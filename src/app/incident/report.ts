// An incident as a person wants to be told of it: what is thought, why, what is not known, and what was done.
import { sentencesOf } from "../../diagnose/attributes/says.ts";
import type { FailureMode } from "../../model/failure-mode.ts";
import type { Diagnosis, Incident, PathStep, RankedCause } from "../../model/incident.ts";
import { type DurationMs, formatDuration } from "../../model/time.ts";
import type { Budget, Budgets } from "./budget.ts";
import type { Safeguard } from "./safeguards.ts";
import type { Story } from "./story.ts";
import { actionText, type Moment, percent, timelineOf } from "./timeline.ts";

export interface Report {
  readonly incident: Incident;
  /** One sentence: what, where, why, since when. */
  readonly sentence: string;
  readonly durationMs: DurationMs;
  readonly timeline: readonly Moment[];
  /** Of the newest diagnosis, likeliest first; empty while nothing is diagnosed. */
  readonly causes: readonly RankedCause[];
  readonly path: readonly PathStep[];
  /** Which requests carry the change, or that they are all alike. */
  readonly requests: readonly string[];
  readonly falsifiedBy: string;
  readonly undecided?: Diagnosis["undecided"];
  /** What would have told more and is not measured, as sentences. */
  readonly missing: readonly string[];
  readonly changes: { readonly says: string; readonly sure: boolean };
  /** Worst of each signal that left what is normal. */
  readonly impact: readonly string[];
  /** Error budget lost while it was open, of each product, the most first. */
  readonly budgets: readonly Budget[];
  /** Why budgets are not told, or not all. */
  readonly budgetsMissing: readonly string[];
  /** How each repair ended. */
  readonly done: readonly string[];
  readonly explanation?: string;
  readonly prevention?: string;
  /** What would have told of it earlier, or kept it from happening; proposed, never applied. */
  readonly safeguards: readonly Safeguard[];
  readonly questions: readonly string[];
}

/** Whoever reports changes has been heard of within this time, or is not known to still do it. */
const freshMs = 24 * 3_600_000;
const noBudgets: Budgets = { budgets: [], missing: [] };
const surely = 0.8;
/** Causes whose missing telemetry is told. */
const causesTold = 3;

export function reportOf(
  story: Story,
  modes: readonly FailureMode[],
  { budgets, missing: budgetsMissing }: Budgets = noBudgets,
  safeguards: readonly Safeguard[] = [],
): Report {
  const { incident, diagnoses, anomalies } = story;
  const diagnosis = diagnoses.at(-1);
  const causes = diagnosis?.causes ?? [];
  const mode = modes.find(({ id }) => id === causes[0]?.failureMode);
  const missing = [...new Set(causes.slice(0, causesTold).flatMap(({ unknown }) => unknown ?? []))];
  const changes = changesOf(story);
  const done = outcomes(story);
  const path = diagnosis?.path ?? causes[0]?.path ?? [];
  const questions = [
    ...(causes.length === 0 ? ["What is the cause? Nothing in the catalogue explains enough of what was seen."] : []),
    ...((causes[0]?.probability ?? 1) < surely
      ? [`Is it really that? The diagnosis is ${percent(causes[0]!.probability)} sure.`]
      : []),
    ...(diagnosis?.undecided === undefined ? [] : [`Is it ${diagnosis.undecided.title} instead?`]),
    ...missing.map((one) => `Nothing measures whether ${one}: can it be measured?`),
    ...path.filter(({ state }) => state === "presumed").map(({ id }) => `Did ${words(id)} happen? Nothing showed it.`),
    ...(changes.sure || story.changes.length > 0 ? [] : ["Was anything changed that nobody reported?"]),
    ...(incident.state === "resolved" && !story.actions.some(({ state }) => state === "verified")
      ? ["What ended it? No repair by Homeostat was verified."]
      : []),
  ];
  return {
    incident,
    sentence:
      diagnosis?.summary ?? `${incident.title}; nothing is diagnosed${incident.state === "resolved" ? "" : " yet"}.`,
    durationMs: Math.max(0, (incident.resolvedAt ?? incident.updatedAt) - incident.onset),
    timeline: timelineOf(story),
    causes,
    path,
    requests: incident.attributes === undefined ? [] : sentencesOf(incident.attributes),
    falsifiedBy: diagnosis?.falsifiedBy ?? "",
    ...(diagnosis?.undecided === undefined ? {} : { undecided: diagnosis.undecided }),
    missing,
    changes,
    impact: anomalies.flatMap(({ signal, series, entity, observed, expected }) => {
      if (typeof observed !== "number" || signal === "joint") return [];
      const name = series?.["__name__"] ?? signal;
      const usual =
        typeof expected.high === "number" ? `, usually ${short(expected.low)} to ${short(expected.high)}` : "";
      return [`${name} of ${entity}: ${short(observed)}${usual}`];
    }),
    budgets,
    budgetsMissing,
    safeguards,
    done,
    ...(mode === undefined ? {} : { explanation: mode.explanation, prevention: mode.prevention }),
    questions,
  };
}

/** A step of a path for people. */
export function words(id: string): string {
  return id.replaceAll("_", " ");
}

/** "Nothing changed" is only said where somebody is known to report changes. */
function changesOf({ changes, heard, window }: Story): Report["changes"] {
  const span = `in the ${formatDuration(Math.round((window.to - window.from) / 60_000) * 60_000)} looked at`;
  if (changes.length > 0)
    return { says: `${changes.length} change${changes.length === 1 ? "" : "s"} ${span}`, sure: true };
  const before = heard.before === undefined ? Number.POSITIVE_INFINITY : window.from - heard.before;
  const after = heard.after === undefined ? Number.POSITIVE_INFINITY : heard.after - window.to;
  if (before <= freshMs || after <= freshMs)
    return { says: `nothing changed ${span}: changes are reported, and none was`, sure: true };
  const last = Number.isFinite(before)
    ? `the last change event before came ${formatDuration(Math.round(before / 60_000) * 60_000)} earlier`
    : "no change event ever came before";
  return {
    says: `no change is on record ${span}, but ${last}: that may only mean that nobody reports them`,
    sure: false,
  };
}

/** The last line of the ledger about each repair. */
function outcomes({ actions }: Story): readonly string[] {
  const last = new Map(actions.map((entry) => [entry.action.id, entry]));
  return [...last.values()].map(actionText);
}

function short(value: number | null): string {
  return typeof value === "number" && Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "?";
}
