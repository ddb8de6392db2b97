// Situations on paper: twenty quiet minutes of three replicas and what they run on, then minutes of trouble, and its diagnosis.
import { expect, test } from "vitest";
import { createDiagnosis } from "../../../src/diagnose/diagnose.ts";
import { createLooker } from "../../../src/diagnose/look.ts";
import { createQueries } from "../../../src/diagnose/queries.ts";
import { priorOfNone, rank } from "../../../src/diagnose/rank.ts";
import { createTopology } from "../../../src/diagnose/topology.ts";
import type { Alert, Anomaly } from "../../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../../src/model/change.ts";
import type { Entity, EntityId, EntityKind } from "../../../src/model/entity.ts";
import type { FailureMode } from "../../../src/model/failure-mode.ts";
import type { RankedCause } from "../../../src/model/incident.ts";
import type { LogRecord } from "../../../src/model/ports/log-source.ts";
import { silentTelemetry } from "../../../src/model/ports/telemetry.ts";
import { catalogue } from "../../../src/model/signal.ts";
import { evaluateInstant } from "../../../src/promql/evaluate.ts";
import { parseQuery } from "../../../src/promql/parse.ts";
import { healthy, modes, start } from "../fleet.ts";
import { deployment, type MemorySeries, memoryChanges, memoryLogs, memorySeries } from "../memory-sources.ts";

/** A constant, or a value by the seconds since the trouble began; undefined: no point. */
type Value = number | ((s: number) => number | undefined);
/** By id of a canonical signal, or by name of a raw metric with its labels: `vllm:num_requests_waiting{engine="1"}`. */
type Values = Readonly<Record<string, Value>>;

export interface Situation {
  /** The mode that must come out on top, and where. */
  readonly is: string;
  readonly at: EntityId;
  /** Modes it must not be taken for. */
  readonly not?: readonly string[];
  /** What is measured beside the judged signals, all the time, of every entity of that name: `replica`, `gpu:GPU-1`, … */
  readonly always?: Readonly<Record<string, Values>>;
  /** What is different during the trouble, by entity; `replica` is all three of them. */
  readonly trouble?: Readonly<Record<string, Values>>;
  /** Entity, signal, direction; `replica` is all three of them. */
  readonly anomalies?: readonly (readonly [entity: string, signal: Anomaly["signal"], direction: "up" | "down"])[];
  /** Kind, target, seconds since the onset, summary. */
  readonly changes?: readonly (readonly [ChangeEvent["kind"], EntityId, number, string])[];
  /** Replica (or node) that says it, and the text. */
  readonly logs?: readonly (readonly [name: string, body: string])[];
  /** Rules that fire: failure mode and entity. */
  readonly alerts?: readonly (readonly [failureMode: string, entity: EntityId])[];
  /** Replicas that say no more once the trouble began. */
  readonly gone?: readonly string[];
  readonly version?: (name: string) => string;
  readonly minutes?: number;
}

const stepMs = 15_000;
const calmS = 20 * 60;
const onset = start + calmS * 1000;
const names = ["vllm-0", "vllm-1", "vllm-2"];
const metricOf = new Map(catalogue.map(({ id, metric }) => [id, metric]));

/** One test a situation: the mode wins clearly, where it should, and its look-alikes stay far behind. */
export function tell(situations: readonly (readonly [string, Situation])[]): void {
  test.each(situations)("%s", async (_what, situation) => {
    const source = seriesOf(situation);
    const causes = await diagnosed(situation, source);
    const told = causes
      .slice(0, 4)
      .map(({ failureMode, location, probability }) => [failureMode, location, probability]);
    expect(causes[0], JSON.stringify(told)).toMatchObject({ failureMode: situation.is, location: situation.at });
    expect(causes[0]!.probability, JSON.stringify(told)).toBeGreaterThan(0.5);
    const mode = modes.find(({ id }) => id === situation.is)!;
    expect(await unmet(mode, situation.at, onset - 60_000, source)).toEqual([]);
    expect(await unmet(mode, situation.at, endOf(situation), source)).not.toEqual([]);
    expect(await rankedOfEnginesAlone(situation)).toContain(situation.is);
    for (const other of situation.not ?? []) {
      expect(modes.map(({ id }) => id)).toContain(other);
      expect(causes.find(({ failureMode }) => failureMode === other)?.probability ?? 0, other).toBeLessThan(0.25);
    }
  });
}

