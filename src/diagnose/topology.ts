// What belongs to what and runs where: replicas and deployments, pods, nodes and GPUs, read off what entities say of themselves.
import { type Entity, type EntityId, type EntityKind, entityId } from "../model/entity.ts";
import { busAddress } from "../model/gpu-address.ts";
import type { Labels } from "../model/labels.ts";
import type { LogRecord } from "../model/ports/log-source.ts";
import { nameWithin } from "../model/tenant.ts";
import { grouped } from "./grouped.ts";

export interface Topology {
  /** Whole again at each step: entities that left are forgotten with it. */
  update(entities: readonly Entity[]): void;
  /** The entity as telemetry names it by now: a GPU was its bus address before its exporter said whose that is. */
  nowCalled(entity: EntityId): EntityId;
  /** What is known of it. */
  entity(id: EntityId): Entity | undefined;
  /** What trouble of an entity is trouble of: its deployment; that of what runs on it if that is one; else itself. */
  scopeOf(entity: EntityId): EntityId;
  /** Known entities of a scope, in the order of their ids; the scope itself is one, and what its replicas run on and in. */
  members(scope: EntityId): readonly EntityId[];
  /** Entities of a kind that an entity is part of, runs on, or consists of; itself where the kind is its own. */
  related(entity: EntityId, kind: EntityKind): readonly EntityId[];
  /** Whom a log record speaks of: the replica, container and GPU it names, and the node and service it comes from. */
  namedBy(record: LogRecord): readonly EntityId[];
  /**
   * Whom an alert without an `entity` is about, by the labels that are left of its series: the smallest thing they name. GPUs,
   * nodes and services that are named need not be known. Undefined where they name nobody, or two deployments of one model.
   */
  labelledBy(labels: Labels): EntityId | undefined;
  /** The deployment, if there is just one with replicas. */
  onlyDeployment(): EntityId | undefined;
}

