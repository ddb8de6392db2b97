// Replicas added and taken away, and machines replaced.
import type { Capacity } from "./action.ts";
import { createNode, type Node } from "./machines.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

/** `replicas` and `nodes` are the fleet's own lists: they grow. */
export function createCapacity(
  world: World,
  replicas: Replica[],
  nodes: Node[],
  create: (index: number) => Replica,
): Capacity {
  const { processes, scenario } = world;
  let machines = nodes.length;

  function grow(count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) {
      let replica = replicas.find(({ state }) => state === "absent");
      if (replica === undefined) {
        replica = create(replicas.length);
        replicas.push(replica);
        replica.host = `gpu-node-${machines++}`;
        nodes.push(createNode(scenario, replica, replica.host));
      }
      replica.state = "starting";
      processes.start(replica, nowMs);
    }
  }

  function shrink(count: number, nowMs: number): void {
    for (const replica of replicas.filter(({ state }) => state !== "absent").slice(-count)) {
      processes.stop(replica, nowMs);
      replica.state = "absent";
    }
  }

  return {
    scale(wanted, nowMs) {
      const now = replicas.filter(({ state }) => state !== "absent").length;
      if (wanted > now) grow(wanted - now, nowMs);
      else if (wanted < now) shrink(now - wanted, nowMs);
    },
    replaceNode(index, nowMs) {
      const replica = replicas[index]!;
      processes.stop(replica, nowMs);
      const name = `gpu-node-${machines++}`;
      Object.assign(nodes[index]!, createNode(scenario, replica, name), { exportersSince: nowMs });
      replica.host = name;
      processes.start(replica, nowMs);
    },
  };
}
