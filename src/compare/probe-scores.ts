// Scores of probes, by the side whose replica was probed.
import type { Entity } from "../model/entity.ts";
import { type Labels, METRIC_NAME } from "../model/labels.ts";
import type { StoredRequest } from "../model/ports/request-history.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { tenantOf } from "../model/tenant.ts";
import type { TimeRange } from "../model/time.ts";
import type { ProbeScores } from "./measures.ts";
import { claim, type Owner, ownerKey } from "./owners.ts";
import { passes, type Side } from "./side.ts";

const windowMs = 30 * 60_000;

/**
 * One score for each minute, probe and replica of the last half hour, of replicas that had requests of one side alone in it, or
 * none and are of one side by what is known of them.
 */
export async function probeScores(
  { probes, entities }: { readonly probes: SeriesSource; readonly entities: () => readonly Entity[] },
  sides: readonly [Side, Side],
  requests: readonly StoredRequest[],
  { from, to }: TimeRange,
): Promise<readonly ProbeScores[]> {
  const range = { from: Math.max(from, to - windowMs), to };
  const owners = new Map<string, Owner>();
  for (const { replica, isB, at } of requests) if (at >= range.from) claim(owners, replica, isB);
  for (const entity of entities().filter(({ kind, name }) => kind === "replica" && !owners.has(name)))
    for (const [i, side] of sides.entries()) if (isOf(side, entity)) claim(owners, entity.name, i === 1);
  const scores = new Map<string, ProbeScores>();
  const views = await probes.select([{ name: METRIC_NAME, op: "=", value: "probe_quality_score" }], range);
  for (const { labels, length, times, values } of views) {
    const replica = (labels["entity"] ?? "").replace(/^\w+:/, "");
    const owner = owners.get(replica);
    if (owner === undefined || owner === "both") continue;
    const probe = labels["probe"] ?? "";
    for (let i = 0; i < length; i++) {
      const [at, score] = [times[i] as number, values[i] as number];
      if (score >= 0 && score <= 1)
        scores.set(`${probe} ${ownerKey(at, replica)}`, { isB: owner === "b", probe, replica, at, score });
    }
  }
  return [...scores.values()];
}

function isOf({ query }: Side, entity: Entity): boolean {
  const tenant = tenantOf(entity.id);
  return (query.tenants === undefined || query.tenants.includes(tenant)) && passes(query.tests, {}, factsOf(entity));
}

/** What is known of a replica, under the names its telemetry has for it. */
function factsOf({ id, name, parent, labels, place }: Entity): Labels {
  const own = (text: string | undefined): string =>
    text?.startsWith(`${tenantOf(id)}~`) ? text.slice(text.indexOf("~") + 1) : (text ?? "");
  const deployment = place?.["deployment"] ?? "";
  return {
    "service.instance.id": own(name),
    "service.version": labels["version"] ?? "",
    model: labels["model"] ?? "",
    "k8s.node.name": place?.["node"] ?? "",
    "k8s.pod.name": place?.["pod"] ?? "",
    "k8s.namespace.name": labels["namespace"] ?? "",
    "k8s.deployment.name": deployment,
    // Without a deployment of its own a replica belongs to its service.
    "service.name": deployment === "" ? own(parent?.replace(/^\w+:/, "")) : "",
  };
}