const none: readonly EntityId[] = [];
const nodeKeys = ["k8s.node.name", "host.name", "node", "hostname"];
const podKeys = ["k8s.pod.name", "pod"];
/** What an event of Kubernetes is about, as the Collector's receivers of events write it: a pod, or a node. */
const objectKey = "k8s.object.name";
/** As the GPU driver writes it into the kernel's log. */
const inBody = /(?:PCI:|GPU (?:at )?)((?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2})\b/;
/** Labels of series, most telling first, as exporters and rule packs write them. */
const alertKeys = {
  uuid: ["UUID", "uuid", "gpu_uuid"],
  gpu: ["gpu", "GpuIndex", "gpu_id"],
  pod: ["exported_pod", "pod", "k8s_pod_name"],
  node: ["node", "Hostname", "nodename", "hostname", "k8s_node_name"],
  deployment: ["deployment", "k8s_deployment_name"],
  service: ["application", "app_name", "service_name", "service"],
  model: ["model", "model_name", "gen_ai_request_model", "gen_ai_response_model"],
} as const;
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
  /** GPUs by the names they had before they had one of their own. */
  let former = new Map<EntityId, EntityId>();
  let seen: readonly Entity[] = [];
  let services: readonly EntityId[] = [];
  /** What {@link Topology.related} answered since the last update. */
  let relations = new Map<EntityKind, Map<EntityId, readonly EntityId[]>>();

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
      if (one.labels["model"] !== undefined) name(`model:${one.labels["model"]}`, one.parent ?? one.id);
      if (one.parent !== undefined) {
        link(one.id, one.parent);
        name(one.parent, one.parent);
        name("deployments", one.parent);
      }
    }
    for (const service of of("service")) name(`service:${service.name}`, service.id);
    for (const node of of("node")) {
      name(`node:${node.name}`, node.id);
      for (const replica of byNode.get(node.name) ?? []) link(replica.id, node.id);
    }
    for (const gpu of of("gpu")) {
      const node = gpu.place?.["node"] ?? "";
      name(`gpu:${gpu.name}`, gpu.id);
      if (gpu.parent !== undefined) link(gpu.id, gpu.parent);
      const pci = busAddress(gpu.place?.["pci"] ?? "");
      if (pci !== undefined) {
        name(`pci:${node}/${pci}`, gpu.id);
        if (gpu.parent !== undefined) former.set(entityId("gpu", `${gpu.parent.slice("node:".length)}/${pci}`), gpu.id);
      }
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
    // Who calls whom is not read off spans here; where there is one deployment, it is the one that is called.
    if (entity.kind === "service") return only(names.get("deployments")) ?? entity.id;
    if (owners.size === 0 && entity.parent !== undefined && entity.kind === "gpu") {
      const node = known.get(entity.parent);
      return node === undefined ? entity.parent : findScope(node);
    }
    return entity.id;
  }

  function nowCalled(entity: EntityId): EntityId {
    return known.has(entity) ? entity : (former.get(entity) ?? entity);
  }

  function near(entity: EntityId, kind: EntityKind): readonly EntityId[] {
    return [...(links.get(entity) ?? none)].filter((id) => kindOf(id) === kind);
  }

  function findRelated(entity: EntityId, kind: EntityKind): readonly EntityId[] {
    if (kindOf(entity) === kind) return [entity];
    const direct = near(entity, kind);
    if (direct.length > 0) return direct;
    if (kind === "service") return services;
    if (kindOf(entity) === "service") return of(kind).map(({ id }) => id);
    // By way of the replicas: a deployment's GPUs, a GPU's deployment, a container's node.
    return [...new Set(near(entity, "replica").flatMap((replica) => near(replica, kind)))];
  }

  function labelledBy(labels: Labels): EntityId | undefined {
    const say = (keys: readonly string[]): string | undefined => keys.map((key) => labels[key]).find(Boolean);
    /** Within its tenant first: entities of tenants are named so. */
    const known = (kind: string, value: string | undefined): readonly EntityId[] =>
      value === undefined
        ? none
        : (names.get(`${kind}:${nameWithin(labels["tenant"], value)}`) ?? names.get(`${kind}:${value}`) ?? none);
    const orUnknown = (kind: EntityKind, value: string | undefined): EntityId | undefined =>
      known(kind, value)[0] ?? (value === undefined ? undefined : entityId(kind, nameWithin(labels["tenant"], value)));
    const host = say(alertKeys.node) ?? labels["instance"]?.replace(/:\d+$/, "");
    const index = say(alertKeys.gpu);
    const uuid = say(alertKeys.uuid);
    const service = say(alertKeys.service);
    const ofPod = known("pod", say(alertKeys.pod));
    return (
      orUnknown("gpu", uuid) ??
      (index === undefined ? undefined : known("gpu", `${host}/${index}`)[0]) ??
      ofPod.find((id) => kindOf(id) === "replica") ??
      ofPod[0] ??
      known("replica", labels["instance"])[0] ??
      orUnknown("node", say(alertKeys.node)) ??
      known("node", host)[0] ??
      known("deployment", say(alertKeys.deployment))[0] ??
      known("service", service)[0] ??
      known("deployment", service)[0] ??
      orUnknown("service", service) ??
      only(known("model", say(alertKeys.model)))
    );
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
      former = new Map();
      relations = new Map();
      services = of("service").map(({ id }) => id);
      place();
      for (const entity of known.values()) {
        const scope = findScope(entity);
        scopes.set(entity.id, scope);
        const members = byScope.get(scope) ?? [scope];
        if (entity.id !== scope) members.push(entity.id);
        byScope.set(scope, members);
      }
      for (const members of byScope.values()) members.sort();
    },
    nowCalled,
    entity: (id) => known.get(id),
    scopeOf(entity) {
      const now = nowCalled(entity);
      return scopes.get(now) ?? known.get(now)?.parent ?? now;
    },
    members: (scope) => byScope.get(scope) ?? none,
    related(entity, kind) {
      const before = relations.get(kind)?.get(entity);
      if (before !== undefined) return before;
      const found = findRelated(entity, kind);
      // Of entities that are known, so their number bounds it.
      if (!known.has(entity) && !links.has(entity)) return found;
      const ofKind = relations.get(kind) ?? new Map<EntityId, readonly EntityId[]>();
      relations.set(kind, ofKind.set(entity, found));
      return found;
    },
    labelledBy,
    onlyDeployment: () => only(names.get("deployments")),
    namedBy({ resource, attributes, body, service }) {
      const say = (keys: readonly string[]): string | undefined =>
        keys.map((key) => attributes[key] || resource[key]).find((value) => value !== undefined && value !== "");
      const node = say(nodeKeys);
      const pod = say(podKeys);
      const instance = say(replicaKeys);
      const object = say([objectKey]);
      const pci = busAddress(say(["pci", "pci_bus_id", "gpu.pci"]) ?? inBody.exec(body)?.[1] ?? "");
      return [
        ...(instance === undefined ? none : (names.get(`replica:${instance}`) ?? none)),
        ...(pod === undefined ? none : (names.get(`pod:${pod}`) ?? none)),
        ...(pci === undefined ? none : (names.get(`pci:${node ?? ""}/${pci}`) ?? none)),
        ...(node === undefined ? none : (names.get(`node:${node}`) ?? none)),
        ...(object === undefined ? none : (names.get(`pod:${object}`) ?? names.get(`node:${object}`) ?? none)),
        ...(names.get(`service:${resource["service.name"] || service}`) ?? none),
      ];
    },
  };
}

function only<T>(items: readonly T[] | undefined): T | undefined {
  return items?.length === 1 ? items[0] : undefined;
}

export function kindOf(entity: EntityId): string {
  return entity.slice(0, entity.indexOf(":"));
}

/** Nodes that replicas and GPUs say they are on, though nothing else tells of them. */
function impliedNodes(entities: readonly Entity[]): readonly Entity[] {
  const names = new Set(entities.flatMap(({ kind, place }) => (kind === "service" ? [] : (place?.["node"] ?? []))));
  return [...names].map((name) => ({ id: entityId("node", name), kind: "node", name, labels: {} }));
}
