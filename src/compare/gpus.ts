// Which GPUs are where, as their own metrics tell.
import type { Entity } from "../model/entity.ts";
import { byText } from "../promql/order.ts";

export interface GpuBook {
  /** Models, by name. */
  models(): readonly string[];
  /** Names of nodes with a GPU of that model; part of its name is enough, in any case. */
  nodesWith(model: string): readonly string[];
  /** Models on a node; empty if nothing tells. */
  on(node: string): readonly string[];
  /** GPUs a replica has: those of its pod, or its share of those of its node. Undefined if nothing tells. */
  of(replica: string): number | undefined;
}

export function createGpuBook(entities: readonly Entity[]): GpuBook {
  const gpus = entities.filter(({ kind }) => kind === "gpu");
  const nodeOf = ({ place, parent }: Entity): string => place?.["node"] ?? parent?.replace(/^node:/, "") ?? "";
  const modelOf = ({ labels }: Entity): string => labels["model"] ?? "";
  const byReplica = new Map(entities.filter(({ kind }) => kind === "replica").map((one) => [one.name, one]));
  const replicasOn = (node: string): number =>
    [...byReplica.values()].filter(({ place }) => place?.["node"] === node).length;

  return {
    models: () => [...new Set(gpus.map(modelOf))].filter((model) => model !== "").toSorted(byText),
    nodesWith(model) {
      const wanted = model.toLowerCase();
      const found = gpus.filter((gpu) => modelOf(gpu).toLowerCase().includes(wanted));
      return [...new Set(found.map(nodeOf))].filter((node) => node !== "");
    },
    on: (node) => [...new Set(gpus.filter((gpu) => nodeOf(gpu) === node).map(modelOf))].filter((model) => model !== ""),
    of(replica) {
      const place = byReplica.get(replica)?.place;
      const pod = place?.["pod"] ?? replica;
      const own = gpus.filter((gpu) => gpu.place?.["pod"] === pod).length;
      if (own > 0) return own;
      const node = place?.["node"];
      if (node === undefined) return undefined;
      const share = gpus.filter((gpu) => nodeOf(gpu) === node).length / Math.max(1, replicasOn(node));
      return share >= 1 ? share : undefined;
    },
  };
}
