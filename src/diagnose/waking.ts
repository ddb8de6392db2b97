// Whether what is seen is worth waking somebody for.
import type { Anomaly } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { RankedCause } from "../model/incident.ts";
import { type SignalId, signalOf } from "../model/signal.ts";
import type { Instant } from "../model/time.ts";
import type { Symptoms } from "./symptoms.ts";

/** A replica that was just started is slow and silent for a while: that is a start, not a failure. */
export const startupMs = 60_000;
/** More traffic than usual explains queues and latency; only if it lasts this long is it an incident of its own. */
const demandMs = 5 * 60_000;
/** A scrape that fails once leaves a hole of at most a few steps. */
const gapMs = 2 * 60_000;
const persistentMs = 2 * 60_000;
const strongTail = 1e-5;
const likely = 0.5;

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

export interface Facts {
  readonly at: Instant;
  /** What the entities belong to: a start of all of it is a start of each. */
  readonly scope: EntityId;
  readonly modes: readonly FailureMode[];
  readonly causes: readonly RankedCause[];
  /** Starts of replicas within {@link startupMs}; empty when unknown. */
  readonly starts: readonly ChangeEvent[];
  readonly alive: ReadonlySet<EntityId>;
}

/**
 * An incident opens on a firing alert with a failure mode, on two independent harmful anomalies, or on one strong and
 * persistent anomaly that something else bears out. A lone joint anomaly opens none, whatever its score; neither do
 * a start, a hole in the telemetry, or a burst of traffic that the fleet works off.
 */
export function worthWaking(symptoms: Symptoms, facts: Facts): boolean {
  const { at, causes } = facts;
  const alerts = symptoms.alerts.filter(
    (alert) => facts.modes.some(({ id }) => id === alert.failureMode) && !starting(alert.entity, alert.activeAt, facts),
  );
  if (alerts.length > 0) return true;
  const anomalies = symptoms.anomalies.filter((anomaly) => counts(anomaly, facts));
  const explained = (causes[0]?.probability ?? 0) >= likely && (causes[0]?.for.length ?? 0) >= 2;
  const harmful = anomalies.filter(isHarmful);
  const families = new Set(harmful.map(({ signal }) => family[signal as SignalId]));
  if (families.size >= 2) {
    if (explained || !isDemand(anomalies)) return true;
    return harmful.some(({ onset }) => at - onset >= demandMs);
  }
  if (anomalies.length === 0) return false;
  const persistent = harmful.some(({ tail, onset }) => tail <= strongTail && at - onset >= persistentMs);
  const borneOut = explained || anomalies.some(({ signal }) => signal === "joint") || symptoms.alerts.length > 0;
  return (persistent && borneOut) || (explained && harmful.length > 0);
}

/** Whether `entity` was started so shortly before `onset` that what began then is part of the start. */
function starting(entity: EntityId | undefined, onset: Instant, { starts, at, scope }: Facts): boolean {
  return starts
    .filter(({ target }) => target === entity || target === scope)
    .some((start) => onset >= start.at - 5000 && at - start.at <= startupMs);
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

/** More comes in and the fleet works it off: nothing of it is slower for each token. */
function isDemand(anomalies: readonly Anomaly[]): boolean {
  const up = (signal: SignalId): boolean => anomalies.some((one) => one.signal === signal && one.direction === "up");
  return (up("prompt_tokens") || up("finished") || up("generated_tokens")) && !up("preemptions");
}
