// Acts only on what telemetry knows: a name that appears nowhere else is a mistake or an attack.
import type { Stage } from "../stage.ts";

export const knownTarget: Stage = {
  name: "known-target",
  check(action, { target }, now) {
    if (target.known) return { kind: "pass" };
    return { kind: "hold", by: "known-target", reason: `no telemetry names ${action.target}`, retryAt: now + 30_000 };
  },
};
