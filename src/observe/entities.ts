// Who the telemetry is about: replicas and what they belong to, read off resource attributes.
import { type Entity, type EntityId, entityId } from "../model/entity.ts";
import type { Labels } from "../model/labels.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { nameWithin } from "../model/tenant.ts";

export interface Identity {
  readonly id: EntityId;
  readonly name: string;
  readonly parent: EntityId;
}

export interface EntityBook {
  /** The replica a series comes from. The same resource always gives the same answer. */
  identify(series: RawSeries): Identity;
}

/** Resource attributes that name a replica, best first. */
const instanceKeys = ["service.instance.id", "k8s.pod.name", "instance"];

/**
 * Two deployments may number their replicas alike: whoever comes second is named with its deployment before it.
 */
export function createEntityBook(): EntityBook {
  const parentOf = new Map<EntityId, EntityId>();
  return {
    identify(series) {
      const { tenant } = series;
      const parentName = nameWithin(tenant, series.resource["k8s.deployment.name"] || series.service || "unknown");
      const parent = entityId("deployment", parentName);
      const name = nameWithin(tenant, instanceName(series));
      const id = entityId("replica", name);
      const owner = parentOf.get(id);
      if (owner === undefined) parentOf.set(id, parent);
      if (owner === undefined || owner === parent) return { id, name, parent };
      const qualified = `${parentName}/${name}`;
      return { id: entityId("replica", qualified), name: qualified, parent };
    },
  };
}

/** Facts that tell replicas and their releases apart. */
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

/** The entity with newer facts, or the same object if nothing changed. A fact that is not said any more is kept. */
export function withLabels(entity: Entity, labels: Labels): Entity {
  const changed = Object.keys(labels).some((name) => entity.labels[name] !== labels[name]);
  return changed ? { ...entity, labels: { ...entity.labels, ...labels } } : entity;
}

function instanceName(series: RawSeries): string {
  for (const key of instanceKeys) {
    const value = series.resource[key] || (key === "instance" ? series.attributes[key] : undefined);
    if (value !== undefined && value !== "") return value;
  }
  const host = series.resource["host.name"];
  // One host may serve several models: its name alone would mix them up.
  if (host !== undefined && host !== "") return series.service === "" ? host : `${series.service}@${host}`;
  return series.service || "unknown";
}

function firstOf(series: RawSeries, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = series.attributes[key] || series.resource[key];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}
