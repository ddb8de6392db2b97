// Incidents and diagnoses as records: made from symptoms and ranked causes, without any state of their own.
import type { Exclusion } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import { stableId } from "../model/ids.ts";
import type { Diagnosis, Incident, RankedCause } from "../model/incident.ts";
import type { Instant } from "../model/time.ts";
import type { Symptoms } from "./symptoms.ts";
import { falsifiedBy, shortName, summaryOf } from "./words.ts";

/** Below it nothing is said: "none of them" is likelier. */
const sayFrom = 0.5;
/** A diagnosis is told again when its probability moved by this much. */
const newsFrom = 0.1;
/** An onset is the first step that looked odd; the trouble began somewhat before. */
const marginMs = 60_000;
/** How long after its end an incident still shows in what is measured over a window. */
const afterMs = 2 * 60_000;
/** Learning runs behind by ten minutes: exclusions stay listed well beyond that. */
const listedMs = 30 * 60_000;

const missingMax = 3;

export function openIncident(
  scope: EntityId,
  symptoms: Symptoms,
  causes: readonly RankedCause[],
  modes: readonly FailureMode[],
  onset: Instant,
  at: Instant,
): Incident {
  const fresh: Incident = {
    id: stableId("incident", scope, onset),
    state: "open",
    title: "",
    severity: "warning",
    onset,
    openedAt: at,
    updatedAt: at,
    entities: [],
    symptoms: [],
  };
  return updateIncident(fresh, scope, symptoms, causes, modes, at);
}

/** The incident with what is known of it now. Entities and symptoms are only ever added. */
export function updateIncident(
  incident: Incident,
  scope: EntityId,
  symptoms: Symptoms,
  causes: readonly RankedCause[],
  modes: readonly FailureMode[],
  at: Instant,
): Incident {
  const top = causes[0] !== undefined && causes[0].probability >= sayFrom ? causes[0] : undefined;
  const mode = modes.find(({ id }) => id === top?.failureMode);
  const entities = affected(symptoms, top?.location);
  const known = [...symptoms.anomalies, ...symptoms.alerts, ...symptoms.context].map(({ id }) => id);
  const where = shortName(top?.location ?? entities[0] ?? scope);
  return {
    ...incident,
    state: "open",
    title: top === undefined ? `Serving is not as usual on ${where}` : `${top.title} on ${where}`,
    severity: mode?.severity ?? "warning",
    updatedAt: at,
    entities: [...new Set([...entities.slice(0, 1), ...incident.entities, ...entities])],
    symptoms: [...new Set([...incident.symptoms, ...known])].slice(-1000),
  };
}

/** Whether nothing changed that anybody is told of. */
export function sameToAll(before: Incident, next: Incident): boolean {
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((item, i) => item === b[i]);
  return (
    before.state === next.state &&
    before.title === next.title &&
    before.severity === next.severity &&
    before.attributes === next.attributes &&
    same(before.entities, next.entities) &&
    same(before.symptoms, next.symptoms)
  );
}

/** Whether the ranking says something that `before` did not. */
export function isNews(before: Diagnosis | undefined, causes: readonly RankedCause[]): boolean {
  const top = causes[0];
  if (top === undefined) return false;
  if (before === undefined) return top.probability >= sayFrom && top.for.length >= 2;
  const old = before.causes[0];
  if (old === undefined) return true;
  const other = old.failureMode !== top.failureMode;
  if (other) return top.probability >= sayFrom && top.for.length >= 2;
  return (
    old.location !== top.location ||
    old.trigger !== top.trigger ||
    commitsOf(top).some((commit) => !commitsOf(old).includes(commit)) ||
    Math.abs(old.probability - top.probability) >= newsFrom
  );
}

/** What was looked up of the code comes later than the rest. Of a snapshot, `for` may be missing. */
function commitsOf(cause: Partial<Pick<RankedCause, "for">>): readonly string[] {
  return (cause.for ?? []).flatMap(({ kind, ref }) => (kind === "code" && ref !== undefined ? [ref] : []));
}

export function diagnosisOf(
  incident: Incident,
  scope: EntityId,
  causes: readonly RankedCause[],
  modes: readonly FailureMode[],
  at: Instant,
): Diagnosis {
  const top = causes[0]!;
  const mode = modes.find(({ id }) => id === top.failureMode);
  const undecided = undecidedOf(causes);
  return {
    id: stableId("diagnosis", incident.id, at),
    incident: incident.id,
    at,
    causes,
    summary: summaryOf(top, scope, incident.onset) + doubtOf(undecided),
    ...(undecided === undefined ? {} : { undecided }),
    falsifiedBy: mode === undefined ? "" : falsifiedBy(mode),
    ...(top.path === undefined ? {} : { path: top.path }),
  };
}

/** A second cause half as likely as the first or more, if what would tell them apart could not be looked up. */
function undecidedOf(causes: readonly RankedCause[]): Diagnosis["undecided"] {
  const [top, second] = causes;
  if (top === undefined || second === undefined || second.probability < top.probability / 2) return undefined;
  const missing = [...new Set([...(second.unknown ?? []), ...(top.unknown ?? [])])];
  if (missing.length === 0) return undefined;
  return { failureMode: second.failureMode, title: second.title, missing: missing.slice(0, missingMax) };
}

function doubtOf(undecided: Diagnosis["undecided"]): string {
  if (undecided === undefined) return "";
  return ` It cannot be told from ${undecided.title.toLowerCase()} without knowing whether ${undecided.missing.join(", or whether ")}.`;
}

export function exclusionsOf(
  open: readonly Incident[],
  closed: readonly Incident[],
  now: Instant,
): readonly Exclusion[] {
  const recent = closed.filter(({ updatedAt }) => now - updatedAt <= listedMs);
  return [...open, ...recent].flatMap((incident) =>
    incident.entities.map((entity) => ({
      entity,
      from: incident.onset - marginMs,
      ...(incident.state === "resolved" ? { to: (incident.resolvedAt ?? incident.updatedAt) + afterMs } : {}),
      reason: `incident ${incident.id}: ${incident.title}`,
    })),
  );
}

/** The entities with symptoms: where the cause lies first, then by how improbable their symptoms are together. */
function affected({ anomalies, alerts }: Symptoms, location: EntityId | undefined): readonly EntityId[] {
  const weight = new Map<EntityId, number>();
  for (const { entity, tail } of anomalies) {
    weight.set(entity, (weight.get(entity) ?? 0) - Math.log(Math.max(tail, 1e-12)));
  }
  for (const { entity } of alerts) if (entity !== undefined) weight.set(entity, (weight.get(entity) ?? 0) + 10);
  if (location !== undefined) weight.set(location, Number.POSITIVE_INFINITY);
  return [...weight].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([entity]) => entity);
}
