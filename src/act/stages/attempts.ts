// A repair that did not help is not repeated for ever.
import type { Stage } from "../stage.ts";

const dayMs = 24 * 3_600_000;

export const attempts: Stage = {
  name: "attempts",
  check(action, { past, policy, repair }, now) {
    const tries = past.filter((one) => one.repair === repair && now - one.sentAt < dayMs).length;
    if (tries < policy.attempts) return { kind: "pass" };
    return { kind: "hold", by: "attempts", reason: `${action.kind} was tried ${tries} times for this incident` };
  },
};
