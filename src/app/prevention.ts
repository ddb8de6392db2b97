// What will run out becomes an incident before it does: told like others, and its repair proposed in the way all are.
import { bindCheck } from "../act/remedy.ts";
import type { Foreseen } from "../detect/forecast/watch.ts";
import type { LedgerEntry, Proposal } from "../model/action.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import { stableId } from "../model/ids.ts";
import type { Diagnosis, Incident } from "../model/incident.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { RecordKeeper } from "./record-keeper.ts";

export interface PreventionMeans {
  readonly watch: { step(now: Instant): Promise<readonly Foreseen[]> };
  readonly coverage: number;
  readonly modes: readonly FailureMode[];
  readonly entities: () => readonly Entity[];
  readonly act: { propose(proposal: Proposal, now: Instant): Promise<readonly LedgerEntry[]> };
  readonly keeper: Pick<RecordKeeper, "keep">;
  readonly feed: EventFeed;
  readonly telemetry: Telemetry;
}

export interface Open {
  readonly incident: Incident;
  readonly diagnosis: Diagnosis | undefined;
}

export interface Prevention {
  step(now: Instant): Promise<void>;
  open(): readonly Open[];
  /** Takes up what an earlier run left open. */
  adopt(incidents: readonly Incident[]): void;
}

/** More at once is one outage seen from many sides; the soonest are told. */
const openMax = 50;

export function createPrevention(parts: PreventionMeans): Prevention {
  const { watch, modes, act, keeper, feed, telemetry, coverage } = parts;
  const open = new Map<string, Open>();

  async function raise(foreseen: Foreseen, now: Instant): Promise<void> {
    const { key, resource, entity } = foreseen;
    const id = `prevent-${stableId(key, now)}`;
    const says = sentenceOf(foreseen, coverage);
    const incident: Incident = {
      ...{ id, state: "open", severity: "warning", origin: "preventive", entities: [entity], symptoms: [key] },
      title: `${resource.name} of ${entity} will run out`,
      ...{ onset: now, openedAt: now, updatedAt: now },
    };
    const mode = modes.find((one) => one.id === resource.failureMode);
    const diagnosis = diagnosisOf(incident, foreseen, mode, says, coverage);
    open.set(key, { incident, diagnosis });
    await Promise.all([keeper.keep("incidents", [incident]), keeper.keep("diagnoses", diagnosis ? [diagnosis] : [])]);
    telemetry.count("homeostat.app.preventive_incidents", 1, { resource: resource.id });
    feed.publish({ type: "incident", at: now, text: `incident foreseen: ${says}`, data: { ...incident } });
    const proposal = proposalOf(foreseen, incident, mode, says);
    if (proposal === undefined) return;
    for (const entry of await act.propose(proposal, now)) {
      const text = `${entry.action.kind} of ${entry.action.target} ${entry.state}: ${entry.reason}`;
      feed.publish({ type: "action", at: entry.at, text, data: { ...entry } });
    }
  }

  async function resolve(key: string, { incident }: Open, now: Instant): Promise<void> {
    open.delete(key);
    const resolved: Incident = { ...incident, state: "resolved", updatedAt: now, resolvedAt: now };
    await keeper.keep("incidents", [resolved]);
    feed.publish({ type: "resolved", at: now, text: `no longer foreseen: ${incident.title}`, data: { ...resolved } });
  }

  /** A repair is of a replica: itself, or the one whose container it is. */
  function replicaOf(entity: EntityId): EntityId | undefined {
    const all = parts.entities();
    const one = all.find(({ id }) => id === entity);
    if (one === undefined || one.kind === "replica") return one?.id;
    const pod = one.kind === "container" ? one.place?.["pod"] : undefined;
    return pod === undefined
      ? undefined
      : all.find(({ kind, place }) => kind === "replica" && place?.["pod"] === pod)?.id;
  }

  function proposalOf(
    { resource, entity, key }: Foreseen,
    incident: Incident,
    mode: FailureMode | undefined,
    says: string,
  ): Proposal | undefined {
    const remedy = mode?.remedies.find(({ action }) => action === "restart-replica");
    const target = replicaOf(entity);
    if (mode === undefined || remedy === undefined || target === undefined) return undefined;
    const verify = mode.verify.map((check) => bindCheck(check, target, incident.onset));
    if (verify.includes(undefined)) return undefined;
    const idempotencyKey = stableId("prevent", remedy.action, target, incident.id, key);
    return {
      origin: "preventive",
      action: {
        ...{ id: stableId("action", idempotencyKey), kind: remedy.action, target, domain: target, parameters: {} },
        ...{ incident: incident.id, failureMode: mode.id, probability: coverage, safety: remedy.safety },
        verify: verify.filter((check) => check !== undefined),
        why: `before it runs out: ${says}; ${resource.advice}`,
        ...{ idempotencyKey, proposedAt: incident.openedAt },
        evidence: { kinds: ["signal"], says: [says] },
      },
    };
  }

  return {
    async step(now) {
      const foreseen = await watch.step(now);
      const keys = new Set(foreseen.map(({ key }) => key));
      for (const [key, entry] of [...open]) if (!keys.has(key)) await resolve(key, entry, now);
      for (const one of foreseen) if (!open.has(one.key) && open.size < openMax) await raise(one, now);
      telemetry.gauge("homeostat.app.preventive_open", open.size);
    },
    open: () => [...open.values()],
    adopt(incidents) {
      for (const incident of incidents) {
        const key = incident.symptoms[0];
        if (incident.origin === "preventive" && incident.state !== "resolved" && key !== undefined)
          open.set(key, { incident, diagnosis: undefined });
      }
    },
  };
}

/** What runs out, when, and how sure that is. Times are UTC. */
export function sentenceOf({ resource, entity, share, earliest, likely, latest }: Foreseen, coverage: number): string {
  const what = `${resource.name} of ${entity}`;
  if (resource.id === "certificate") return `${what} ends ${timeOf(likely)}`;
  const until = latest === undefined ? "an unknown time" : timeOf(latest);
  const full = Number.isFinite(share) ? `is ${Math.round(100 * share)} % used and ` : "";
  return `${what} ${full}runs out between ${timeOf(earliest)} and ${until} (${Math.round(100 * coverage)} %), most likely ${timeOf(likely)}`;
}

function timeOf(at: Instant): string {
  return Number.isFinite(at) ? `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC` : "later";
}

function diagnosisOf(
  incident: Incident,
  { resource, entity, share, fittedMinutes }: Foreseen,
  mode: FailureMode | undefined,
  says: string,
  coverage: number,
): Diagnosis | undefined {
  if (mode === undefined) return undefined;
  const basis = `the trend of ${resource.metric} over the last ${fittedMinutes} minutes tells its recent past better than staying put`;
  const seen = { kind: "signal" as const, at: incident.onset, entity, subject: resource.metric };
  const observed = Number.isFinite(share) ? { observed: share } : {};
  const cause = {
    ...{ failureMode: mode.id, code: mode.code, title: mode.title, probability: coverage, location: entity },
    for: [
      { ...seen, ...observed, says },
      { ...seen, says: basis },
    ],
    against: [],
  };
  return {
    ...{ id: stableId("diagnosis", incident.id), incident: incident.id, at: incident.onset, causes: [cause] },
    summary: `${says}. In time: ${resource.advice}.`,
    falsifiedBy: `${resource.metric} of ${entity} levels off or falls`,
  };
}