/** Ids of the checks that do not hold: none while all is well, and some in trouble, or a repair would be verified that is none. */
async function unmet(
  { verify }: FailureMode,
  entity: EntityId,
  at: number,
  source: MemorySeries,
): Promise<readonly string[]> {
  const before = String((onset - 60_000) / 1000);
  const found: string[] = [];
  for (const { id, expr } of verify) {
    const query = parseQuery(expr.replaceAll("$entity", entity).replaceAll("$before", before));
    if ("errors" in query) throw new Error(`${id}: ${query.errors[0]!.message}`);
    const result = await evaluateInstant(query, at, source);
    if (result.kind !== "vector" || result.samples.length === 0) found.push(id);
  }
  return found;
}

/** Modes in question when only the engines themselves are measured: no logs, no changes, nothing of what they run on. */
async function rankedOfEnginesAlone(situation: Situation): Promise<readonly string[]> {
  const ofReplicas = (all: Readonly<Record<string, Values>> = {}) =>
    Object.fromEntries(Object.entries(all).filter(([id]) => id.startsWith("replica")));
  const alone = { ...situation, always: ofReplicas(situation.always), trouble: ofReplicas(situation.trouble) };
  const source = seriesOf(alone);
  const at = endOf(alone);
  const topology = createTopology();
  topology.update(entitiesOf(alone).map(entityOf));
  const queries = createQueries(source, silentTelemetry);
  const alive = await queries.alive(at, 60_000);
  const anomalies = anomaliesOf(alone, at);
  const looker = createLooker(modes, queries, memoryLogs(), silentTelemetry);
  const specs = modes.flatMap(({ symptoms, discriminators }) => [...symptoms, ...discriminators]);
  const scene = {
    at,
    onset,
    knownAt: at,
    scope: deployment,
    anomalies,
    changes: undefined,
    alive,
    topology,
    silenceTells: true,
  };
  return rank(
    modes,
    priorOfNone(modes),
    deployment,
    topology.members(deployment),
    await looker.look(scene, specs),
    [],
    at,
  ).map((cause) => cause.failureMode);
}

function endOf({ minutes = 4 }: Situation): number {
  return onset + minutes * 60_000;
}

function seriesOf(situation: Situation): MemorySeries {
  const source = memorySeries();
  for (const id of entitiesOf(situation)) fill(id, situation, source);
  return source;
}

async function diagnosed(situation: Situation, source: MemorySeries): Promise<readonly RankedCause[]> {
  const ids = entitiesOf(situation);
  const diagnose = createDiagnosis(modes, {
    source,
    changes: memoryChanges((situation.changes ?? []).map(changeOf)),
    logs: memoryLogs((situation.logs ?? []).map(([name, body]) => logOf(name, body, endOf(situation)))),
    telemetry: silentTelemetry,
  });
  let causes: readonly RankedCause[] = [];
  const end = endOf(situation);
  for (let at = end - 2 * stepMs; at <= end; at += stepMs) {
    const { diagnoses } = await diagnose.step({
      at,
      anomalies: anomaliesOf(situation, at),
      alerts: (situation.alerts ?? []).map(alertOf),
      entities: ids.map(entityOf),
    });
    causes = diagnoses.at(-1)?.causes ?? causes;
  }
  return causes;
}

function entitiesOf({ always = {}, trouble = {} }: Situation): readonly EntityId[] {
  const replicas = names.map((name) => `replica:${name}`);
  const others = [...Object.keys(always), ...Object.keys(trouble)].filter((id) => id.includes(":"));
  return [...new Set([...replicas, ...others])];
}

