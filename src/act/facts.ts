// What is known about an action's target and about actions before it, gathered anew right before each decision.
import type { Action } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { quality, type SeriesView } from "../model/series.ts";
import type { Instant } from "../model/time.ts";
import type { Policy } from "./policy.ts";
import type { Window } from "./windows.ts";

/** An action that was sent. */
export interface Past {
  /** Of the repair, the same for all its attempts. */
  readonly repair: string;
  readonly target: EntityId;
  readonly domain: EntityId;
  readonly sentAt: Instant;
  readonly place: Place;
  /** Not over: sent, accepted or being verified. */
  readonly underWay: boolean;
}

/** Where a target runs, as far as known: what fails together. */
export interface Place {
  readonly node?: string;
  readonly zone?: string;
}

export interface Facts {
  readonly policy: Policy;
  /** Why the kill switch is on, read when the decision is made, not when it was asked for. */
  readonly killed?: string;
  /** Why another service acts, and not this one. */
  readonly elsewhere?: string;
  /** Why too much is broken at once for anything automatic. */
  readonly storm?: string;
  readonly windows: readonly Window[];
  readonly place: Place;
  /** Targets of other repairs that are not over. */
  readonly troubled: ReadonlySet<EntityId>;
  /** Who approved exactly this. */
  readonly approvers: readonly string[];
  /** Of this repair. */
  readonly repair: string;
  readonly target: TargetFacts;
  readonly past: readonly Past[];
}

export interface TargetFacts {
  /** Telemetry names it. */
  readonly known: boolean;
  /** Newest usable point of it, or of any of its members. */
  readonly newestAt?: Instant;
  /** Lock: its deployment, or what the action says. */
  readonly domain: EntityId;
  /** Replicas of the domain, itself included; 0 when unknown. */
  readonly siblings: number;
  /** Newest usable point of each of them. */
  readonly newestOf: ReadonlyMap<EntityId, Instant>;
}

/** How far back a target is looked for; one that was silent for longer is not known. */
const lookBackMs = 15 * 60_000;

/** Rejects when the source does; the caller holds the action then. */
export async function lookAtTarget(action: Action, source: SeriesSource, now: Instant): Promise<TargetFacts> {
  const range = { from: now - lookBackMs, to: now + 1 };
  const canonical = { name: "__name__", op: "=~", value: "llm:.+" } as const;
  const views = await source.select([canonical], range);
  const own = views.filter(({ labels }) => labels["entity"] === action.target || labels["parent"] === action.target);
  const newestAt = newestIn(own);
  const self = own.find(({ labels }) => labels["entity"] === action.target);
  const domain = self?.labels["parent"] ?? (own.length > 0 ? action.target : action.domain);
  const byEntity = new Map<EntityId, SeriesView[]>();
  for (const view of views) {
    const { entity = "", parent } = view.labels;
    if (parent === domain) byEntity.set(entity, [...(byEntity.get(entity) ?? []), view]);
  }
  const newestOf = new Map<EntityId, Instant>();
  for (const [entity, series] of byEntity) {
    const newest = newestIn(series);
    if (newest !== undefined) newestOf.set(entity, newest);
  }
  return {
    ...{ known: own.length > 0, domain, siblings: byEntity.size, newestOf },
    ...(newestAt === undefined ? {} : { newestAt }),
  };
}

function newestIn(views: readonly SeriesView[]): Instant | undefined {
  let newestAt: Instant | undefined;
  for (const view of views) {
    for (let i = view.length - 1; i >= 0; i--) {
      if (((view.quality?.[i] ?? 0) & (quality.STALE | quality.MISSING | quality.FROZEN)) !== 0) continue;
      newestAt = Math.max(newestAt ?? Number.NEGATIVE_INFINITY, view.times[i]!);
      break;
    }
  }
  return newestAt;
}
