// What telemetry is about: a replica of an engine, a deployment, a node, a GPU, a container, an application.
import type { Labels } from "./labels.ts";

/** A `container` is one of a pod; a `service` is an application that calls models, or a gateway before them. */
export const entityKinds = ["replica", "deployment", "node", "gpu", "container", "service"] as const;
export type EntityKind = (typeof entityKinds)[number];

/** `<kind>:<name>`, for example `replica:vllm-2`. Stable across restarts of the thing it names. */
export type EntityId = string;

export interface Entity {
  readonly id: EntityId;
  readonly kind: EntityKind;
  readonly name: string;
  /** What it belongs to: a replica's deployment, a GPU's node. Siblings share a parent. */
  readonly parent?: EntityId;
  /** Identifying facts: engine, model, version, namespace. */
  readonly labels: Labels;
  /** Where it is, as its telemetry says: `node`, `pod`, `pci` (bus id of a GPU), `deployment`. No labels of any series. */
  readonly place?: Labels;
}

export function entityId(kind: EntityKind, name: string): EntityId {
  return `${kind}:${name}`;
}
