// Who the telemetry is about: replicas, GPUs, nodes, containers, applications and what they belong to, read off attributes.
import { type Entity, type EntityId, type EntityKind, entityId } from "../model/entity.ts";
import { busAddress } from "../model/gpu-address.ts";
import type { Labels } from "../model/labels.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { nameWithin } from "../model/tenant.ts";
import type { GpuNames } from "./gpu-names.ts";

export interface Identity {
  readonly id: EntityId;
  readonly kind: EntityKind;
  readonly name: string;
  readonly parent?: EntityId;
}

/** As telemetry says it, whosever it is. */
interface Named {
  readonly kind: EntityKind;
  readonly name: string;
}

export interface EntityBook {
  /** The entity of this kind a series tells of. The same attributes and resource always give the same answer. */
  identify(series: RawSeries, kind: EntityKind): Identity;
}

/** What a series about a GPU says of its place on the PCI bus. */
export interface GpuSeat {
  /** As `busAddress` writes it. */
  readonly pci: string;
  /** Nodes it may mean, best first: what the series says itself, then its resource. */
  readonly nodes: readonly string[];
  /** The node the series says itself, whoever gathered it; empty if none. */
  readonly host: string;
  /** Its own name of the GPU; undefined where the address has to do. */
  readonly unique: string | undefined;
}

/** Resource attributes that name a replica, best first. */
const instanceKeys = ["service.instance.id", "k8s.pod.name", "instance"];
/** Of the series, then of the resource; DCGM, Triton, OpenTelemetry, and Ray's own words. */
const gpuKeys = ["UUID", "uuid", "gpu_uuid", "hw.id", "hw_id"];
const gpuIndexKeys = ["gpu", "GpuIndex", "gpu_id", "index"];
const nodeKeys = ["k8s.node.name", "node", "nodename", "Hostname", "hostname", "host.name", "ip"];

const pciKeys = ["pci_bus_id", "hw.pci.bus_id"];

/** What the series says comes first: an exporter's resource is where the exporter runs. */
const placeKeys: Readonly<Record<string, readonly string[]>> = {
  node: ["node", "Hostname", "hostname", "nodename", "k8s.node.name", "host.name"],
  pod: ["exported_pod", "pod", "k8s.pod.name"],
  pci: pciKeys,
  deployment: ["k8s.deployment.name"],
};

/**
 * Two deployments may number their replicas alike: whoever comes second is named with its deployment before it. A GPU that a
 * series names by its bus address only is looked up in `gpus`.
 */
export function createEntityBook(gpus?: Pick<GpuNames, "nameAt">): EntityBook {
  const parentOf = new Map<EntityId, EntityId>();
  return {
    identify(series, kind) {
      if (kind === "gpu") return gpuOf(series, gpus);
      if (kind === "node") return identity(series, "node", nodeName(series));
      if (kind === "container") return containerOf(series);
      if (kind === "service") return identity(series, "service", serviceName(series));
      return replicaOf(series);
    },
  };

  function replicaOf(series: RawSeries): Identity {
    const parentName = series.resource["k8s.deployment.name"] || series.service || "unknown";
    const parent = { kind: "deployment", name: parentName } as const;
    const name = instanceName(series);
    const found = identity(series, "replica", name, parent);
    const owner = parentOf.get(found.id);
    if (owner === undefined) parentOf.set(found.id, found.parent!);
    if (owner === undefined || owner === found.parent) return found;
    return identity(series, "replica", `${parentName}/${name}`, parent);
  }
}

/** Facts that tell entities and their releases apart. */
export function entityLabels(
  series: RawSeries,
  engine: string,
  modelKeys: readonly string[],
  versionKeys: readonly string[],
): Labels {
  const labels: Record<string, string> = { engine };
  const model = firstOf(series, modelKeys);
  const version = firstOf(series, versionKeys);
  const namespace = series.resource["k8s.namespace.name"];
  if (model !== undefined) labels["model"] = model;
  if (version !== undefined) labels["version"] = version;
  if (namespace !== undefined && namespace !== "") labels["namespace"] = namespace;
  if (series.tenant !== undefined) labels["tenant"] = series.tenant;
  return labels;
}

/** Where the entity is: what links replicas, pods, nodes and GPUs to one another. */
export function placeOf(series: RawSeries): Labels {
  const place: Record<string, string> = {};
  for (const [fact, keys] of Object.entries(placeKeys)) {
    const value = firstOf(series, keys);
    if (value !== undefined) place[fact] = value;
  }
  // In the one form of all that name it, or as it is said where that is no address.
  const pci = pciOf(series) ?? place["pci"];
  return pci === undefined ? place : { ...place, pci };
}

