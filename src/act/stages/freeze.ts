// Change freezes hold everything, and some repairs are for maintenance windows only.
import type { Stage } from "../stage.ts";
import { isOpen, whyFrozen } from "../windows.ts";

export const freeze: Stage = {
  name: "freeze",
  check(action, { windows, policy }, now) {
    const frozen = whyFrozen(windows, action.target, now);
    const hold = (reason: string) => ({ kind: "hold", by: "freeze", reason, retryAt: now + 30_000 }) as const;
    if (frozen !== undefined) return hold(frozen);
    if (policy.onlyIn.length === 0 || windows.some((one) => policy.onlyIn.includes(one.id) && isOpen(one, now)))
      return { kind: "pass" };
    return hold(`policy ${policy.id} runs in the maintenance windows ${policy.onlyIn.join(", ")} only`);
  },
};
