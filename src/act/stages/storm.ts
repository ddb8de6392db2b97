// Much that breaks at once has one cause, and it is not the replica that looks worst: nothing automatic then.
import type { Stage } from "../stage.ts";

export const storm: Stage = {
  name: "storm",
  check(_action, { storm: reason, approvers, policy }, now) {
    if (reason === undefined || approvers.length >= policy.approval.quorum) return { kind: "pass" };
    return { kind: "hold", by: "storm", reason: `${reason}: nothing automatic`, retryAt: now + 30_000 };
  },
};
