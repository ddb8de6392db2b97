// What repairs put back to where it was: the gateway's policy, an application's prompts, data on shared storage.
import { createPolicy } from "./gateway-policy.ts";
import { createSurroundings } from "./surroundings.ts";
import { createTraffic } from "./traffic.ts";
import type { World } from "./world.ts";

export function resetPolicy({ gateway: { policy }, scenario }: World): void {
  const { weights, ...rest } = createPolicy(scenario);
  policy.weights.set(weights);
  Object.assign(policy, rest);
}

/** What an application asks, but not how many ask. */
export function resetPrompts({ traffic, surroundings }: World): void {
  const { rateFactor } = traffic;
  Object.assign(traffic, createTraffic(), { rateFactor });
  const { dimensionShare, loopsPerSecond, guardrailOpen } = createSurroundings().apps;
  Object.assign(surroundings.apps, { dimensionShare, loopsPerSecond, guardrailOpen });
}

/** Weights fetched anew, compiled kernels thrown away, the index built anew, left-over files deleted. */
export function repairData({ surroundings: { storage, apps }, nodes }: World): void {
  storage.weightsCorrupt = false;
  storage.cachePoisoned = false;
  apps.emptyShare = 0;
  apps.dimensionShare = 0;
  apps.indexAgeSeconds = 0;
  for (const node of nodes) node.diskUsedShare = Math.min(node.diskUsedShare, 0.5);
}
