// What is wrong right now, sorted by what it belongs to.
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { Topology } from "./topology.ts";

export interface Symptoms {
  readonly anomalies: readonly Anomaly[];
  readonly alerts: readonly Alert[];
  /** Series no catalogue knows that are odd at the same time: they make no incident and hold none open, but belong to one. */
  readonly context: readonly Anomaly[];
}

export interface SymptomBook {
  /** Takes in what changed; `alerts` are all that fire now. */
  update(at: Instant, anomalies: readonly Anomaly[], alerts: readonly Alert[]): void;
  /** Active symptoms by what they are trouble of. */
  byScope(): ReadonlyMap<EntityId, Symptoms>;
  /** Anomalies that were active before a restart; each lives on only if detection reports its like again. */
  remember(anomalies: readonly Anomaly[]): void;
}

export function onsetOf({ anomalies, alerts }: Pick<Symptoms, "anomalies" | "alerts">): Instant {
  return Math.min(...anomalies.map(({ onset }) => onset), ...alerts.map(({ activeAt }) => activeAt));
}

type Where = Pick<Topology, "entity" | "scopeOf" | "nowCalled" | "labelledBy" | "onlyDeployment">;

const anomaliesMax = 5000;
/** An anomaly nobody speaks of any more is over: its detector may have been restarted. */
const forgetMs = 30 * 60_000;
const forgetRememberedMs = 3 * 60_000;

export function createSymptomBook(topology: Where, telemetry: Telemetry): SymptomBook {
  const { scopeOf } = topology;
  const active = new Map<string, { anomaly: Anomaly; heardAt: Instant; remembered: boolean }>();
  let hasRemembered = false;
  let firing: readonly Alert[] = [];

  function take(at: Instant, anomaly: Anomaly): void {
    if (anomaly.endedAt !== undefined) {
      active.delete(anomaly.id);
      return;
    }
    // Only after a restart is there anything remembered, and only until detection speaks again.
    if (hasRemembered)
      for (const [id, { anomaly: old, remembered }] of active) {
        if (remembered && old.entity === anomaly.entity && old.signal === anomaly.signal && old.signal !== "series")
          active.delete(id);
      }
    if (active.size >= anomaliesMax && !active.has(anomaly.id)) {
      telemetry.count("homeostat.diagnose.dropped", 1, { reason: "too-many-anomalies" });
      return;
    }
    active.set(anomaly.id, { anomaly, heardAt: at, remembered: false });
  }

  function calledAsNow(anomaly: Anomaly): Anomaly {
    const entity = topology.nowCalled(anomaly.entity);
    return entity === anomaly.entity ? anomaly : { ...anomaly, entity };
  }

  /** What tells of a failure of serving is one of the only deployment, even if nothing is left of the labels of its series. */
  function whom({ entity, labels, failureMode }: Alert): EntityId | undefined {
    const said = entity ?? labels["entity"] ?? labels["parent"];
    // A series no mapping knows is given to the process that told it: a node's exporter speaks of its node.
    if (said !== undefined && topology.entity(said) === undefined) return topology.labelledBy(labels) ?? said;
    if (said !== undefined || failureMode === undefined) return said;
    // Whoever names an instance means that one, known or not: Homeostat's own troubles are not the deployment's.
    return topology.labelledBy(labels) ?? (labels["instance"] === undefined ? topology.onlyDeployment() : undefined);
  }

  return {
    update(at, anomalies, alerts) {
      for (const anomaly of anomalies) take(at, anomaly);
      hasRemembered = false;
      for (const [id, entry] of active) {
        if (entry.remembered && entry.heardAt === Number.NEGATIVE_INFINITY) entry.heardAt = at;
        if (at - entry.heardAt > (entry.remembered ? forgetRememberedMs : forgetMs)) active.delete(id);
        else hasRemembered ||= entry.remembered;
      }
      firing = alerts.filter(({ state }) => state === "firing");
    },
    byScope() {
      const scopes = new Map<EntityId, { anomalies: Anomaly[]; alerts: Alert[]; context: Anomaly[] }>();
      const of = (scope: EntityId): { anomalies: Anomaly[]; alerts: Alert[] } => {
        const known = scopes.get(scope) ?? { anomalies: [], alerts: [], context: [] };
        scopes.set(scope, known);
        return known;
      };
      const all = [...active.values()].map(({ anomaly }) => calledAsNow(anomaly));
      for (const anomaly of all) if (anomaly.signal !== "series") of(scopeOf(anomaly.entity)).anomalies.push(anomaly);
      for (const alert of firing) {
        const said = whom(alert);
        const entity = said === undefined ? undefined : topology.nowCalled(said);
        // An alert that names nobody cannot be placed; it is still an alert, only not part of an incident.
        if (entity === undefined) continue;
        // Who has been gone for so long that nobody knows it any more is still trouble of what it belonged to.
        const { parent = entity } = alert.labels;
        const scope = scopeOf(topology.entity(entity) === undefined ? parent : entity);
        of(scope).alerts.push(entity === alert.entity ? alert : { ...alert, entity });
      }
      for (const anomaly of all)
        if (anomaly.signal === "series") scopes.get(scopeOf(anomaly.entity))?.context.push(anomaly);
      return scopes;
    },
    remember(anomalies) {
      for (const anomaly of anomalies.slice(0, anomaliesMax)) {
        if (anomaly.endedAt === undefined) {
          active.set(anomaly.id, { anomaly, heardAt: Number.NEGATIVE_INFINITY, remembered: true });
          hasRemembered = true;
        }
      }
    },
  };
}
