// All that faults may touch: the parts of a fleet and what surrounds it.
import type { Actions, Change } from "./action.ts";
import type { Gateway } from "./gateway.ts";
import type { LogLine } from "./log-lines.ts";
import type { Gpu, Node } from "./machines.ts";
import type { Processes } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Requests } from "./requests.ts";
import type { Scenario } from "./scenario.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Target } from "./targets.ts";
import type { Timeline } from "./timeline.ts";
import type { Traffic } from "./traffic.ts";

export interface World {
  readonly scenario: Scenario;
  readonly timeline: Timeline;
  readonly requests: Requests;
  readonly replicas: readonly Replica[];
  readonly nodes: readonly Node[];
  readonly gateway: Gateway;
  readonly actions: Actions;
  readonly processes: Processes;
  readonly traffic: Traffic;
  readonly surroundings: Surroundings;
  /** For what faults draw. */
  readonly random: Random;
  /** Those a target stands for: one, those of a node or GPU, or all. */
  replicasAt(target: Target): readonly Replica[];
  nodesAt(target: Target): readonly Node[];
  /** GPUs in use, of a replica or node; or the one. */
  gpusAt(target: Target): readonly Gpu[];
  log(replica: Replica, severity: LogLine["severity"], body: string, logger: string, atMs: number): void;
  kernel(node: Node, body: string, atMs: number): void;
  /** An event of Kubernetes about a pod or node. */
  event(about: string, reason: string, message: string, atMs: number): void;
  change(change: Change): void;
}
