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

const anomaliesMax = 5000;
/** An anomaly nobody speaks of any more is over: its detector may have been restarted. */
const forgetMs = 30 * 60_000;
const forgetRememberedMs = 3 * 60_000;

export function createSymptomBook({ scopeOf }: Pick<Topology, "scopeOf">, telemetry: Telemetry): SymptomBook {
  const active = new Map<string, { anomaly: Anomaly; heardAt: Instant; remembered: boolean }>();
  let firing: readonly Alert[] = [];

  function take(at: Instant, anomaly: Anomaly): void {
    if (anomaly.endedAt !== undefined) {
      active.delete(anomaly.id);
      return;
    }
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

  return {
    update(at, anomalies, alerts) {
      for (const anomaly of anomalies) take(at, anomaly);
      for (const [id, entry] of active) {
        if (entry.remembered && entry.heardAt === Number.NEGATIVE_INFINITY) entry.heardAt = at;
        if (at - entry.heardAt > (entry.remembered ? forgetRememberedMs : forgetMs)) active.delete(id);
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
      const all = [...active.values()].map(({ anomaly }) => anomaly);
      for (const anomaly of all) if (anomaly.signal !== "series") of(scopeOf(anomaly.entity)).anomalies.push(anomaly);
      for (const alert of firing) {
        const entity = alert.entity ?? alert.labels["entity"] ?? alert.labels["parent"];
        // An alert that names nobody cannot be placed; it is still an alert, only not part of an incident.
        if (entity !== undefined)
          of(scopeOf(entity)).alerts.push(entity === alert.entity ? alert : { ...alert, entity });
      }
      for (const anomaly of all)
        if (anomaly.signal === "series") scopes.get(scopeOf(anomaly.entity))?.context.push(anomaly);
      return scopes;
    },
    remember(anomalies) {
      for (const anomaly of anomalies.slice(0, anomaliesMax)) {
        if (anomaly.endedAt === undefined) {
          active.set(anomaly.id, { anomaly, heardAt: Number.NEGATIVE_INFINITY, remembered: true });
        }
      }
    },
  };
}
