// Looking without being called: the catalogue itself tells that something is wrong, where no rule and no detector did yet.
import type { Alert } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import { stableId } from "../model/ids.ts";
import type { RankedCause } from "../model/incident.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { kindOf } from "./topology.ts";
import { sentence } from "./words.ts";

export interface Suspicion {
  /** Whether the catalogue should be looked through for this scope now. */
  isDue(scope: EntityId, at: Instant): boolean;
  /** Whether all of it should be, though nothing was changed: the larger the fleet, the more seldom. Counts as done. */
  beginThorough(replicas: number, at: Instant): boolean;
  /** Takes what was found in the scope; `felt`: tokens come outright later there than minutes before, and no more of them. */
  take(scope: EntityId, causes: readonly RankedCause[], at: Instant, felt?: boolean): void;
  /** Suspicions that held: alerts of the catalogue's own, for as long as they do. */
  alerts(at: Instant): readonly Alert[];
  /** Those of them that began or were over since the last call, these as inactive. */
  news(at: Instant): readonly Alert[];
  /** Those told as firing, for after a restart; `tell` takes them back before the first step. */
  told(): readonly Alert[];
  tell(alerts: readonly Alert[]): void;
  forget(scopes: ReadonlySet<EntityId>): void;
}

/** Alerts of this group are conclusions of the catalogue: no evidence for it. */
export const suspicionGroup = "catalogue";

const everyMs: DurationMs = 15_000;
/** What is gone at the next look was a flicker; a symptom that was seen counts for a minute, so longer holding tells no more. */
const holdMs: DurationMs = 15_000;
/** What was just changed was started anew, and is slow and cold for a while. */
const holdChangedMs: DurationMs = 60_000;
/** Evidence flickers as well as trouble does. */
const keepMs: DurationMs = 60_000;
/** So much must be left for failures of any kind, and half of all for the one named. */
const sure = 0.9;
/** The same where nothing but comparisons speak. */
export const allButCertain = 0.985;
const likeliest = 0.5;
/** Tokens that come outright later, and no more of them, are so many times likelier with some failure than with none. */
const feltRatio = 20;
/** All the catalogue's questions take some milliseconds a replica: so far apart they cost about a hundredth of a core. */
const perReplicaMs: DurationMs = 150;
/** Changes after which the whole catalogue is looked through. */
export const suspectKinds: ReadonlySet<string> = new Set(["deploy", "config", "model"]);
/** A log symptom so many times likelier with its mode than without says it outright. */
const outrightFrom = 8;
const hardware: ReadonlySet<string> = new Set(["gpu", "node"]);

interface Held {
  readonly cause: RankedCause;
  readonly since: Instant;
  readonly seenAt: Instant;
}

/**
 * Detectors need a past before they say anything, and rules wait. A cause is suspected if it is a failure, held over several looks, and
 * is all but sure: on what a change set off, a log record says or hardware tells of itself; on comparisons alone only if next to
 * nothing is left for "none of them" (whichever failure it is).
 */
export function createSuspicion(modes: readonly FailureMode[]): Suspicion {
  const failures = new Set(modes.filter(({ severity }) => severity !== "info").map(({ id }) => id));
  const held = new Map<EntityId, Held>();
  const looked = new Map<EntityId, Instant>();
  let told = new Map<string, Alert>();
  let thoroughAt = Number.NEGATIVE_INFINITY;

  return {
    isDue(scope, at) {
      const last = looked.get(scope);
      return last === undefined || at - last >= everyMs || at < last;
    },
    beginThorough(replicas, at) {
      if (at >= thoroughAt && at - thoroughAt < Math.max(everyMs, replicas * perReplicaMs)) return false;
      thoroughAt = at;
      return true;
    },
    take(scope, causes, at, felt = false) {
      looked.set(scope, at);
      const top = causes[0];
      const before = held.get(scope);
      const failing = causes.reduce((sum, one) => sum + (failures.has(one.failureMode) ? one.probability : 0), 0);
      if (top !== undefined && failures.has(top.failureMode) && isSound(top, felt ? whenFelt(failing) : failing)) {
        // Which failure it is may be thought better of; that it is one has to hold.
        held.set(scope, { cause: top, since: before?.since ?? at, seenAt: at });
      } else if (before !== undefined && at - before.seenAt > keepMs) held.delete(scope);
    },
    alerts,
    news(at) {
      const now = new Map(alerts(at).map((alert) => [alert.id, alert]));
      const began = [...now.values()].filter(({ id }) => !told.has(id));
      const over = [...told.values()].filter(({ id }) => !now.has(id));
      told = now;
      return [...began, ...over.map((alert): Alert => ({ ...alert, state: "inactive", resolvedAt: at }))];
    },
    told: () => [...told.values()],
    tell(alerts) {
      told = new Map(alerts.map((alert) => [alert.id, alert]));
    },
    forget(scopes) {
      for (const map of [held, looked]) for (const scope of map.keys()) if (!scopes.has(scope)) map.delete(scope);
    },
  };

  function alerts(at: Instant): readonly Alert[] {
    return [...held]
      .filter(([, { cause, since, seenAt }]) => {
        const hold = cause.trigger === undefined ? holdMs : holdChangedMs;
        return seenAt - since >= hold && at - seenAt <= keepMs;
      })
      .map(alertOf);
  }
}

/** Modes that something says outright, hardware of itself or a log: looked for at every look, whatever the size of the fleet. */
export function tellsOfItself({ at, symptoms }: FailureMode): boolean {
  return (
    at.some((kind) => hardware.has(kind)) ||
    symptoms.some(({ source, present }) => source.kind === "log" && present >= outrightFrom)
  );
}

/** Whether it is worth asking how sure one may be of it. */
export function isLikely(cause: RankedCause | undefined): boolean {
  return cause !== undefined && cause.probability >= likeliest;
}

function isSound({ probability, trigger, location, for: evidence }: RankedCause, failing: number): boolean {
  if (evidence.filter(({ kind }) => kind !== "alert").length < 2) return false;
  const outright =
    trigger !== undefined || hardware.has(kindOf(location)) || evidence.some(({ kind }) => kind === "log");
  return probability >= likeliest && failing >= (outright ? sure : allButCertain);
}

/** What is left for failures once it is known that somebody feels something. */
function whenFelt(failing: number): number {
  return (failing * feltRatio) / (failing * feltRatio + 1 - failing);
}

function alertOf([scope, { cause, since }]: readonly [EntityId, Held]): Alert {
  const { failureMode, location, title, probability } = cause;
  return {
    id: stableId("suspicion", scope, failureMode, since),
    rule: "FailureModeLikely",
    group: suspicionGroup,
    state: "firing",
    labels: { failure_mode: failureMode, entity: location },
    annotations: { summary: sentence(`${title.toLowerCase()} is all but sure`, location, probability) },
    failureMode,
    entity: location,
    activeAt: since,
    value: probability,
  };
}
