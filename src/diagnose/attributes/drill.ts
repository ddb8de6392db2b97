// Asks, beside the steps, which requests carry the change of each open incident: when it opens, and less and less often after.
import { type EntityId, type EntityKind, entityId } from "../../model/entity.ts";
import type { Incident, IncidentId } from "../../model/incident.ts";
import type { RequestSource } from "../../model/ports/request-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { AttributeReport } from "../../model/request-attributes.ts";
import { nameOf, nameWithin, tenantOf } from "../../model/tenant.ts";
import type { Instant } from "../../model/time.ts";
import { attributeReport } from "./carriers.ts";
import { tableOf } from "./table.ts";

export interface Drill {
  /** Begins to ask of those whose time it is; `isNews`: it was diagnosed at this step. Never waits for the store. */
  ask(incident: Incident, at: Instant, isNews: boolean): void;
  /** What was found of the incident since the last call, if anything. */
  take(id: IncidentId): Promise<AttributeReport | undefined>;
  /** The incident is over. */
  forget(id: IncidentId): void;
}

interface Asked {
  times: number;
  at: Instant;
  answer: Promise<AttributeReport | undefined> | undefined;
}

const limit = 5000;
const beforeMs = 30 * 60_000;
/** The first symptom is only known to the step, and requests that were slow by it began before. */
const marginMs = 60_000;
/** Requests that are slow end late: what is known when an incident opens is little. */
const againMs = [0, 60_000, 120_000, 300_000, 900_000];
/** A new diagnosis is reason to look again, if not at once. */
const newsMs = 60_000;
const timesMax = 12;
/** Two questions of up to 5,000 requests each: more at once would keep the store from the tick's own. */
const atOnce = 2;

/**
 * Questions run while steps go on; an answer is taken at the step after the one that asked, so that a replay gets it when the live
 * service does. The store ends a question by itself after ten seconds, and what it does not answer is asked again in its time.
 */
export function createDrill(
  source: RequestSource | undefined,
  related: (entity: EntityId, kind: EntityKind) => readonly EntityId[],
  telemetry: Telemetry,
): Drill {
  const asked = new Map<IncidentId, Asked>();
  let running = 0;

  async function look(
    requests: RequestSource["requests"],
    { entities, onset, openedAt }: Incident,
    at: Instant,
  ): Promise<AttributeReport | undefined> {
    const since = Math.min(onset, openedAt) - marginMs;
    const [before, during] = [
      { from: since - beforeMs, to: since },
      { from: since, to: at },
    ];
    const tenant = tenantOf(entities[0] ?? "");
    const [earlier, later] = await Promise.all([before, during].map((range) => requests({ tenant, range, limit })));
    if (earlier!.requests === 0 || later!.requests === 0) return undefined;
    const placeOf = (replica: string, kind: "node" | "gpu"): string | undefined => {
      const places = related(entityId("replica", nameWithin(tenant, replica)), kind);
      return places.length === 1 ? nameOf(places[0]!) : undefined;
    };
    const table = tableOf({ sample: earlier!, ...before }, { sample: later!, ...during }, placeOf);
    return attributeReport(table, during, before);
  }

  return {
    ask(incident, at, isNews) {
      if (source === undefined) return;
      const { id } = incident;
      const known = asked.get(id) ?? { times: 0, at: Number.NEGATIVE_INFINITY, answer: undefined };
      const waitMs = Math.min(againMs[Math.min(known.times, againMs.length - 1)]!, isNews ? newsMs : Number.MAX_VALUE);
      if (known.answer !== undefined || known.times >= timesMax || at - known.at < waitMs || running >= atOnce) return;
      running++;
      known.times++;
      known.at = at;
      known.answer = look(source.requests, incident, at)
        .catch((error: unknown) => {
          telemetry.count("homeostat.diagnose.query_errors");
          telemetry.log.error("requests cannot be looked into", { incident: id, error: String(error) });
          return undefined;
        })
        .finally(() => running--);
      asked.set(id, known);
    },
    async take(id) {
      const known = asked.get(id);
      if (known?.answer === undefined) return undefined;
      const found = await known.answer;
      known.answer = undefined;
      return found;
    },
    forget: (id) => void asked.delete(id),
  };
}