/** The entity with newer facts, or the same object if nothing changed. A fact that is not said any more is kept. */
export function withFacts(entity: Entity, labels: Labels, place: Labels): Entity {
  const known = entity.place ?? {};
  const moved = Object.keys(place).some((name) => known[name] !== place[name]);
  const renamed = Object.keys(labels).some((name) => entity.labels[name] !== labels[name]);
  if (!moved && !renamed) return entity;
  return { ...entity, labels: { ...entity.labels, ...labels }, place: { ...known, ...place } };
}

/** The driver's own lines have the address where exporters have the number. */
function pciOf(series: RawSeries): string | undefined {
  const said = firstOf(series, pciKeys) ?? firstOf(series, gpuIndexKeys);
  return said === undefined ? undefined : busAddress(said);
}

/** Undefined where it says no address. */
export function gpuSeatOf(series: RawSeries): GpuSeat | undefined {
  const pci = pciOf(series);
  if (pci === undefined) return undefined;
  const nodesIn = (labels: Labels): readonly string[] => nodeKeys.flatMap((key) => labels[key] || []);
  const nodes = [...new Set([...nodesIn(series.attributes), ...nodesIn(series.resource), nodeName(series)])];
  return { pci, nodes, host: nodesIn(series.attributes)[0] ?? "", unique: firstOf(series, gpuKeys) };
}

function gpuOf(series: RawSeries, gpus: Pick<GpuNames, "nameAt"> | undefined): Identity {
  const node = { kind: "node", name: nodeName(series) } as const;
  const slice = firstOf(series, ["GPU_I_ID"]);
  const unique = firstOf(series, gpuKeys) ?? (gpus === undefined ? undefined : seated(series, gpus));
  // Without an identity of its own a GPU is its number on its node.
  const name = unique ?? `${node.name}/${firstOf(series, gpuIndexKeys) ?? "0"}`;
  return identity(series, "gpu", slice === undefined ? name : `${name}/${slice}`, node);
}

function seated(series: RawSeries, gpus: Pick<GpuNames, "nameAt">): string | undefined {
  const seat = gpuSeatOf(series);
  if (seat === undefined) return undefined;
  for (const node of seat.nodes) {
    const name = gpus.nameAt({ tenant: series.tenant, node, pci: seat.pci });
    if (name !== undefined) return name;
  }
  return undefined;
}

function nodeName(series: RawSeries): string {
  const named = firstOf(series, nodeKeys);
  if (named !== undefined) return named;
  // Exporters of a node are named by where they listen.
  const instance = series.resource["service.instance.id"] || series.attributes["instance"] || series.service;
  return instance === "" ? "unknown" : instance.replace(/:\d+$/, "");
}

function containerOf(series: RawSeries): Identity {
  const namespace = firstOf(series, ["namespace", "k8s.namespace.name"]);
  const pod = firstOf(series, ["pod", "k8s.pod.name"]);
  const container = firstOf(series, [
    "container",
    "k8s.container.name",
    "name",
    "container.name",
    "container.id",
    "id",
  ]);
  const name = [namespace, pod, container].filter((part) => part !== undefined).join("/");
  const owner = pod === undefined ? undefined : ownerOf(pod, series);
  return identity(series, "container", name === "" ? "unknown" : name, owner);
}

/** A pod's deployment: said outright, or read off the pod's name as Kubernetes builds it. */
function ownerOf(pod: string, series: RawSeries): Named {
  const said = firstOf(series, ["k8s.deployment.name"]);
  const guessed = pod.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$|-\d+$/, "");
  return { kind: "deployment", name: said ?? guessed };
}

function serviceName(series: RawSeries): string {
  // Ray Serve names its applications on the series; everybody else is a service of its own.
  return firstOf(series, ["application", "app_name"]) ?? (series.service || instanceName(series));
}

function instanceName(series: RawSeries): string {
  // One agent speaks for all of a Ray node's replicas.
  const { replica } = series.attributes;
  const inner = series.metric.startsWith("ray_") && replica ? `/${replica}` : "";
  return outerName(series) + inner;
}

function outerName(series: RawSeries): string {
  for (const key of instanceKeys) {
    const value = series.resource[key] || (key === "instance" ? series.attributes[key] : undefined);
    if (value !== undefined && value !== "") return value;
  }
  const host = series.resource["host.name"];
  // One host may serve several models: its name alone would mix them up.
  if (host !== undefined && host !== "") return series.service === "" ? host : `${series.service}@${host}`;
  return series.service || "unknown";
}

/** Entities of different tenants are told apart, whatever their telemetry calls them. */
function identity({ tenant }: RawSeries, kind: EntityKind, name: string, parent?: Named): Identity {
  const own = nameWithin(tenant, name);
  const owner = parent && { parent: entityId(parent.kind, nameWithin(tenant, parent.name)) };
  return { id: entityId(kind, own), kind, name: own, ...owner };
}

function firstOf(series: RawSeries, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = series.attributes[key] || series.resource[key];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}
