// One action at a time in a failure domain: two repairs at once cannot be told apart, and may add up to an outage.
import type { Stage } from "../stage.ts";

export const lock: Stage = {
  name: "lock",
  check(_action, { past, target }, now) {
    const other = past.find((one) => one.underWay && one.domain === target.domain);
    if (other === undefined) return { kind: "pass" };
    const reason = `an action on ${other.target} is under way in ${target.domain}`;
    return { kind: "hold", by: "lock", reason, retryAt: now + 10_000 };
  },
};
