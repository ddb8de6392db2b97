// Faults within one engine process: they end with the process.
import { defineFault, type FaultKind } from "./define.ts";

export const engineFaults: readonly FaultKind[] = [
  defineFault({
    kind: "engine_hang",
    says: "the engine core blocks for good: processes live, health answers, no token comes",
    targets: ["replica", "deployment"],
    params: {},
    begin({ world, at }, _params, nowMs) {
      for (const replica of world.replicasAt(at)) replica.engine.setHung(true, nowMs);
    },
    end({ world, at }, _params, nowMs) {
      for (const { engine } of world.replicasAt(at)) if (engine.hung) engine.setHung(false, nowMs);
    },
  }),
];
