// Some actions are never automatic, whatever the policy says: the catalogue's safety class.
import type { Stage } from "../stage.ts";

export const safety: Stage = {
  name: "safety",
  check(action, { policy, approvers }) {
    if (action.safety === "N" && action.kind !== "notify") {
      return { kind: "hold", by: "safety", reason: `${action.kind} is of class N: people are told, nothing is done` };
    }
    if (action.safety === "C" && approvers.length < policy.approval.quorum) {
      return { kind: "hold", by: "safety", reason: `${action.kind} is of class C: it needs the approval of a person` };
    }
    return { kind: "pass" };
  },
};
