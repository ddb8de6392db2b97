// What the operator's policy allows: watch, tell, ask, or do.
import type { Stage } from "../stage.ts";

export const mode: Stage = {
  name: "mode",
  check(action, { policy, approvers }) {
    const what = `${action.kind} of ${action.target}`;
    const { quorum } = policy.approval;
    const hold = (reason: string) => ({ kind: "hold", by: "mode", reason }) as const;
    switch (policy.mode) {
      case "observe":
        return hold(`the policy is to observe: would have done ${what}`);
      case "propose":
        return hold(`the policy is to propose only: ${what} is for a person to do`);
      case "approve":
        return approvers.length >= quorum
          ? { kind: "pass" }
          : hold(`${what} waits for approval (${approvers.length} of ${quorum})`);
      case "auto":
        return { kind: "pass" };
    }
  },
};
