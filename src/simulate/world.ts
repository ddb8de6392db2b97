// All that faults may touch: the parts of a fleet and what surrounds it.
import type { Actions } from "./actions.ts";
import type { Gateway } from "./gateway.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";
import type { Target } from "./targets.ts";
import type { Timeline } from "./timeline.ts";

export interface World {
  readonly scenario: Scenario;
  readonly timeline: Timeline;
  readonly replicas: readonly Replica[];
  readonly gateway: Gateway;
  readonly actions: Actions;
  /** Those a target stands for: one, those of a node or GPU, or all. */
  replicasAt(target: Target): readonly Replica[];
}