function fill(id: EntityId, situation: Situation, source: MemorySeries): void {
  const isReplica = id.startsWith("replica:");
  const kind = id.slice(0, id.indexOf(":"));
  const name = id.slice(kind.length + 1);
  const parent = entityOf(id).parent;
  const usual: Values = { ...(isReplica ? healthy : {}), ...situation.always?.[kind], ...situation.always?.[id] };
  const bad: Values = { ...situation.trouble?.[kind], ...situation.trouble?.[id] };
  for (const key of new Set([...Object.keys(usual), ...Object.keys(bad)])) {
    const labels = {
      ...labelsOf(key),
      entity: id,
      ...(parent === undefined ? {} : { parent }),
      ...(isReplica ? { version: situation.version?.(name) ?? "1" } : {}),
    };
    for (let s = -calmS; onset + s * 1000 <= endOf(situation); s += stepMs / 1000) {
      if (s >= 0 && situation.gone?.includes(name)) break;
      const of = s >= 0 ? (bad[key] ?? usual[key]) : usual[key];
      const value = typeof of === "function" ? of(s) : of;
      if (value === undefined) continue;
      // Nothing stands quite still in a healthy engine.
      const restless = isReplica && s < 0 && key in healthy && key !== "waiting" ? 1 + 0.08 * Math.sin(s / 37) : 1;
      source.add(labels, onset + s * 1000, value * restless);
    }
  }
}

function labelsOf(key: string): Record<string, string> {
  const known = metricOf.get(key);
  if (known !== undefined) return { __name__: known };
  const [, name = key, rest = ""] = /^([^{]+)(?:\{(.*)\})?$/.exec(key) ?? [];
  return { __name__: name, ...Object.fromEntries([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k!, v!])) };
}

/** The replica vllm-1 is a pod of that name on node n1, with GPU-1 and a container. */
function entityOf(id: EntityId): Entity {
  const kind = id.slice(0, id.indexOf(":")) as EntityKind;
  const name = id.slice(kind.length + 1);
  const place = { pod: name.replace(/^GPU-/, "vllm-"), node: `n${name.slice(-1)}` };
  const base = { id, kind, name, labels: {} };
  if (kind === "replica" || kind === "container") return { ...base, parent: deployment, place };
  if (kind === "gpu") return { ...base, parent: `node:${place.node}`, place };
  return base;
}

function anomaliesOf({ anomalies = [] }: Situation, at: number): readonly Anomaly[] {
  return anomalies
    .flatMap(([entity, signal, direction]) =>
      (entity === "replica" ? names.map((name) => `replica:${name}`) : [entity]).map((one) => ({
        one,
        signal,
        direction,
      })),
    )
    .map(({ one, signal, direction }) => ({
      id: `${one}-${signal}`,
      entity: one,
      signal,
      onset,
      lastSeen: at,
      tail: 1e-7,
      direction,
      shape: "level-shift",
      observed: 1,
      expected: { low: 0, high: 0.5 },
      detector: "test",
      evidence: [],
    }));
}

function alertOf([failureMode, entity]: readonly [string, EntityId]): Alert {
  const said = { group: "test", state: "firing", labels: {}, annotations: {}, value: 1, activeAt: onset } as const;
  return { ...said, id: `${failureMode}-${entity}`, rule: failureMode, failureMode, entity };
}

function changeOf([kind, target, s, summary]: readonly [ChangeEvent["kind"], EntityId, number, string]): ChangeEvent {
  return { id: `${kind}-${s}`, at: onset + s * 1000, kind, target, summary };
}

function logOf(name: string, body: string, end: number): LogRecord {
  const at = end - 60_000;
  const resource: Record<string, string> = name.startsWith("n")
    ? { "host.name": name }
    : { "service.instance.id": name };
  return { at, service: "engine", severity: 17, body, resource, attributes: {} };
}
