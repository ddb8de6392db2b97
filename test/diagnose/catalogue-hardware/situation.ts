// A situation on paper: half an hour of a healthy fleet (replicas, GPUs, nodes, containers, gateway), then minutes of trouble.
import { createDiagnosis } from "../../../src/diagnose/diagnose.ts";
import { createLooker } from "../../../src/diagnose/look.ts";
import { createQueries } from "../../../src/diagnose/queries.ts";
import { priorOfNone, rank } from "../../../src/diagnose/rank.ts";
import { createTopology } from "../../../src/diagnose/topology.ts";
import type { Alert, Anomaly } from "../../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../../src/model/change.ts";
import type { Entity, EntityId, EntityKind } from "../../../src/model/entity.ts";
import type { RankedCause } from "../../../src/model/incident.ts";
import type { Labels } from "../../../src/model/labels.ts";
import type { LogRecord } from "../../../src/model/ports/log-source.ts";
import { silentTelemetry } from "../../../src/model/ports/telemetry.ts";
import { anomaly, change, modes, start } from "../fleet.ts";
import { deployment, type MemorySeries, memoryChanges, memoryLogs, memorySeries } from "../memory-sources.ts";

export interface Situation {
  /** Canonical values during the trouble that are not the healthy ones, by entity; null = nothing is heard of it any more. */
  readonly signals?: Readonly<Record<EntityId, Values | null>>;
  readonly raw?: readonly Raw[];
  readonly logs?: readonly LogRecord[];
  readonly changes?: readonly ChangeEvent[];
  readonly anomalies?: readonly Anomaly[];
  /** Fires, and points at a mode, rightly or not. */
  readonly alerts?: readonly Alert[];
  readonly troubleMs?: number;
}

export type Values = Readonly<Record<string, number>>;

/** A series under its own name: counters by their rate per second, gauges by their value, before and during the trouble. */
export interface Raw {
  readonly labels: Labels;
  readonly kind: "counter" | "gauge";
  readonly before: number;
  readonly during: number;
}

const stepMs = 15_000;
const calmMs = 28 * 60_000;
const defaultTroubleMs = 5 * 60_000;
export const t0 = start + calmMs;

export const endOf = ({ troubleMs = defaultTroubleMs }: Situation): number => t0 + troubleMs;

/** What is thought of the situation at its end, best first. Throws unless it is one incident. */
export async function causesOf(situation: Situation, source: MemorySeries): Promise<readonly RankedCause[]> {
  const end = endOf(situation);
  const diagnose = createDiagnosis(modes, {
    source,
    changes: memoryChanges(situation.changes),
    logs: memoryLogs(situation.logs),
    telemetry: silentTelemetry,
  });
  const anomalies = (situation.anomalies ?? []).map((one) => ({ ...one, lastSeen: end }));
  const { diagnoses } = await diagnose.step({ at: end, anomalies, alerts: situation.alerts ?? [], entities: fleet });
  if (diagnoses.length !== 1) throw new Error(`${diagnoses.length} diagnoses instead of one`);
  return diagnoses[0]!.causes;
}

/** The same with nothing but the engines' own metrics: no logs, no changes, no alerts, nothing of what they run on. */
export async function causesOfEnginesAlone({
  signals = {},
  raw = [],
  ...rest
}: Situation): Promise<readonly RankedCause[]> {
  const alone: Situation = {
    signals: Object.fromEntries(Object.entries(signals).filter(([id]) => id.startsWith("replica:"))),
    raw: raw.filter(({ labels }) => labels["__name__"]?.startsWith("vllm:")),
    anomalies: (rest.anomalies ?? []).filter(({ entity }) => entity.startsWith("replica:")),
  };
  const at = endOf(rest);
  const engines = fleet.filter(({ kind }) => kind === "replica");
  const source = seriesOf({ ...alone, troubleMs: at - t0 }, engines);
  const topology = createTopology();
  topology.update(engines);
  const queries = createQueries(source, silentTelemetry);
  const alive = await queries.alive(at, 60_000);
  const looker = createLooker(modes, queries, memoryLogs(), silentTelemetry);
  const specs = modes.flatMap(({ symptoms, discriminators }) => [...symptoms, ...discriminators]);
  const anomalies = alone.anomalies ?? [];
  const scene = {
    at,
    onset: t0,
    knownAt: at,
    scope: deployment,
    anomalies,
    changes: undefined,
    alive,
    topology,
    silenceTells: true,
  };
  const look = await looker.look(scene, specs);
  return rank(modes, priorOfNone(modes), deployment, topology.members(deployment), look, [], at);
}

