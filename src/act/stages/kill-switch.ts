// The one switch that stops everything.
import type { Stage } from "../stage.ts";

export const killSwitch: Stage = {
  name: "kill-switch",
  check(_action, { killed }, now) {
    if (killed === undefined) return { kind: "pass" };
    return { kind: "hold", by: "kill-switch", reason: killed, retryAt: now + 10_000 };
  },
};
