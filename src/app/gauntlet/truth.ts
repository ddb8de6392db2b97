// Where a scenario's root is, in the names its telemetry gives: what counts as the right place of a diagnosis.
import { createTopology } from "../../diagnose/topology.ts";
import { type Entity, type EntityId, type EntityKind, entityId } from "../../model/entity.ts";
import type { Scenario } from "../../simulate/scenario.ts";
import { parseTarget } from "../../simulate/targets.ts";

/**
 * A component and what is one with it: a replica, its container and the GPUs and node that only it uses. A deployment is only itself.
 * Empty for null, and for what no telemetry is about.
 */
export function placesOf(
  component: string | null,
  scenario: Scenario,
  entities: readonly Entity[],
): readonly EntityId[] {
  if (component === null) return [];
  const target = parseTarget(component, scenario);
  if (typeof target === "string") return [];
  const topology = createTopology();
  topology.update(entities);
  const own = ownPlaces(target, scenario, entities);
  const kinds: readonly EntityKind[] = ["replica", "container", "gpu", "node"];
  const near = own
    .filter((id) => !id.startsWith("deployment:") && !id.startsWith("service:"))
    .flatMap((id) => kinds.flatMap((kind) => topology.related(id, kind)));
  const sole = near.filter((id) => topology.related(id, "replica").length <= 1);
  return [...new Set([...own, ...sole])];
}

function ownPlaces(
  target: Exclude<ReturnType<typeof parseTarget>, string>,
  scenario: Scenario,
  entities: readonly Entity[],
): readonly EntityId[] {
  const { kind, index, gpu } = target;
  switch (kind) {
    case "replica":
      return [entityId("replica", `vllm-${index}`)];
    case "node":
      return [entityId("node", `gpu-node-${index}`)];
    case "gpu": {
      const onNode = entities.filter((one) => one.kind === "gpu" && one.parent === `node:gpu-node-${index}`);
      // Numbered by their place on the bus, as the driver numbers them.
      const pci = (one: Entity): string => one.place?.["pci"] ?? one.id;
      const one = onNode.toSorted((a, b) => (pci(a) < pci(b) ? -1 : 1))[gpu ?? 0];
      return [one?.id ?? entityId("node", `gpu-node-${index}`)];
    }
    case "deployment":
    case "cluster":
      return [entityId("deployment", scenario.deployment)];
    default:
      return entities.filter((one) => one.kind === "service").map(({ id }) => id);
  }
}
