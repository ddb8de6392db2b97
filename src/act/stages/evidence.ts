// Acts only on a diagnosis that is likely enough, and only with a way to tell whether it helped.
import type { Stage } from "../stage.ts";

export const evidence: Stage = {
  name: "evidence",
  check(action, { policy }) {
    if (!(action.probability >= policy.minProbability)) {
      const reason = `probability ${action.probability.toFixed(2)} is below ${policy.minProbability}`;
      return { kind: "hold", by: "evidence", reason };
    }
    const kinds = action.evidence?.kinds ?? [];
    if (kinds.length < policy.minEvidence) {
      const reason = `${kinds.length} kinds of evidence speak for it (${kinds.join(", ")}), ${policy.minEvidence} have to`;
      return { kind: "hold", by: "evidence", reason };
    }
    if (action.verify.length === 0 && action.kind !== "notify") {
      return { kind: "hold", by: "evidence", reason: "there is no check that would show whether it helped" };
    }
    return { kind: "pass" };
  },
};