export function seriesOf(situation: Situation, entities: readonly Entity[] = fleet): MemorySeries {
  const source = memorySeries();
  for (let at = start; at <= endOf(situation); at += stepMs) {
    for (const one of entities) {
      const trouble = at >= t0 ? situation.signals?.[one.id] : undefined;
      if (trouble === null) continue;
      for (const [metric, value] of Object.entries(restless({ ...healthy(one, at), ...trouble }, at))) {
        const labels = { ...one.labels, __name__: metric, entity: one.id };
        source.add(one.parent === undefined ? labels : { ...labels, parent: one.parent }, at, value);
      }
    }
    for (const { labels, kind, before, during } of situation.raw ?? []) {
      const counted = (before * (Math.min(at, t0) - start) + during * Math.max(0, at - t0)) / 1000;
      source.add(labels, at, kind === "counter" ? counted : at >= t0 ? during : before);
    }
  }
  return source;
}

const slots = [0, 1, 2];
const serving = slots.flatMap((i) => [
  entity("replica", `chat-${i}`, deployment, { node: `n${i}`, pod: `chat-${i}` }, { model: "m", version: "1" }),
  entity("container", `ns/chat-${i}/engine`, deployment, { pod: `chat-${i}` }),
  entity("node", `n${i}`),
  gpu(i, "a", "00000000:9B:00.0"),
  gpu(i, "b", "00000000:9C:00.0"),
]);
const fleet: readonly Entity[] = [
  ...serving,
  entity("service", "gateway"),
  entity("container", "ns/kserve-controller-0/manager", "deployment:kserve-controller", { pod: "kserve-controller-0" }),
];

function gpu(slot: number, letter: string, pci: string): Entity {
  return entity(
    "gpu",
    `GPU-${slot}${letter}`,
    `node:n${slot}`,
    { node: `n${slot}`, pci, pod: `chat-${slot}` },
    { model: "H100" },
  );
}

function entity(kind: EntityKind, name: string, parent?: string, place: Labels = {}, labels: Labels = {}): Entity {
  return { id: `${kind}:${name}`, kind, name, labels, place, ...(parent === undefined ? {} : { parent }) };
}

const wellByKind: Readonly<Partial<Record<EntityKind, Values>>> = {
  replica: {
    "llm:ttft_seconds:p95": 0.3,
    "llm:itl_seconds:p95": 0.02,
    "llm:requests_running": 12,
    "llm:requests_waiting": 0,
    "llm:kv_cache_usage_ratio": 0.5,
    "llm:generated_tokens:rate": 600,
    "llm:prompt_tokens:rate": 5000,
    "llm:preemptions:rate": 0,
    "llm:requests_finished:rate": 4,
    "llm:requests_failed:rate": 0,
    "llm:requests_rejected:rate": 0,
    "llm:requests_corrupted:rate": 0,
    "llm:requests_truncated:rate": 0.4,
    "llm:prompt_length_tokens:mean": 1200,
    "llm:output_length_tokens:mean": 150,
    "llm:kv_capacity_blocks": 20_000,
  },
  gpu: {
    "gpu:utilization_ratio": 0.85,
    "gpu:engine_active_ratio": 0.8,
    "gpu:dram_active_ratio": 0.5,
    "gpu:tensor_active_ratio": 0.3,
    "gpu:power_limit_watts": 700,
    "gpu:temperature_celsius": 62,
    "gpu:memory_temperature_celsius": 75,
    "gpu:sm_clock_hertz": 1.98e9,
    "gpu:xid": 0,
    "gpu:throttled": 0,
    "gpu:power_capped": 0,
    "gpu:ecc_uncorrected:rate": 0,
    "gpu:ecc_corrected:rate": 0,
    "gpu:rows_remapped": 0,
    "gpu:row_remap_failed": 0,
    "gpu:pcie_replays:rate": 0,
    "gpu:nvlink_errors:rate": 0,
  },
  node: {
    "node:load1": 10,
    "node:cpu_usage_ratio": 0.3,
    "node:disk_usage_ratio": 0.5,
    "node:memory_pressure_ratio": 0,
    "node:oom_kills:rate": 0,
    "node:ready": 1,
  },
  container: {
    "container:ready": 1,
    "container:waiting": 0,
    "container:restarts:rate": 0,
    "container:cpu_throttling_ratio": 0,
  },
  service: {
    "app:requests:rate": 10,
    "app:error_ratio": 0.001,
    "app:input_tokens:rate": 12_000,
    "app:output_tokens:rate": 1500,
    "app:cost_usd:rate": 0.05,
    "app:filtered_ratio": 0.01,
  },
};

