// Everything on record about one incident, gathered from a service's API.
import type { LedgerEntry } from "../../model/action.ts";
import type { Alert, Anomaly } from "../../model/anomaly.ts";
import { type ChangeEvent, isOfOthers } from "../../model/change.ts";
import type { Diagnosis, Incident } from "../../model/incident.ts";
import type { LogFinding } from "../../model/log-finding.ts";
import type { Instant, TimeRange } from "../../model/time.ts";
import type { Api } from "../api-client.ts";
import { userError } from "../command.ts";

/** As the API gives it: numbers that are none are null. All lists are in the order of time. */
export interface Story {
  readonly incident: Incident;
  readonly anomalies: readonly Anomaly[];
  readonly alerts: readonly Alert[];
  readonly diagnoses: readonly Diagnosis[];
  readonly actions: readonly LedgerEntry[];
  readonly findings: readonly LogFinding[];
  readonly changes: readonly ChangeEvent[];
  /** In which changes were looked for. */
  readonly window: TimeRange;
  /** When change events came before and after the window, of anything: whether somebody reports them at all. */
  readonly heard: { readonly before?: Instant; readonly after?: Instant };
}

/** What set an incident off is looked for this long before it. */
const beforeMs = 60 * 60_000;
/** Repairs and their verification may end after the incident. */
const afterMs = 60 * 60_000;
const symptomsMax = 500;
const recordsMax = 10_000;
/** Symptoms that began long before the incident are asked for one by one. */
const singlesMax = 50;

/** Rejects with a user's error if there is no such incident or the service does not answer. */
export async function gatherStory(api: Api, id: string): Promise<Story> {
  const found = (await api.find(`/api/v1/incidents/${encodeURIComponent(id)}`)) as { data: Incident } | undefined;
  if (found === undefined)
    throw userError(`there is no incident ${JSON.stringify(id)}; homeostat incident lists the newest with their ids`);
  const incident = found.data;
  const over = incident.resolvedAt ?? incident.updatedAt;
  const window = { from: incident.onset - beforeMs, to: Math.max(over, incident.openedAt) + 1 };
  const list = <T>(kind: string, from: Instant, to: Instant): Promise<readonly T[]> =>
    api.list<T>(`/api/v1/${kind}?from=${Math.floor(from)}&to=${Math.ceil(to)}`, recordsMax);
  const [diagnoses, actions, findings, changes] = await Promise.all([
    list<Diagnosis>("diagnoses", incident.onset, window.to + afterMs),
    list<LedgerEntry>("actions", incident.onset, window.to + afterMs),
    list<LogFinding>("findings", window.from, window.to + afterMs),
    list<ChangeEvent>("changes", window.from, window.to),
  ]);
  const symptoms = new Set(incident.symptoms);
  const anomalies = await symptomsOf<Anomaly>(
    api,
    "anomalies",
    symptoms,
    await list("anomalies", window.from, window.to),
  );
  const known = new Set(anomalies.map((one) => one.id));
  const rest = new Set([...symptoms].filter((symptom) => !known.has(symptom)));
  const alerts = await symptomsOf<Alert>(api, "alerts", rest, await list("alerts", window.from, window.to));
  return {
    incident,
    anomalies: anomalies.toSorted((a, b) => a.onset - b.onset),
    alerts: alerts.toSorted((a, b) => a.activeAt - b.activeAt),
    diagnoses: diagnoses.filter((one) => one.incident === incident.id).toReversed(),
    actions: actions.filter(({ action }) => action.incident === incident.id).toReversed(),
    findings: findings.filter((one) => one.incident === incident.id).toReversed(),
    changes: changes.filter(isOfOthers).toReversed(),
    window,
    heard: await heardAround(api, window),
  };
}

async function symptomsOf<T extends { readonly id: string }>(
  api: Api,
  kind: string,
  wanted: ReadonlySet<string>,
  listed: readonly T[],
): Promise<readonly T[]> {
  const found = listed.filter(({ id }) => wanted.has(id)).slice(0, symptomsMax);
  const have = new Set(found.map(({ id }) => id));
  for (const id of [...wanted].filter((one) => !have.has(one)).slice(0, singlesMax)) {
    const one = (await api.find(`/api/v1/${kind}/${encodeURIComponent(id)}`)) as { data: T } | undefined;
    if (one !== undefined) found.push(one.data);
  }
  return found;
}

async function heardAround(api: Api, { from, to }: TimeRange): Promise<Story["heard"]> {
  const path = "/api/v1/changes";
  const before = (await api.list<ChangeEvent>(`${path}?to=${Math.floor(from)}`, 20)).find(isOfOthers);
  const after = (await api.list<ChangeEvent>(`${path}?from=${Math.ceil(to)}`, 20)).find(isOfOthers);
  return {
    ...(before === undefined ? {} : { before: before.at }),
    ...(after === undefined ? {} : { after: after.at }),
  };
}
