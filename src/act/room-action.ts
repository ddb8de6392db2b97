// What an entry of the ledger is about when it is about no repair: the room itself.
import type { Action } from "../model/action.ts";
import type { Instant } from "../model/time.ts";

export type RoomTopic = "switch" | "doors" | "policies";

/** No repair has such an id, and nothing can send it. */
export function roomAction(topic: RoomTopic, now: Instant): Action {
  const id = `room:${topic}`;
  return {
    ...{ id, kind: "none", target: id, domain: id, probability: 1, parameters: {}, safety: "N", verify: [], why: "" },
    idempotencyKey: id,
    proposedAt: now,
  };
}
