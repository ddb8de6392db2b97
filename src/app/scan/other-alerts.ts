// The alerts that fired then, and which of them the incidents found explain: by when, and by what they are about.
import type { Entity, EntityId } from "../../model/entity.ts";
import type { Incident } from "../../model/incident.ts";
import { type Labels, labelsKey } from "../../model/labels.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";

/** A time that an alert of somebody else's rules fired. */
export interface OtherAlert {
  readonly name: string;
  /** Without `__name__`, `alertname` and `alertstate`. */
  readonly labels: Labels;
  readonly from: Instant;
  readonly to: Instant;
}

export interface Explained {
  readonly alert: OtherAlert;
  /** `place`: both name the same thing, or one that belongs to it. `time`: the alert names no place that telemetry tells of. */
  readonly by: "place" | "time";
  /** How long before the alert the incident was open; negative: after. */
  readonly leadMs: DurationMs;
}

const dayMs = 86_400_000;
/** Samples of a firing alert further apart than this are two times it fired. */
const apartMs = 330_000;
/** An onset is known to the step; and an alert goes on for a while after an incident is over. */
const beforeMs = 2 * 60_000;
const afterMs = 10 * 60_000;

/** Reads the series `ALERTS` that Prometheus writes of its own rules, a day at a time. */
export async function otherAlerts(source: SeriesSource, range: TimeRange): Promise<readonly OtherAlert[]> {
  const open = new Map<string, { name: string; labels: Labels; from: Instant; to: Instant }>();
  const ended: OtherAlert[] = [];
  const matchers = [
    { name: "__name__", op: "=", value: "ALERTS" },
    { name: "alertstate", op: "=", value: "firing" },
  ] as const;
  for (let from = range.from; from < range.to; from += dayMs) {
    for (const view of await source.select(matchers, { from, to: Math.min(range.to, from + dayMs) })) {
      const { __name__: _name, alertstate: _state, alertname = "", ...labels } = view.labels;
      const key = labelsKey(view.labels);
      for (let i = 0; i < view.length; i++) {
        const at = view.times[i] as number;
        if (Number.isNaN(view.values[i] as number)) continue;
        const now = open.get(key);
        if (now !== undefined && at - now.to <= apartMs) now.to = Math.max(now.to, at);
        else {
          if (now !== undefined) ended.push(now);
          open.set(key, { name: alertname, labels, from: at, to: at });
        }
      }
    }
  }
  return [...ended, ...open.values()].toSorted((a, b) => a.from - b.from || (a.name < b.name ? -1 : 1));
}

/** For each alert the incident that explains it best, by id of the incident. */
export function explain(
  alerts: readonly OtherAlert[],
  incidents: readonly Incident[],
  entities: ReadonlyMap<EntityId, Entity>,
  end: Instant,
): { readonly explained: ReadonlyMap<string, readonly Explained[]>; readonly unexplained: readonly OtherAlert[] } {
  const places = createPlaces(entities);
  const explained = new Map<string, Explained[]>();
  const unexplained: OtherAlert[] = [];
  for (const alert of alerts) {
    const about = places.of(alert.labels);
    const near = incidents
      .filter((one) => alert.from <= (one.resolvedAt ?? end) + afterMs && alert.to >= one.onset - beforeMs)
      .filter((one) => about === undefined || one.entities.some((id) => places.related(id, about)))
      .toSorted((a, b) => Math.abs(a.onset - alert.from) - Math.abs(b.onset - alert.from))[0];
    if (near === undefined) unexplained.push(alert);
    else {
      const by = about === undefined ? "time" : "place";
      const one: Explained = { alert, by, leadMs: alert.from - near.openedAt };
      explained.set(near.id, [...(explained.get(near.id) ?? []), one]);
    }
  }
  return { explained, unexplained };
}

/** Labels that say where, most exact first: the first that names something known counts. */
const placeLabels = [
  ["UUID", "gpu_uuid", "exported_pod", "pod", "instance", "replica"],
  ["Hostname", "node", "nodename", "host", "kubernetes_node"],
  ["container", "deployment", "service", "exported_job", "job", "app", "application"],
  ["model_name", "model", "served_model_name"],
] as const;

function createPlaces(entities: ReadonlyMap<EntityId, Entity>) {
  const byName = new Map<string, Set<EntityId>>();
  const name = (text: string | undefined, id: EntityId): void => {
    if (text === undefined || text === "") return;
    byName.set(text, (byName.get(text) ?? new Set()).add(id));
  };
  const members = new Map<EntityId, Set<EntityId>>();
  for (const { id, name: own, parent, place = {}, labels } of entities.values()) {
    name(own, id);
    // A container's name holds its pod's.
    for (const part of own.split("/")) name(part, id);
    name(own.replace(/:\d+$/, ""), id);
    for (const where of Object.values(place)) name(where, id);
    name(labels["model"], id);
    if (parent !== undefined) {
      name(parent.slice(parent.indexOf(":") + 1), parent);
      members.set(parent, (members.get(parent) ?? new Set()).add(id));
    }
  }
  /** What the entity is, what it belongs to, and what it consists of. */
  const kin = (id: EntityId): ReadonlySet<EntityId> => {
    const parent = entities.get(id)?.parent;
    return new Set([id, ...(parent === undefined ? [] : [parent]), ...(members.get(id) ?? [])]);
  };
  return {
    /** What labels name; undefined where they name nothing known. */
    of(labels: Labels): ReadonlySet<EntityId> | undefined {
      for (const group of placeLabels) {
        const found = group.flatMap((label) => [...(byName.get(labels[label] ?? "") ?? [])]);
        if (found.length > 0) return new Set(found);
      }
      return undefined;
    },
    /** Siblings are not: what befalls one of them is no word about another. */
    related(id: EntityId, about: ReadonlySet<EntityId>): boolean {
      return [...kin(id)].some((one) => about.has(one));
    },
  };
}
