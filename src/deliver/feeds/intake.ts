// Alerts of other systems as evidence: known again, placed on an entity, bounded, and never our own come back.
import type { Alert } from "../../model/anomaly.ts";
import type { Entity, EntityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import { type Labels, labelsKey } from "../../model/labels.ts";
import type { AlertIntake, ForeignAlert, IntakeReceipt } from "../../model/ports/alerting.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import { ORIGIN_LABEL } from "./alert.ts";
import { clipLabels } from "./text.ts";

export interface IntakeBook extends AlertIntake {
  /** What fires now, placed on the entities there are. */
  firing(now: Instant, entities: readonly Entity[]): readonly Alert[];
  /** What changed since this was asked last, ended ones as inactive: for the records. */
  changed(now: Instant, entities: readonly Entity[]): readonly Alert[];
  snapshot(): readonly ForeignKept[];
  restore(kept: readonly ForeignKept[]): void;
}

/** Plain JSON. */
export interface ForeignKept {
  readonly alert: Alert;
  readonly endsAt: Instant;
}

const keptMax = 5000;
const textMax = 1024;

/** Labels that name what an alert is about, the most particular first. */
const naming = [
  "entity",
  "replica",
  "pod",
  "k8s_pod_name",
  "exported_pod",
  "instance",
  "exported_instance",
  "service_instance_id",
  "gpu",
  "UUID",
  "node",
  "kubernetes_node",
  "Hostname",
  "host",
  "deployment",
  "k8s_deployment_name",
  "service",
  "service_name",
  "job",
];

/** `instance`: alerts with this origin label (or annotation) are our own. */
export function createIntake(instance: string, telemetry: Telemetry): IntakeBook {
  const kept = new Map<string, ForeignKept>();
  const news = new Set<string>();

  function drop(reason: string, amount = 1): void {
    if (amount > 0) telemetry.count("homeostat.deliver.dropped", amount, { reason });
  }

  function isOwn({ labels, annotations }: ForeignAlert): boolean {
    return labels[ORIGIN_LABEL] === instance || annotations[ORIGIN_LABEL] === instance;
  }

  return {
    take(alerts, now, silentMs) {
      const receipt = { taken: 0, own: 0, repeated: 0, dropped: 0 };
      for (const foreign of alerts) {
        if (isOwn(foreign)) {
          receipt.own++;
          continue;
        }
        const labels = clipLabels(present(foreign.labels), textMax);
        const id = stableId("foreign", labelsKey(labels));
        const old = kept.get(id);
        const endsAt = foreign.endsAt ?? now + silentMs;
        if (old === undefined && endsAt <= now) {
          // The end of something never heard of changes nothing.
          receipt.repeated++;
          continue;
        }
        if (old === undefined && kept.size >= keptMax) {
          receipt.dropped++;
          continue;
        }
        const activeAt = Math.min(now, old?.alert.activeAt ?? foreign.startsAt ?? now);
        const alert = toAlert(id, labels, clipLabels(foreign.annotations, textMax), activeAt);
        const same =
          old !== undefined &&
          old.endsAt > now === endsAt > now &&
          labelsKey(old.alert.annotations) === labelsKey(alert.annotations);
        if (same) receipt.repeated++;
        else receipt.taken++;
        kept.set(id, { alert, endsAt });
        if (!same) news.add(id);
      }
      drop("own-alert", receipt.own);
      drop("too-many-foreign-alerts", receipt.dropped);
      telemetry.gauge("homeostat.deliver.foreign_alerts", kept.size);
      return receipt satisfies IntakeReceipt;
    },
    firing(now, entities) {
      const find = finderOf(entities);
      return [...kept.values()].filter(({ endsAt }) => endsAt > now).map(({ alert }) => placed(alert, find));
    },
    changed(now, entities) {
      const find = finderOf(entities);
      const found: Alert[] = [];
      for (const [id, { alert, endsAt }] of kept) {
        if (endsAt <= now) {
          kept.delete(id);
          found.push({ ...placed(alert, find), state: "inactive", resolvedAt: Math.max(endsAt, alert.activeAt) });
        } else if (news.has(id)) found.push(placed(alert, find));
      }
      news.clear();
      return found;
    },
    snapshot: () => [...kept.values()],
    restore(list) {
      for (const one of list.slice(0, keptMax)) kept.set(one.alert.id, one);
    },
  };
}

function toAlert(id: string, labels: Labels, annotations: Labels, activeAt: Instant): Alert {
  const failureMode = labels["failure_mode"];
  return {
    id,
    rule: labels["alertname"] ?? "alert",
    group: "foreign",
    state: "firing",
    labels,
    annotations,
    activeAt,
    value: Number.NaN,
    ...(failureMode === undefined ? {} : { failureMode }),
  };
}

type Find = (labels: Labels) => EntityId | undefined;

/** Finds the entity a label set is about: by id, by name, or by name without the port. */
export function finderOf(entities: readonly Entity[]): Find {
  const byName = new Map<string, EntityId>();
  /** Without the port; undefined where several share it: an exporter beside an engine is not the engine. */
  const byHost = new Map<string, EntityId | undefined>();
  const ids = new Set<EntityId>();
  for (const { id, name } of entities) {
    ids.add(id);
    if (!byName.has(name)) byName.set(name, id);
    const bare = withoutPort(name);
    byHost.set(bare, byHost.has(bare) ? undefined : id);
  }
  return (labels) => {
    for (const label of naming) {
      const value = labels[label];
      if (value === undefined) continue;
      if (ids.has(value)) return value;
      const found = byName.get(value) ?? byHost.get(withoutPort(value));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function placed(alert: Alert, find: Find): Alert {
  const entity = find(alert.labels);
  return entity === undefined ? alert : { ...alert, entity };
}

function withoutPort(name: string): string {
  return name.replace(/:\d{1,5}$/, "");
}

function present(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}
