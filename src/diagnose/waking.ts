// Whether what is seen is worth waking somebody for.
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId, EntityKind } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { RankedCause } from "../model/incident.ts";
import { type SignalId, signalOf } from "../model/signal.ts";
import type { Instant } from "../model/time.ts";
import type { Symptoms } from "./symptoms.ts";
import { kindOf } from "./topology.ts";

/** A replica that was just started is slow and silent for a while: that is a start, not a failure. */
export const startupMs = 60_000;
/** A replica that is started takes no work for about so long. */
const restartMs = 3 * 60_000;
/** More traffic than usual explains queues and latency; only if it lasts this long is it an incident of its own. */
const demandMs = 5 * 60_000;
/** Of what is not known for a day yet nobody can tell what its load usually brings, so its trouble must outlast a job. */
const unknownDemandMs = 60 * 60_000;
const dayMs = 86_400_000;
/** A scrape that fails once leaves a hole of at most a few steps. */
const gapMs = 2 * 60_000;
const persistentMs = 2 * 60_000;
const strongTail = 1e-5;
const likely = 0.5;
/** Kinds of entity that were there before a deployment started. */
const standing: ReadonlySet<string> = new Set<EntityKind>(["gpu", "node", "service"]);

/** Changes for which replicas are taken down one after the other; how long that may go on, and how much too late it is told of. */
const replacing: ReadonlySet<string> = new Set(["deploy", "config", "model", "restart"]);
const rolloutMs = 15 * 60_000;
const lateMs = 60_000;

/** A replica that says nothing for this long, while its siblings do, is gone. */
const goneMs = 5 * 60_000;
/** A latency this many times the highest that is normal is one that people notice. */
const noticeableFactor = 1.5;
/** With fewer there is no telling what they have in common. */
const siblingsMin = 3;

/** Views of one thing count once: a queue delays first tokens. What is neither good nor bad (traffic) counts never. */
const family: Readonly<Record<SignalId, string | undefined>> = {
  ttft: "queueing",
  waiting: "queueing",
  itl: "decoding",
  kv_usage: "memory",
  preemptions: "memory-pressure",
  generated_tokens: "progress",
  finished: "progress",
  running: undefined,
  prompt_tokens: undefined,
};
/** Tickets whose failure mode nothing else speaks for: a threshold that does not fit this load does not last, or not for long. */
const ticketMs = 10 * 60_000;
const borneOutFrom = 0.1;
/** Two rules that say so for this long bear each other out: what a burst leaves is worked off by then. */
const twoTicketsMs = 3 * 60_000;
/** What people wait longer by; room that runs out is a cause of it at most. */
const felt: ReadonlySet<string | undefined> = new Set(["queueing", "decoding", "progress"]);
const latencies: ReadonlySet<string> = new Set<SignalId>(["ttft", "itl"]);

export interface Facts {
  readonly at: Instant;
  /** What the entities belong to: a start of all of it is a start of each. */
  readonly scope: EntityId;
  /** Replicas of the scope that are known. */
  readonly members: readonly EntityId[];
  readonly modes: readonly FailureMode[];
  readonly causes: readonly RankedCause[];
  /** Starts of replicas, of the last half hour at least; empty when unknown. */
  readonly starts: readonly ChangeEvent[];
  /** All changes of that time that are known; absent: the starts. */
  readonly changes?: readonly ChangeEvent[] | undefined;
  readonly alive: ReadonlySet<EntityId>;
  /** Since when telemetry is looked at, as long as detectors have no past: what was so from the beginning may be usual. */
  readonly youngSince?: Instant;
}

/**
 * An incident opens on a firing alert with a failure mode (a ticket needs a cause or another that bears it out, or time), on two independent harmful anomalies, on one strong and
 * persistent anomaly that something else bears out, on a latency that is noticeably worse for minutes on a replica whose
 * siblings are well, and on a replica that is gone while its siblings are not. A lone joint anomaly of any other kind opens
 * none, whatever its score; neither do a start, a hole in the telemetry, a burst of traffic that the fleet works off, or a
 * cache that is full while nobody waits.
 */
