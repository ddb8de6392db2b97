// What faults and actions are aimed at: `replica:2`, `node:1`, `gpu:2/0`, `deployment`, `gateway`, `tenant:x`, `app:rag`, `cluster`.
import type { Scenario } from "./scenario.ts";

const kinds = ["replica", "deployment", "node", "gpu", "gateway", "tenant", "app", "cluster"] as const;
export type TargetKind = (typeof kinds)[number];

export interface Target {
  readonly kind: TargetKind;
  /** Number of the replica or node. */
  readonly index?: number;
  /** Number of the GPU on its node. */
  readonly gpu?: number;
  /** Of a tenant or an application. */
  readonly name?: string;
}

/** How a target of each kind is written. */
export const targetForms: Readonly<Record<TargetKind, string>> = {
  replica: "replica:N",
  deployment: "deployment",
  node: "node:N",
  gpu: "gpu:NODE/N",
  gateway: "gateway",
  tenant: "tenant:NAME",
  app: "app:CLASS",
  cluster: "cluster",
};

type Layout = Pick<Scenario, "replicas" | "gpusPerNode" | "tp" | "deployment">;

/** The target a text names in such a fleet, or what is wrong with the text. Replicas and nodes count from 0. */
export function parseTarget(text: string, layout: Layout, allowed: readonly TargetKind[] = kinds): Target | string {
  const colon = text.indexOf(":");
  const word = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  const kind = kinds.find((each) => each === word);
  const forms = allowed.map((each) => targetForms[each]).join(", ");
  if (kind === undefined || !allowed.includes(kind)) return `"${text}" is no target here; write ${forms}`;
  switch (kind) {
    case "deployment":
      return rest === "" || rest === layout.deployment
        ? { kind }
        : `no such target ${text}; the deployment is ${layout.deployment}`;
    case "gateway":
    case "cluster":
      return rest === "" ? { kind } : `"${text}": there is only one ${kind}; write ${kind}`;
    case "tenant":
    case "app":
      return rest === "" ? `"${text}" needs a name; write ${targetForms[kind]}` : { kind, name: rest };
    case "gpu": {
      const [node, gpu] = rest.split("/").map(numberOf);
      const index = within(node, layout.replicas);
      const place = within(gpu, gpusOf(layout));
      if (index !== undefined && place !== undefined) return { kind, index, gpu: place };
      return `no such target ${text}; nodes are 0 to ${layout.replicas - 1}, each with GPUs 0 to ${gpusOf(layout) - 1}`;
    }
    case "replica":
    case "node": {
      const index = within(numberOf(rest.replace(/^(vllm|gpu-node)-/, "")), layout.replicas);
      if (index !== undefined) return { kind, index };
      return `no such target ${text}; ${kind}s are ${kind}:0 to ${kind}:${layout.replicas - 1}`;
    }
  }
}

/** The entity as telemetry names it: `replica:vllm-2`, `deployment:vllm-chat`, `node:gpu-node-1`. */
export function entityOf({ kind, index, gpu, name }: Target, { deployment }: Pick<Layout, "deployment">): string {
  switch (kind) {
    case "replica":
      return `replica:vllm-${index}`;
    case "node":
      return `node:gpu-node-${index}`;
    case "gpu":
      return `gpu:gpu-node-${index}/${gpu}`;
    case "deployment":
      return `deployment:${deployment}`;
    case "gateway":
      return "service:gateway";
    case "cluster":
      return "cluster";
    default:
      return `${kind}:${name}`;
  }
}

/** GPUs of one node. */
export function gpusOf({ gpusPerNode, tp }: Pick<Layout, "gpusPerNode" | "tp">): number {
  return Math.max(gpusPerNode, tp);
}

function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

function within(value: number | undefined, count: number): number | undefined {
  return value !== undefined && value >= 0 && value < count ? value : undefined;
}
