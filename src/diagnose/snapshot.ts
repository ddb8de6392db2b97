// Open incidents at rest: a restart must neither forget nor reopen them.
import { z } from "zod";
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { Diagnosis, Incident } from "../model/incident.ts";
import type { Records } from "../model/ports/records.ts";

export interface DiagnosisSnapshot {
  readonly version: 1;
  readonly open: readonly {
    readonly scope: string;
    readonly incident: Incident;
    readonly diagnosis?: Diagnosis | undefined;
    readonly anomalies: readonly Anomaly[];
    /** Whether it rests on a suspicion. Absent in records: then one without anomalies is taken to. */
    readonly isSuspicion?: boolean;
  }[];
  /** Alerts of the catalogue's own that were told as firing. */
  readonly suspicions?: readonly Alert[];
  readonly closed: readonly Incident[];
}

/** Only what would be trusted blindly is checked; the rest is our own writing. */
const incident = z.looseObject({
  id: z.string(),
  state: z.enum(["open", "mitigating", "resolved"]),
  onset: z.number(),
  openedAt: z.number(),
  updatedAt: z.number(),
  entities: z.array(z.string()),
  symptoms: z.array(z.string()),
});
const Snapshot = z.looseObject({
  version: z.literal(1),
  open: z.array(
    z.looseObject({
      scope: z.string(),
      incident,
      diagnosis: z.looseObject({ incident: z.string(), causes: z.array(z.looseObject({})).min(1) }).optional(),
      anomalies: z.array(z.looseObject({ id: z.string(), entity: z.string(), signal: z.string(), onset: z.number() })),
      isSuspicion: z.boolean().optional(),
    }),
  ),
  suspicions: z.array(z.looseObject({ id: z.string(), activeAt: z.number() })).optional(),
  closed: z.array(incident),
});

export function readSnapshot(snapshot: unknown): DiagnosisSnapshot | undefined {
  return Snapshot.safeParse(snapshot).success ? (snapshot as DiagnosisSnapshot) : undefined;
}

/** A snapshot put together from what was recorded: for a restart after a crash, where nobody took one. */
export async function snapshotFromRecords(records: Pick<Records, "list">): Promise<DiagnosisSnapshot> {
  const incidents = await records.list("incidents", { limit: 1000 });
  const unresolved = incidents.filter(({ state }) => state !== "resolved");
  if (unresolved.length === 0) return { version: 1, open: [], closed: incidents.slice(0, 100).reverse() };
  const diagnoses = await records.list("diagnoses", { limit: 1000 });
  const anomalies = await records.list("anomalies", { limit: 1000 });
  return {
    version: 1,
    open: unresolved.map((one) => ({
      // What it belongs to is known again once telemetry names its entities.
      scope: one.entities[0] ?? "",
      incident: one,
      diagnosis: diagnoses.find((diagnosis) => diagnosis.incident === one.id),
      anomalies: anomalies.filter(({ id, endedAt }) => endedAt === undefined && one.symptoms.includes(id)),
    })),
    closed: incidents
      .filter(({ state }) => state === "resolved")
      .slice(0, 100)
      .reverse(),
  };
}