export function worthWaking(symptoms: Symptoms, facts: Facts): boolean {
  const { at, causes } = facts;
  const alerts = symptoms.alerts.filter(
    (alert) =>
      facts.modes.some(({ id }) => id === alert.failureMode) &&
      !starting(alert.entity, alert.activeAt, facts) &&
      !isMeant(alert, facts),
  );
  if (alerts.some((alert) => wakesAlone(alert, alerts, facts))) return true;
  const lasting = alerts.filter((alert) => at - alert.activeAt >= twoTicketsMs && !isAsEver(alert, facts));
  if (new Set(lasting.map(({ rule }) => rule)).size >= 2) return true;
  const anomalies = symptoms.anomalies.filter((anomaly) => counts(anomaly, facts));
  if (anomalies.some((anomaly) => isGone(anomaly, facts))) return true;
  const harmful = anomalies.filter(isHarmful);
  const [top] = causes;
  const explained = isFailure(top, facts) && top.probability >= likely && top.for.length >= 2 && explains(top, harmful);
  const changed = explained && top?.trigger !== undefined;
  const families = new Set(harmful.map(({ signal }) => family[signal as SignalId]));
  const lasts = (ms: number): boolean => harmful.some(({ onset }) => at - onset >= ms);
  if (isShortOfRoom(families, facts) && !lasts(demandMs)) return false;
  if (families.size >= 2 && (changed || [...families].some((one) => felt.has(one)))) {
    if (explained || !couldBeLoad(anomalies, harmful, facts)) return true;
    return lasts(harmful.every(isKnown) ? demandMs : unknownDemandMs);
  }
  if (harmful.length === 0) return false;
  // A cache that is full while nobody waits is none, however well explained.
  if (explained && (changed || [...families].some((one) => felt.has(one)))) return true;
  if (harmful.some((one) => isNoticeable(one, facts)) && isLone(harmful, facts)) return true;
  const persistent = harmful.some(
    ({ signal, tail, onset }) =>
      felt.has(family[signal as SignalId]) && tail <= strongTail && at - onset >= persistentMs,
  );
  return persistent && (symptoms.alerts.length > 0 || harmful.some((one) => isBorneOut(one, anomalies)));
}

/**
 * A ticket can wait: for a cause that bears its own failure mode out, or until it has lasted. What is as ever tells nothing by
 * itself, and one replica's nothing of what all must have: then the cause has to be likely. All other alerts wake at once.
 */
function wakesAlone(alert: Alert, alerts: readonly Alert[], facts: Facts): boolean {
  const { labels, failureMode, activeAt } = alert;
  if (labels["severity"] !== "ticket") return true;
  const asEver = isAsEver(alert, facts);
  if (facts.at - activeAt >= ticketMs && !asEver) return true;
  const cause = facts.causes.find((one) => one.failureMode === failureMode);
  if (cause === undefined || cause.probability < borneOutFrom) return false;
  if (cause.probability >= likely) return true;
  return !asEver && (!isOfAll(cause.location, alert) || isOfMost(alert, alerts, facts));
}

/** The alert is one replica's, of what a deployment has as a whole. */
function isOfAll(location: EntityId, { entity }: Alert): boolean {
  return kindOf(location) === "deployment" && entity !== undefined && kindOf(entity) === "replica";
}

function isOfMost({ failureMode }: Alert, alerts: readonly Alert[], facts: Facts): boolean {
  const alike = alerts.filter((one) => one.failureMode === failureMode);
  return 2 * new Set(alike.map(({ entity }) => entity)).size >= living(facts);
}

/** What is so since telemetry began to come is a threshold that does not fit, or was there before us. */
function isAsEver({ activeAt }: Alert, { youngSince }: Facts): boolean {
  return youngSince !== undefined && activeAt - youngSince < ticketMs;
}

/** While siblings are being started the others have their work as well: queues and full caches are to be expected. */
function isShortOfRoom(families: ReadonlySet<string | undefined>, { at, scope, members, starts }: Facts): boolean {
  if (families.has("decoding") || families.has("progress")) return false;
  return starts.some(
    ({ target, at: when }) => at - when <= restartMs && (target === scope || members.includes(target)),
  );
}

function isBorneOut({ entity }: Anomaly, anomalies: readonly Anomaly[]): boolean {
  return anomalies.some((other) => other.signal === "joint" && other.entity === entity);
}

/** Its day was seen once. Where nobody counted, it is taken to be. */
function isKnown({ knownMs }: Anomaly): boolean {
  return (knownMs ?? dayMs) >= dayMs;
}

