// One executor: where another service holds the lease, that one acts.
import type { Stage } from "../stage.ts";

export const executor: Stage = {
  name: "executor",
  check(_action, { elsewhere }, now) {
    if (elsewhere === undefined) return { kind: "pass" };
    return { kind: "hold", by: "executor", reason: elsewhere, retryAt: now + 10_000 };
  },
};
