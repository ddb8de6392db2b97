// What belongs to what and runs where: replicas and deployments, pods, nodes and GPUs, read off what entities say of themselves.
import { type Entity, type EntityId, type EntityKind, entityId } from "../model/entity.ts";
import type { LogRecord } from "../model/ports/log-source.ts";

export interface Topology {
  /** Whole again at each step: entities that left are forgotten with it. */
  update(entities: readonly Entity[]): void;
  /** What trouble of an entity is trouble of: its deployment; that of what runs on it if that is one; else itself. */
  scopeOf(entity: EntityId): EntityId;
  /** Known entities of a scope, in the order of their ids; the scope itself is one, and what its replicas run on and in. */
  members(scope: EntityId): readonly EntityId[];
  /** Entities of a kind that an entity is part of, runs on, or consists of; itself where the kind is its own. */
  related(entity: EntityId, kind: EntityKind): readonly EntityId[];
  /** Whom a log record speaks of: the replica, container and GPU it names, and the node it comes from. */
  namedBy(record: LogRecord): readonly EntityId[];
}

const none: readonly EntityId[] = [];
const nodeKeys = ["k8s.node.name", "host.name", "node", "hostname"];
const podKeys = ["k8s.pod.name", "pod"];
/** As the GPU driver writes it into the kernel's log. */
const inBody = /(?:PCI:|GPU )([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})/;
const replicaKeys = ["service.instance.id", "k8s.pod.name", "instance"];

/**
 * A GPU belongs to the replica of its pod, or to that of its node if only one is there. Services (gateways and applications) are
 * related to every deployment: who calls whom is not read off spans here.
 */
