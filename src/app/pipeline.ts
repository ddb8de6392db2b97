// One way through: what arrived becomes frames, frames become anomalies and alerts, those become incidents with a diagnosis,
// and a diagnosis becomes a repair that is verified. Knows the order of the rooms, nothing of their insides.
import type { LedgerEntry, Proposal } from "../model/action.ts";
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { Entity } from "../model/entity.ts";
import type { EventType } from "../model/event.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { Frame } from "../model/frame.ts";
import type { Diagnosis, Incident } from "../model/incident.ts";
import type { LogFinding } from "../model/log-finding.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Recommendation } from "../model/recommendation.ts";
import { formatDuration, type Instant } from "../model/time.ts";
import { createFindingBook } from "./log-findings.ts";
import type { RecordKeeper } from "./record-keeper.ts";

/** What the pipeline needs of each room. */
export interface Rooms {
  readonly head: {
    refresh(now: Instant): Promise<{ readonly more: boolean }>;
    frames(now: Instant): Iterable<Frame>;
    entities(): readonly Entity[];
  };
  readonly detection: {
    step(frame: Frame): Promise<readonly Anomaly[]>;
    accept(which: (anomaly: Anomaly) => boolean): Promise<readonly Anomaly[]>;
    baseline(): { readonly entities: number; readonly learnedMs: number; readonly ready: boolean };
  };
  /** Judges every series at the step of the frame that was just made. */
  readonly series: {
    step(at: Instant): Promise<readonly Anomaly[]>;
    accept(which: (anomaly: Anomaly) => boolean): Promise<readonly Anomaly[]>;
  };
  /** Puts what logs tell into the Head and gives what was found in them; never rejects. */
  readonly logs: { step(now: Instant): Promise<readonly LogFinding[]> };
  readonly rules: { evaluate(at: Instant): Promise<readonly Alert[]>; all(): readonly Alert[] };
  readonly diagnose: {
    step(input: {
      readonly at: Instant;
      readonly anomalies: readonly Anomaly[];
      readonly alerts: readonly Alert[];
      readonly entities: readonly Entity[];
      readonly silenceTells: boolean;
    }): Promise<{
      readonly incidents: readonly Incident[];
      readonly diagnoses: readonly Diagnosis[];
      readonly alerts: readonly Alert[];
    }>;
  };
  readonly act: {
    propose(proposal: Proposal, now: Instant): Promise<readonly LedgerEntry[]>;
    step(now: Instant): Promise<readonly LedgerEntry[]>;
  };
  readonly remedyFor: (diagnosis: Diagnosis, mode: FailureMode, now: Instant) => Proposal | undefined;
  readonly modes: readonly FailureMode[];
  readonly tune: {
    recommend(input: {
      readonly at: Instant;
      readonly diagnoses: readonly Diagnosis[];
      readonly entities: readonly Entity[];
    }): Promise<readonly Recommendation[]>;
  };
  /** Alerts of other systems: what fires is evidence like our own. */
  readonly foreign: {
    firing(at: Instant, entities: readonly Entity[]): readonly Alert[];
    changed(at: Instant, entities: readonly Entity[]): readonly Alert[];
  };
  readonly keeper: RecordKeeper;
  readonly feed: EventFeed;
  readonly telemetry: Telemetry;
}

export interface Pipeline {
  /** Looks at everything that arrived since the last tick. */
  tick(now: Instant): Promise<void>;
  /**
   * Somebody says that an open anomaly is normal: both lanes of detection are told. Gives it as it is then, over or, where
   * it is about an entity as a whole, until that is learned; undefined if none that is open has the id.
   */
  accept(id: string, by: string): Promise<Anomaly | undefined>;
  /** Event time of the last frame judged; undefined before the first. */
  judgedThrough(): Instant | undefined;
}

/** From so much telemetry on, detectors that say nothing say that nothing is odd. */
const knownMs = 30 * 60_000;