/** What is only worth knowing (a cold start) explains what is seen, and that it need not be told. */
function isFailure(cause: RankedCause | undefined, { modes }: Facts): cause is RankedCause {
  return cause !== undefined && modes.find(({ id }) => id === cause.failureMode)?.severity !== "info";
}

/** What one replica has is no reason for what is seen on its siblings alone. */
function explains({ location, everywhere }: RankedCause, harmful: readonly Anomaly[]): boolean {
  if (everywhere !== undefined || kindOf(location) !== "replica") return true;
  return harmful.some(({ entity }) => entity === location);
}

/** Whether `entity` was started so shortly before `onset` that what began then is part of the start. */
function starting(entity: EntityId | undefined, onset: Instant, { starts, at, scope }: Facts): boolean {
  // Engines start with their deployment; the hardware under them and who calls them do not.
  const withScope = entity === undefined || !standing.has(kindOf(entity));
  return starts
    .filter(({ target }) => target === entity || (withScope && target === scope))
    .some((start) => onset >= start.at - 5000 && at - start.at <= startupMs);
}

/**
 * A replica that is missing since it, or all of them, were changed: whoever did it knows. It is waited for as long as a start may
 * take; one that was scaled away is not.
 */
function isMeant({ labels, entity, activeAt }: Alert, { at, scope, changes, starts }: Facts): boolean {
  if (labels["tells"] !== "absence") return false;
  return (changes ?? starts).some(
    ({ kind, target, at: when }) =>
      (target === entity || target === scope) &&
      activeAt >= when - lateMs &&
      activeAt - when <= rolloutMs &&
      (kind === "scale" || (replacing.has(kind) && at - activeAt < ticketMs)),
  );
}

function counts(anomaly: Anomaly, facts: Facts): boolean {
  if (starting(anomaly.entity, anomaly.onset, facts)) return false;
  return facts.alive.has(anomaly.entity) || facts.at - anomaly.onset >= gapMs;
}

function isHarmful({ signal, direction }: Anomaly): boolean {
  if (signal === "joint" || signal === "series" || family[signal] === undefined) return false;
  const { harm } = signalOf(signal);
  return harm === "either" || direction === "both" || direction === (harm === "rise" ? "up" : "down");
}

/** A replica that was there, whose siblings still are: nobody took it away, as far as anybody knows. */
function isGone({ detector, entity, onset }: Anomaly, { at, scope, members, alive, starts }: Facts): boolean {
  if (detector !== "absence" || at - onset < goneMs || alive.has(entity)) return false;
  const known = starts.some(({ target, at: when }) => (target === entity || target === scope) && onset - when < goneMs);
  return !known && members.some((member) => alive.has(member));
}

/** Before its day was seen the first replica that steps up with the load looks alone. */
function isNoticeable(anomaly: Anomaly, { at }: Facts): boolean {
  const { signal, tail, onset, observed, expected } = anomaly;
  if (!isKnown(anomaly) || !latencies.has(signal) || tail > strongTail || at - onset < demandMs) return false;
  return observed >= noticeableFactor * expected.high;
}

/** Siblings enough to compare with, of which less than half have it: what all have in common is the load, or a change. */
function isLone(harmful: readonly Anomaly[], facts: Facts): boolean {
  const count = living(facts);
  return count >= siblingsMin && 2 * touched(harmful) < count;
}

function isShared(harmful: readonly Anomaly[], facts: Facts): boolean {
  const count = living(facts);
  return count >= siblingsMin && 2 * touched(harmful) >= count;
}

function touched(harmful: readonly Anomaly[]): number {
  return new Set(harmful.map(({ entity }) => entity)).size;
}

/** All that are known where it cannot be told who is alive. */
function living({ members, alive }: Facts): number {
  return alive.size === 0 ? members.length : members.filter((member) => alive.has(member)).length;
}

/** More traffic, or trouble of many at once that no change explains. Load is never the reason why tokens stop. */
function couldBeLoad(anomalies: readonly Anomaly[], harmful: readonly Anomaly[], facts: Facts): boolean {
  return isDemand(anomalies) || isShared(harmful, facts);
}

/** More comes in and the fleet works it off: nothing of it is slower for each token. */
function isDemand(anomalies: readonly Anomaly[]): boolean {
  const up = (signal: SignalId): boolean => anomalies.some((one) => one.signal === signal && one.direction === "up");
  return (up("prompt_tokens") || up("finished") || up("generated_tokens")) && !up("preemptions");
}
