// What happened in an incident, in the order of time.
import type { LedgerEntry } from "../../model/action.ts";
import type { Diagnosis, RankedCause } from "../../model/incident.ts";
import type { Instant } from "../../model/time.ts";
import type { Story } from "./story.ts";

export type MomentKind =
  | "onset"
  | "anomaly"
  | "alert"
  | "change"
  | "log"
  | "opened"
  | "diagnosis"
  | "action"
  | "resolved";

export interface Moment {
  readonly at: Instant;
  readonly kind: MomentKind;
  readonly text: string;
}

/** A change of mind that is worth a line. */
const probabilityStep = 0.1;
const order: readonly MomentKind[] = [
  "change",
  "onset",
  "anomaly",
  "alert",
  "log",
  "opened",
  "diagnosis",
  "action",
  "resolved",
];

export function timelineOf(story: Story): readonly Moment[] {
  const { incident, anomalies, alerts, changes, findings, diagnoses, actions } = story;
  const moments: Moment[] = [
    { at: incident.onset, kind: "onset", text: "the first symptom begins" },
    { at: incident.openedAt, kind: "opened", text: `the incident is opened (${incident.severity})` },
    ...anomalies.map(({ onset, evidence, signal, entity, detector }): Moment => {
      const says = evidence[0]?.says ?? `${signal} of ${entity} left what is normal`;
      return { at: onset, kind: "anomaly", text: `${says} [${detector}]` };
    }),
    ...alerts.map(({ activeAt, rule, entity, annotations }): Moment => {
      const about = annotations["summary"] ?? entity ?? "";
      return { at: activeAt, kind: "alert", text: `${rule}${about === "" ? "" : `: ${about}`}` };
    }),
    ...changes.map(({ at, kind, target, summary, by }): Moment => {
      return { at, kind: "change", text: `${kind} of ${target}: ${summary}${by === undefined ? "" : ` (by ${by})`}` };
    }),
    ...findings.map(({ at, says }): Moment => ({ at, kind: "log", text: says })),
    ...diagnosed(diagnoses),
    ...actions.map((entry): Moment => ({ at: entry.at, kind: "action", text: actionText(entry) })),
  ];
  if (incident.resolvedAt !== undefined)
    moments.push({ at: incident.resolvedAt, kind: "resolved", text: "nothing is wrong any more" });
  return moments.toSorted((a, b) => a.at - b.at || order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** Diagnoses as they changed: what is new of each against the one before. */
function diagnosed(diagnoses: readonly Diagnosis[]): readonly Moment[] {
  let before: RankedCause | undefined;
  return diagnoses.flatMap(({ at, causes, summary }): readonly Moment[] => {
    const cause = causes[0];
    if (cause === undefined) return [];
    const text = changeOfMind(before, cause, summary);
    before = cause;
    return text === undefined ? [] : [{ at, kind: "diagnosis", text }];
  });
}

function changeOfMind(before: RankedCause | undefined, now: RankedCause, summary: string): string | undefined {
  const odds = percent(now.probability);
  if (before === undefined) return `${odds}: ${summary}`;
  if (before.failureMode !== now.failureMode) return `thought better of it, ${odds}: ${summary}`;
  if (before.location !== now.location) return `it is rather on ${now.location} than on ${before.location} (${odds})`;
  if (before.trigger !== now.trigger) return `another trigger, ${odds}: ${summary}`;
  if (Math.abs(before.probability - now.probability) < probabilityStep / 2) return undefined;
  return `${now.probability > before.probability ? "surer" : "less sure"}: ${percent(before.probability)} -> ${odds}`;
}

export function actionText({ action, state, reason, by }: LedgerEntry): string {
  return `${action.kind} of ${action.target} ${state} by ${by}${reason === "" ? "" : `: ${reason}`}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
