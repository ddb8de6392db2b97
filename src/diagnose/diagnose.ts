// From anomalies, alerts, changes and logs to incidents, and to a diagnosis that says what, where, why, with evidence.
import type { Alert, Anomaly, Exclusion } from "../model/anomaly.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { Diagnosis, Incident, RankedCause } from "../model/incident.ts";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { CodeHistory } from "../model/ports/code-history.ts";
import type { LogSource } from "../model/ports/log-source.ts";
import type { RequestSource } from "../model/ports/request-source.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { createDrill } from "./attributes/drill.ts";
import { createRanking } from "./causes.ts";
import { felt } from "./felt.ts";
import { diagnosisOf, exclusionsOf, isNews, openIncident, sameToAll, updateIncident } from "./incidents.ts";
import { createLooker } from "./look.ts";
import { isConsequence, type Open, opened } from "./open-incident.ts";
import { createQueries } from "./queries.ts";
import { createRecentChanges } from "./recent-changes.ts";
import { type DiagnosisSnapshot, readSnapshot } from "./snapshot.ts";
import type { Study } from "./study.ts";
import { createSuspicion, isLikely, suspectKinds, suspicionGroup, tellsOfItself } from "./suspicion.ts";
import { createSymptomBook, onsetOf, type Symptoms } from "./symptoms.ts";
import { createTopology } from "./topology.ts";
import { worthWaking } from "./waking.ts";

export interface DiagnosisInput {
  readonly at: Instant;
  /** Those that changed at this step. */
  readonly anomalies: readonly Anomaly[];
  /** Those that fire now. */
  readonly alerts: readonly Alert[];
  readonly entities: readonly Entity[];
  /** Whether detectors know enough for their silence to say that nothing is odd. Default true. */
  readonly silenceTells?: boolean;
}

export interface DiagnosisOutput {
  /** Opened, changed or resolved at this step. */
  readonly incidents: readonly Incident[];
  /** New, or thought better of. */
  readonly diagnoses: readonly Diagnosis[];
  /** The catalogue's own that began or were over: symptoms of incidents like all others. */
  readonly alerts: readonly Alert[];
}

export interface Diagnose {
  /** Steps come in the order of event time. A source that fails makes symptoms unknown; it never fails the step. */
  step(input: DiagnosisInput): Promise<DiagnosisOutput>;
  /** What must not be learned: the time of open incidents, and of those closed in the last half hour. */
  exclusions(): readonly Exclusion[];
  /** Open incidents, for after a restart. Plain JSON. */
  snapshot(): DiagnosisSnapshot;
  /** Takes up an earlier run's snapshot before the first step; false (and counted) if it is not one. */
  restore(snapshot: unknown): boolean;
}

const openMax = 200;
const closedMax = 1000;
const quietMs = 2 * 60_000;
const aliveMs = 60_000;
/** Change events may reach us a little after what they caused. */
const lateChangesMs = 2 * 60_000;