/** A card's power never stands still. */
function healthy({ kind }: Entity, at: number): Values {
  const well = wellByKind[kind] ?? {};
  return kind === "gpu" ? { ...well, "gpu:power_watts": 520 + 9 * Math.sin(at / 40_000) } : well;
}

/** How many requests run never stands still either, unless the engine does. */
function restless(values: Values, at: number): Values {
  const running = values["llm:requests_running"];
  if (running === undefined || values["llm:generated_tokens:rate"] === 0) return values;
  return { ...values, "llm:requests_running": running + Math.round(2 * Math.sin(at / 25_000)) };
}

export const replicas: readonly EntityId[] = slots.map((i) => `replica:chat-${i}`);
export const gpusOf = (slot: number): readonly EntityId[] => [`gpu:GPU-${slot}a`, `gpu:GPU-${slot}b`];

export function each(entities: readonly EntityId[], values: Values | null): Record<EntityId, Values | null> {
  return Object.fromEntries(entities.map((id) => [id, values]));
}

export const stuck: Values = {
  "llm:generated_tokens:rate": 0,
  "llm:prompt_tokens:rate": 0,
  "llm:requests_finished:rate": 0,
  "llm:requests_waiting": 20,
};
export const slow: Values = {
  "llm:itl_seconds:p95": 0.036,
  "llm:generated_tokens:rate": 350,
  "llm:requests_waiting": 6,
};

/** What a detector would say of a replica like that. */
export const stuckAnomalies = (slot: number) => [
  anomaly(`chat-${slot}`, "generated_tokens", "down", t0, 0),
  anomaly(`chat-${slot}`, "waiting", "up", t0, 20),
];
export const slowAnomalies = (slot: number) => [
  anomaly(`chat-${slot}`, "itl", "up", t0, 0.036),
  anomaly(`chat-${slot}`, "waiting", "up", t0, 6),
];

export function alert(failureMode: string, entity: EntityId): Alert {
  const labels = { entity };
  const base = { id: "a", rule: "Rule", group: "test", labels, annotations: {}, entity };
  return { ...base, state: "firing", failureMode, activeAt: t0, value: 1 } as Alert;
}

export const kernel = (slot: number, body: string): LogRecord => record({ "host.name": `n${slot}` }, body);
export const engine = (slot: number, body: string): LogRecord =>
  record({ "k8s.pod.name": `chat-${slot}`, "service.instance.id": `chat-${slot}` }, body);

export const xid = (slot: number, code: number, pci = "0000:9b:00"): LogRecord =>
  kernel(
    slot,
    code === 79
      ? `NVRM: Xid (PCI:${pci}): 79, GPU has fallen off the bus.`
      : `NVRM: Xid (PCI:${pci}): ${code}, pid=2415, name=VLLM::EngineCore, something`,
  );

function record(resource: Labels, body: string): LogRecord {
  return { at: t0 + 5000, service: "", severity: 9, body, resource, attributes: {} };
}

/** A minute before the trouble. */
export function changed(kind: ChangeEvent["kind"], target: EntityId, summary: string): ChangeEvent {
  return change(kind, target, t0 - 60_000, summary);
}

export function counter(name: string, labels: Labels, before: number, during: number): Raw {
  return { kind: "counter", labels: { ...labels, __name__: name }, before, during };
}

export function gauge(name: string, labels: Labels, before: number, during: number): Raw {
  return { kind: "gauge", labels: { ...labels, __name__: name }, before, during };
}

export { deployment };
