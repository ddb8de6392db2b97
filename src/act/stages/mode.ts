// What the operator's policy allows: watch, tell, ask, or do.
import type { Stage } from "../stage.ts";

export const mode: Stage = {
  name: "mode",
  check(action, { policy, approvedBy }) {
    const what = `${action.kind} of ${action.target}`;
    const hold = (reason: string) => ({ kind: "hold", by: "mode", reason }) as const;
    switch (policy.mode) {
      case "observe":
        return hold(`the policy is to observe: would have done ${what}`);
      case "propose":
        return hold(`the policy is to propose only: ${what} is for a person to do`);
      case "approve":
        return approvedBy === undefined ? hold(`${what} waits for approval`) : { kind: "pass" };
      case "auto":
        return { kind: "pass" };
    }
  },
};
