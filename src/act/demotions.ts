// A policy whose automatic repair did not help on a target asks for approval there, until a person says that it may act again.
import type { Action, LedgerEntry, PolicyOnTarget } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { Demotion } from "../model/ports/act-desk.ts";
import type { Records } from "../model/ports/records.ts";
import type { Instant } from "../model/time.ts";
import type { Ledger } from "./ledger/writer.ts";
import { type Policy, policyFor } from "./policy.ts";
import { effective } from "./repairs.ts";
import { roomAction } from "./room-action.ts";

export interface Demotions {
  /** The policy for the action as it is in force: `auto` is `approve` where it was demoted. */
  policyFor(action: Action): Policy;
  /** After a failed verification of what ran by itself; nothing where it was not `auto`. Written before anything else is. */
  demote(action: Action, reason: string, now: Instant): Promise<readonly LedgerEntry[]>;
  /** Undefined where there is no such demotion. */
  rearm(concerns: PolicyOnTarget, by: string, reason: string, now: Instant): Promise<LedgerEntry | undefined>;
  current(): readonly Demotion[];
  restore(records: Records): Promise<void>;
}

const entriesMax = 1000;

export function createDemotions(policies: readonly Policy[], ledger: Ledger): Demotions {
  const demoted = new Map<string, Demotion>();
  const keyOf = ({ policy, target }: PolicyOnTarget): string => JSON.stringify([policy, target]);

  function inForce(action: Action): Policy {
    const policy = policyFor(action, policies);
    const isDemoted = demoted.has(keyOf({ policy: policy.id, target: action.target }));
    return policy.mode === "auto" && isDemoted ? { ...policy, mode: "approve" } : policy;
  }

  return {
    policyFor: inForce,
    async demote(failed, why, now) {
      const { id, mode } = inForce(failed);
      if (mode !== "auto") return [];
      const concerns = { policy: id, target: failed.target };
      const reason = `${failed.kind} of ${failed.target} did not help (${why}): policy ${id} asks for approval there`;
      const action = about(failed.target, now);
      const entry = await ledger.write({ action, state: "demoted", at: now, by: "verification", reason, concerns });
      demoted.set(keyOf(concerns), { ...concerns, at: now, reason });
      return [entry];
    },
    async rearm(concerns, by, reason, now) {
      if (!demoted.has(keyOf(concerns))) return undefined;
      const action = about(concerns.target, now);
      const entry = await ledger.write({ action, state: "rearmed", at: now, by, reason, concerns });
      demoted.delete(keyOf(concerns));
      return entry;
    },
    current: () => [...demoted.values()],
    async restore(records) {
      const { id } = roomAction("policies", 0);
      for (const { state, concerns, at, reason } of effective(
        await records.list("actions", { id, limit: entriesMax }),
      )) {
        if (concerns === undefined) continue;
        if (state === "demoted") demoted.set(keyOf(concerns), { ...concerns, at, reason });
        else if (state === "rearmed") demoted.delete(keyOf(concerns));
      }
    },
  };
}

function about(target: EntityId, now: Instant): Action {
  return { ...roomAction("policies", now), target };
}