export function createPipeline(rooms: Rooms): Pipeline {
  const { head, detection, rules, diagnose, act, tune, feed, telemetry } = rooms;
  const { keep } = rooms.keeper;
  let judged: Instant | undefined;
  let baselineTold = false;
  const openIncidents = new Map<string, Incident>();
  const told = new Set<string>();
  /** Ended by somebody's word since the last frame: diagnosis is still to hear of it. */
  let accepted: Anomaly[] = [];
  const findings = createFindingBook(rooms);

  const publish = (type: EventType, at: Instant, text: string, data: object): void =>
    feed.publish({ type, at, text, data: data as Readonly<Record<string, unknown>> });

  async function judge(frame: Frame, now: Instant): Promise<void> {
    const at = frame.at;
    const judgedNow = await telemetry.span("detect.step", () => judgeAll(frame));
    const anomalies = [...accepted, ...judgedNow];
    accepted = [];
    const entities = head.entities();
    const own = await telemetry.span("detect.rules", () => rules.evaluate(at));
    const alerts = [...own, ...rooms.foreign.changed(now, entities)];
    tellBaseline(at, now);
    await Promise.all([keep("anomalies", anomalies), keep("alerts", alerts)]);
    for (const anomaly of anomalies) tellAnomaly(anomaly);
    for (const alert of alerts) tellAlert(alert, at);
    const firing = [...rules.all(), ...rooms.foreign.firing(now, entities)].filter((alert) => alert.state === "firing");
    const {
      incidents,
      diagnoses,
      alerts: likely,
    } = await telemetry.span("diagnose.step", () =>
      diagnose.step({
        at,
        anomalies,
        alerts: firing,
        entities,
        silenceTells: detection.baseline().learnedMs >= knownMs,
      }),
    );
    await Promise.all([keep("incidents", incidents), keep("diagnoses", diagnoses), keep("alerts", likely)]);
    for (const alert of likely) tellAlert(alert, at);
    for (const incident of incidents) tellIncident(incident);
    for (const diagnosis of diagnoses) await follow(diagnosis, at);
    tellLedger(await telemetry.span("act.step", () => act.step(at)));
    judged = at;
  }

  async function judgeAll(frame: Frame): Promise<readonly Anomaly[]> {
    const known = frame.entities.length === 0 ? [] : await detection.step(frame);
    return [...known, ...(await rooms.series.step(frame.at))];
  }

  async function accept(id: string, by: string): Promise<Anomaly | undefined> {
    const which = (anomaly: Anomaly): boolean => anomaly.id === id;
    const found = (await detection.accept(which))[0] ?? (await rooms.series.accept(which))[0];
    if (found === undefined) return undefined;
    const anomaly: Anomaly = { ...found, acceptedBy: by };
    accepted.push(anomaly);
    telemetry.count("homeostat.app.anomalies_accepted");
    await keep("anomalies", [anomaly]);
    const at = anomaly.endedAt ?? anomaly.lastSeen;
    publish("anomaly", at, `${by} says that it is normal: ${anomaly.signal} of ${anomaly.entity}`, anomaly);
    return anomaly;
  }

  /** Half an hour is worth the name; where there is less, it is what there is once the past is caught up with. */
  function tellBaseline(at: Instant, now: Instant): void {
    const baseline = detection.baseline();
    const enough = baseline.learnedMs >= 30 * 60_000 || now - at < 60_000;
    if (baselineTold || !baseline.ready || !enough) return;
    baselineTold = true;
    const text = `baseline learned: ${baseline.entities} replicas, ${formatDuration(baseline.learnedMs)} of telemetry`;
    publish("baseline-learned", at, text, baseline);
  }

  function tellAnomaly(anomaly: Anomaly): void {
    if (anomaly.endedAt !== undefined || told.has(anomaly.id)) return;
    remember(anomaly.id);
    const says = anomaly.evidence[0]?.says ?? `${anomaly.signal} of ${anomaly.entity} is ${anomaly.observed}`;
    publish("anomaly", anomaly.lastSeen, says, anomaly);
  }

  /** Once for each time it fires: its value changes at every step. */
  function tellAlert(alert: Alert, at: Instant): void {
    const time = `${alert.id}@${alert.activeAt}`;
    if (alert.state !== "firing" || told.has(time)) return;
    remember(time);
    // A rule looks back over minutes, so it may speak when the repair is under way already.
    const known = [...openIncidents.values()].find(({ entities }) => entities.some((one) => one === alert.entity));
    const of = known === undefined ? "" : ` (known: ${known.title})`;
    publish("alert", at, alertText(alert) + of, alert);
  }

  function tellIncident(incident: Incident): void {
    const known = openIncidents.has(incident.id);
    if (incident.state === "resolved") {
      openIncidents.delete(incident.id);
      publish("resolved", incident.resolvedAt ?? incident.updatedAt, `incident over: ${incident.title}`, incident);
    } else {
      openIncidents.set(incident.id, incident);
      if (!known) publish("incident", incident.openedAt, `incident: ${incident.title}`, incident);
    }
  }

  async function follow(diagnosis: Diagnosis, at: Instant): Promise<void> {
    const cause = diagnosis.causes[0];
    if (cause === undefined) return;
    publish("diagnosed", at, diagnosis.summary, { ...diagnosis, failureMode: cause.failureMode });
    const mode = rooms.modes.find((candidate) => candidate.id === cause.failureMode);
    const proposal = mode === undefined ? undefined : rooms.remedyFor(diagnosis, mode, at);
    if (proposal !== undefined) tellLedger(await act.propose(proposal, at));
    const advice = await telemetry.span("tune.recommend", () =>
      tune.recommend({ at, diagnoses: [diagnosis], entities: head.entities() }),
    );
    await keep("recommendations", advice);
    for (const one of advice) {
      if (told.has(one.id)) continue;
      remember(one.id);
      publish("recommended", at, `${one.title}: ${one.changes.map((c) => `${c.parameter} = ${c.to}`).join(", ")}`, one);
    }
  }

  function tellLedger(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const what = `${entry.action.kind} of ${entry.action.target}`;
      if (entry.state === "accepted") publish("webhook-sent", entry.at, `signed webhook delivered: ${what}`, entry);
      else if (entry.state === "verified") publish("recovered", entry.at, `${what} verified: ${entry.reason}`, entry);
      else publish("action", entry.at, `${what} ${entry.state}: ${entry.reason}`, entry);
    }
  }

  /** Bounded memory of what was told already; the oldest half is let go. */
  function remember(id: string): void {
    told.add(id);
    if (told.size < 10_000) return;
    for (const old of [...told].slice(0, 5000)) told.delete(old);
  }

  return {
    accept,
    judgedThrough: () => judged,
    async tick(now) {
      const start = performance.now();
      const found = await telemetry.span("detect.logs", () => rooms.logs.step(now));
      await findings.take(found, openIncidents.values(), head.entities());
      let more = true;
      while (more) {
        more = (await telemetry.span("observe.refresh", () => head.refresh(now))).more;
        for (const frame of head.frames(now)) await judge(frame, now);
      }
      // Deliveries end between frames; who follows along should not wait for the next one.
      if (judged !== undefined) tellLedger(await act.step(judged));
      telemetry.record("homeostat.app.tick_seconds", (performance.now() - start) / 1000);
    },
  };
}

function alertText(alert: Alert): string {
  return alert.annotations["summary"] ?? `${alert.rule} is firing`;
}
