// An open incident and what is thought of it so far.
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { Diagnosis, Incident, RankedCause } from "../model/incident.ts";
import type { Instant } from "../model/time.ts";
import { createRecall, type Recall } from "./recall.ts";

export interface Open {
  incident: Incident;
  diagnosis: Diagnosis | undefined;
  changes: readonly ChangeEvent[] | undefined;
  /** Since when nothing was wrong any more. */
  quietSince: Instant | undefined;
  /** Most symptoms at once so far: fewer means that it is getting better. */
  peak: number;
  /** Whether it rests on a suspicion; all else is ranked at every step anyway, and over when its symptoms are. */
  readonly isSuspicion: boolean;
  /** When each entity's first symptom began. */
  readonly onsets: Map<EntityId, Instant>;
  /** What it was shown. */
  readonly recall: Recall;
}

/** How long trouble that began later elsewhere is taken for a consequence of what was diagnosed. */
const consequenceMs = 10 * 60_000;

export function opened(incident: Incident): Open {
  return {
    incident,
    diagnosis: undefined,
    changes: undefined,
    quietSince: undefined,
    peak: 0,
    isSuspicion: false,
    onsets: new Map(),
    recall: createRecall(),
  };
}

/** Siblings that take over the load get into trouble of their own: a cause does not come after its effect. */
export function isConsequence(
  { diagnosis, incident, onsets }: Open,
  causes: readonly RankedCause[],
  at: Instant,
): boolean {
  const before = diagnosis?.causes[0];
  const top = causes[0];
  if (before === undefined || top === undefined || before.failureMode === top.failureMode) return false;
  const began = (entity: EntityId): Instant => onsets.get(entity) ?? Number.POSITIVE_INFINITY;
  return at - incident.openedAt < consequenceMs && began(top.location) > began(before.location);
}