export function createTopology(): Topology {
  let known = new Map<EntityId, Entity>();
  let links = new Map<EntityId, Set<EntityId>>();
  let scopes = new Map<EntityId, EntityId>();
  let byScope = new Map<EntityId, EntityId[]>();
  /** `node:…`, `pod:…` and `pci:…` as logs write them, to entities. */
  let names = new Map<string, EntityId[]>();
  let seen: readonly Entity[] = [];

  const of = (kind: EntityKind): Entity[] => [...known.values()].filter((entity) => entity.kind === kind);

  function link(a: EntityId, b: EntityId): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const others = links.get(from) ?? new Set();
      others.add(to);
      links.set(from, others);
    }
  }

  function name(key: string, entity: EntityId): void {
    const others = names.get(key) ?? [];
    if (!others.includes(entity)) others.push(entity);
    names.set(key, others);
  }

  function place(): void {
    const replicas = of("replica");
    const byPod = grouped(replicas, (one) => one.place?.["pod"] ?? one.name);
    const byNode = grouped(replicas, (one) => one.place?.["node"]);
    for (const one of replicas) {
      name(`replica:${one.name}`, one.id);
      if (one.place?.["pod"] !== undefined) name(`pod:${one.place["pod"]}`, one.id);
      if (one.parent !== undefined) link(one.id, one.parent);
    }
    for (const node of of("node")) {
      name(`node:${node.name}`, node.id);
      for (const replica of byNode.get(node.name) ?? []) link(replica.id, node.id);
    }
    for (const gpu of of("gpu")) {
      const node = gpu.place?.["node"] ?? "";
      if (gpu.parent !== undefined) link(gpu.id, gpu.parent);
      if (gpu.place?.["pci"] !== undefined) name(`pci:${node}/${busId(gpu.place["pci"])}`, gpu.id);
      const onNode = byNode.get(node) ?? [];
      const users = byPod.get(gpu.place?.["pod"] ?? "") ?? (onNode.length === 1 ? onNode : []);
      for (const replica of users) link(replica.id, gpu.id);
    }
    for (const container of of("container")) {
      const pod = container.place?.["pod"];
      if (pod !== undefined) name(`pod:${pod}`, container.id);
      for (const replica of byPod.get(pod ?? "") ?? []) link(replica.id, container.id);
      if (container.parent !== undefined) link(container.id, container.parent);
    }
  }

  function findScope(entity: Entity): EntityId {
    if (entity.kind === "replica" || entity.kind === "container") return entity.parent ?? entity.id;
    const users = near(entity.id, "replica");
    const owners = new Set(users.map((id) => known.get(id)?.parent ?? id));
    if (owners.size === 1) return [...owners][0]!;
    if (owners.size === 0 && entity.parent !== undefined && entity.kind === "gpu") {
      const node = known.get(entity.parent);
      return node === undefined ? entity.parent : findScope(node);
    }
    return entity.id;
  }

  function near(entity: EntityId, kind: EntityKind): readonly EntityId[] {
    return [...(links.get(entity) ?? none)].filter((id) => kindOf(id) === kind);
  }

  return {
    update(entities) {
      // The same list of the same entities: nothing moved.
      if (entities.length === seen.length && entities.every((entity, i) => entity === seen[i])) return;
      seen = entities;
      known = new Map([...impliedNodes(entities), ...entities].map((entity) => [entity.id, entity]));
      links = new Map();
      scopes = new Map();
      byScope = new Map();
      names = new Map();
      place();
      for (const entity of known.values()) {
        const scope = findScope(entity);
        scopes.set(entity.id, scope);
        byScope.set(scope, [...(byScope.get(scope) ?? [scope]), ...(entity.id === scope ? [] : [entity.id])]);
      }
      for (const members of byScope.values()) members.sort();
    },
    scopeOf: (entity) => scopes.get(entity) ?? known.get(entity)?.parent ?? entity,
    members: (scope) => byScope.get(scope) ?? none,
    related(entity, kind) {
      if (kindOf(entity) === kind) return [entity];
      const direct = near(entity, kind);
      if (direct.length > 0) return direct;
      if (kind === "service") return of("service").map(({ id }) => id);
      if (kindOf(entity) === "service") return of(kind).map(({ id }) => id);
      // By way of the replicas: a deployment's GPUs, a GPU's deployment, a container's node.
      return [...new Set(near(entity, "replica").flatMap((replica) => near(replica, kind)))];
    },
    namedBy({ resource, attributes, body }) {
      const say = (keys: readonly string[]): string | undefined =>
        keys.map((key) => attributes[key] || resource[key]).find((value) => value !== undefined && value !== "");
      const node = say(nodeKeys);
      const pod = say(podKeys);
      const instance = say(replicaKeys);
      const pci = say(["pci", "pci_bus_id", "gpu.pci"]) ?? inBody.exec(body)?.[1];
      return [
        ...(instance === undefined ? none : (names.get(`replica:${instance}`) ?? none)),
        ...(pod === undefined ? none : (names.get(`pod:${pod}`) ?? none)),
        ...(pci === undefined ? none : (names.get(`pci:${node ?? ""}/${busId(pci)}`) ?? none)),
        ...(node === undefined ? none : (names.get(`node:${node}`) ?? none)),
      ];
    },
  };
}

export function kindOf(entity: EntityId): string {
  return entity.slice(0, entity.indexOf(":"));
}

/** `00000000:9B:00.0` and `0000:9b:00` are one place. */
export function busId(text: string): string {
  const parts = text.toLowerCase().replace(/\.\d$/, "").split(":");
  return parts.slice(-2).join(":");
}

/** Nodes that replicas and GPUs say they are on, though nothing else tells of them. */
function impliedNodes(entities: readonly Entity[]): readonly Entity[] {
  const names = new Set(entities.flatMap(({ kind, place }) => (kind === "service" ? [] : (place?.["node"] ?? []))));
  return [...names].map((name) => ({ id: entityId("node", name), kind: "node", name, labels: {} }));
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key) ?? [];
    group.push(item);
    groups.set(key, group);
  }
  return groups;
}
