// What is known about an action's target and about actions before it, gathered anew right before each decision.
import type { Action } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { quality } from "../model/series.ts";
import type { Instant } from "../model/time.ts";
import type { Policy } from "./policy.ts";

/** An action that was sent. */
export interface Past {
  /** Of the repair, the same for all its attempts. */
  readonly repair: string;
  readonly target: EntityId;
  readonly domain: EntityId;
  readonly sentAt: Instant;
  /** Not over: sent, accepted or being verified. */
  readonly underWay: boolean;
}

export interface Facts {
  readonly policy: Policy;
  /** Why the kill switch is on, read when the decision is made, not when it was asked for. */
  readonly killed?: string;
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
}

/** How far back a target is looked for; one that was silent for longer is not known. */
const lookBackMs = 15 * 60_000;

/** Rejects when the source does; the caller holds the action then. */
export async function lookAtTarget(action: Action, source: SeriesSource, now: Instant): Promise<TargetFacts> {
  const range = { from: now - lookBackMs, to: now + 1 };
  const canonical = { name: "__name__", op: "=~", value: "llm:.+" } as const;
  const views = await source.select([canonical], range);
  const own = views.filter(({ labels }) => labels["entity"] === action.target || labels["parent"] === action.target);
  let newestAt: Instant | undefined;
  for (const view of own) {
    for (let i = view.length - 1; i >= 0; i--) {
      if (((view.quality?.[i] ?? 0) & (quality.STALE | quality.MISSING | quality.FROZEN)) !== 0) continue;
      newestAt = Math.max(newestAt ?? Number.NEGATIVE_INFINITY, view.times[i]!);
      break;
    }
  }
  const self = own.find(({ labels }) => labels["entity"] === action.target);
  const domain = self?.labels["parent"] ?? (own.length > 0 ? action.target : action.domain);
  const siblings = new Set(
    views.filter(({ labels }) => labels["parent"] === domain).map(({ labels }) => labels["entity"]),
  );
  return { known: own.length > 0, ...(newestAt === undefined ? {} : { newestAt }), domain, siblings: siblings.size };
}