export function createDiagnosis(
  catalogue: readonly FailureMode[],
  deps: {
    readonly source: SeriesSource;
    readonly changes: ChangeLog;
    readonly logs: LogSource;
    readonly code?: CodeHistory;
    readonly telemetry: Telemetry;
    /** The catalogue with odds that were learned; its ids and queries are the catalogue's. Absent: as it is. */
    readonly learned?: () => readonly FailureMode[];
    /** Absent: nobody looks into requests. */
    readonly requests?: RequestSource;
    /** Hears of each look at a scope through the whole catalogue. */
    readonly studied?: (study: Study) => void;
  },
): Diagnose {
  const { telemetry } = deps;
  let modes = catalogue;
  const queries = createQueries(deps.source, telemetry);
  const looker = createLooker(modes, queries, deps.logs, telemetry, deps.code);
  const topology = createTopology();
  const book = createSymptomBook(topology, telemetry);
  const recent = createRecentChanges(deps.changes, catalogue, telemetry);
  const rankScene = createRanking(looker, () => modes, deps.studied);
  const suspicion = createSuspicion(catalogue);
  const drill = createDrill(deps.requests, topology.related, telemetry);
  const open = new Map<EntityId, Open>();
  let closed: Incident[] = [];
  let now = Number.NEGATIVE_INFINITY;
  let firstAt: Instant | undefined;
  let silenceTells = true;
  /** Of this step, once somebody wanted to know. */
  let alive: ReadonlySet<EntityId> | undefined;

  async function consider(scope: EntityId, symptoms: Symptoms, at: Instant, out: Output): Promise<void> {
    const onset = onsetOf(symptoms);
    const changes = await recent.within(Math.min(onset, at) - recent.backMs, at);
    alive ??= await queries.alive(at, aliveMs);
    const { anomalies } = symptoms;
    const causes = await rankScene(
      { at, onset, knownAt: at, scope, anomalies, changes, alive, topology, silenceTells },
      symptoms,
    );
    const starts = (changes ?? []).filter(({ kind }) => kind === "restart" || kind === "scale");
    const members = topology.related(scope, "replica");
    const young = silenceTells || firstAt === undefined ? {} : { youngSince: firstAt };
    if (!worthWaking(symptoms, { at, scope, members, modes, causes, starts, changes, alive, ...young })) return;
    if (open.size >= openMax) {
      telemetry.count("homeostat.diagnose.dropped", 1, { reason: "too-many-incidents" });
      return;
    }
    const incident = openIncident(scope, symptoms, causes, modes, onset, at);
    const isSuspicion = symptoms.alerts.some(({ group }) => group === suspicionGroup);
    const entry: Open = { ...opened(incident), changes, isSuspicion };
    open.set(scope, entry);
    out.incidents.push(incident);
    telemetry.count("homeostat.diagnose.incidents", 1, { state: "open" });
    drill.ask(incident, at, publish(entry, scope, symptoms, causes, at, out));
  }

  /** Looks through the catalogue unasked; what holds is an alert of this step. */
  async function suspect(
    entities: readonly Entity[],
    scopes: ReadonlyMap<EntityId, Symptoms>,
    at: Instant,
  ): Promise<void> {
    const known = new Set(entities.flatMap(({ kind, id }) => (kind === "replica" ? topology.scopeOf(id) : [])));
    suspicion.forget(known);
    const thorough = suspicion.beginThorough(entities.filter(({ kind }) => kind === "replica").length, at);
    const due = [...known].filter((one) => thorough || suspicion.isDue(one, at));
    let late: ReadonlySet<EntityId> | undefined;
    for (const scope of due) {
      if (open.get(scope)?.isSuspicion === false) continue;
      const changes = open.get(scope)?.changes ?? (await recent.within(at - recent.backMs, at));
      alive ??= await queries.alive(at, aliveMs);
      const anomalies = scopes.get(scope)?.anomalies ?? [];
      const onset = Math.min(at, ...anomalies.map((one) => one.onset));
      const scene = { at, onset, knownAt: at, scope, anomalies, changes, alive, topology, silenceTells };
      const all = thorough || (changes ?? []).some(({ kind }) => suspectKinds.has(kind));
      const among = all ? undefined : tellsOfItself;
      const causes = await rankScene(scene, { anomalies, alerts: [] }, { among });
      if (isLikely(causes[0])) late ??= await felt(queries, at);
      suspicion.take(scope, causes, at, isLikely(causes[0]) && topology.members(scope).some((one) => late?.has(one)));
    }
  }

  async function follow(
    entry: Open,
    scope: EntityId,
    symptoms: Symptoms | undefined,
    at: Instant,
    out: Output,
  ): Promise<void> {
    if (symptoms === undefined) return settle(entry, scope, at, out);
    entry.quietSince = undefined;
    const { onset, openedAt } = entry.incident;
    // What happens from the opening on may be an answer to the incident, our own among them.
    const knownAt = openedAt - 1;
    if (entry.changes === undefined || at - openedAt <= lateChangesMs)
      entry.changes = (await recent.within(onset - recent.backMs, knownAt)) ?? entry.changes;
    alive ??= await queries.alive(at, aliveMs);
    const { changes } = entry;
    const { anomalies } = symptoms;
    const attributes = (await drill.take(entry.incident.id)) ?? entry.incident.attributes;
    const scene = { at, onset, knownAt, scope, anomalies, changes, alive, topology, silenceTells, attributes };
    const causes = await rankScene(scene, symptoms, { recall: entry.recall });
    entry.recall.lead(causes[0], modes, at);
    const changed = publish(entry, scope, symptoms, causes, at, out);
    drill.ask(entry.incident, at, changed);
    const shown = changed ? causes : (entry.diagnosis?.causes ?? causes);
    const incident = attributes === undefined ? entry.incident : { ...entry.incident, attributes };
    keep(entry, updateIncident(incident, scope, symptoms, shown, modes, at), out);
  }

  /** Nothing is wrong any more: over when it stays like that. */
  function settle(entry: Open, scope: EntityId, at: Instant, out: Output): void {
    entry.quietSince ??= at;
    if (at - entry.quietSince < quietMs) {
      keep(entry, { ...entry.incident, state: "mitigating", updatedAt: at }, out);
      return;
    }
    const resolved: Incident = { ...entry.incident, state: "resolved", updatedAt: at, resolvedAt: entry.quietSince };
    open.delete(scope);
    drill.forget(entry.incident.id);
    closed = [...closed, resolved].slice(-closedMax);
    out.incidents.push(resolved);
    telemetry.count("homeostat.diagnose.incidents", 1, { state: "resolved" });
  }

  /** Incidents restored from records are known by an entity of theirs until telemetry says what it belongs to. */
  function placeRestored(): void {
    for (const [scope, entry] of [...open]) {
      const proper = topology.scopeOf(scope);
      if (proper === scope || open.has(proper)) continue;
      open.delete(scope);
      open.set(proper, entry);
    }
  }

  function keep(entry: Open, next: Incident, out: Output): void {
    const before = entry.incident;
    const entities = [...new Set(next.entities.map(topology.nowCalled))];
    entry.incident = { ...next, entities };
    if (!sameToAll(before, entry.incident)) out.incidents.push(entry.incident);
  }

  function publish(
    entry: Open,
    scope: EntityId,
    { anomalies, alerts }: Symptoms,
    causes: readonly RankedCause[],
    at: Instant,
    out: Output,
  ): boolean {
    const count = anomalies.length + alerts.length;
    entry.peak = Math.max(entry.peak, count);
    // While it gets better the evidence fades; that is no reason to doubt what was found.
    const fading =
      count < entry.peak && (causes[0]?.probability ?? 0) <= (entry.diagnosis?.causes[0]?.probability ?? 0);
    for (const { entity, onset } of anomalies) {
      entry.onsets.set(entity, Math.min(onset, entry.onsets.get(entity) ?? onset));
    }
    if (fading || isConsequence(entry, causes, at) || !isNews(entry.diagnosis, causes)) return false;
    const diagnosis = diagnosisOf(entry.incident, scope, causes, modes, at);
    entry.diagnosis = diagnosis;
    out.diagnoses.push(diagnosis);
    telemetry.count("homeostat.diagnose.diagnoses", 1, { failure_mode: causes[0]?.failureMode ?? "none" });
    return true;
  }

  return {
    async step({ at, anomalies, alerts, entities, silenceTells: tells = true }) {
      now = at;
      firstAt ??= at;
      silenceTells = tells;
      modes = deps.learned?.() ?? catalogue;
      topology.update(entities);
      alive = undefined;
      recent.begin();
      book.update(at, anomalies, alerts);
      placeRestored();
      await suspect(entities, book.byScope(), at);
      book.update(at, [], [...alerts, ...suspicion.alerts(at)]);
      const scopes = book.byScope();
      const out: Output = { incidents: [], diagnoses: [], alerts: suspicion.news(at) };
      for (const [scope, entry] of [...open]) await follow(entry, scope, scopes.get(scope), at, out);
      for (const [scope, symptoms] of scopes) {
        if (!open.has(scope)) await consider(scope, symptoms, at, out);
      }
      telemetry.gauge("homeostat.diagnose.open_incidents", open.size);
      return out;
    },
    exclusions: () =>
      exclusionsOf(
        [...open.values()].map(({ incident }) => incident),
        closed,
        now,
      ),
    snapshot() {
      const scopes = book.byScope();
      const now = [...open].map(([scope, { incident, diagnosis, isSuspicion }]) => {
        return { scope, incident, diagnosis, anomalies: scopes.get(scope)?.anomalies ?? [], isSuspicion };
      });
      return { version: 1, open: now, suspicions: suspicion.told(), closed };
    },
    restore(snapshot) {
      const read = readSnapshot(snapshot);
      if (read === undefined) {
        telemetry.count("homeostat.diagnose.dropped", 1, { reason: "bad-snapshot" });
        telemetry.log.warn("the snapshot of open incidents is not readable; they are forgotten");
        return false;
      }
      for (const { scope, incident, diagnosis, anomalies, isSuspicion } of read.open.slice(0, openMax)) {
        open.set(scope, { ...opened(incident), diagnosis, isSuspicion: isSuspicion ?? anomalies.length === 0 });
        book.remember(anomalies);
      }
      suspicion.tell(read.suspicions ?? []);
      closed = read.closed.slice(-closedMax);
      return true;
    },
  };
}

interface Output extends DiagnosisOutput {
  readonly incidents: Incident[];
  readonly diagnoses: Diagnosis[];
}
