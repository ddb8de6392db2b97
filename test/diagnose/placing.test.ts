// Alerts that rules made by `sum by (…)` of: whom they are about, and that they open an incident with nothing else to see.
import { expect, test } from "vitest";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import { createTopology } from "../../src/diagnose/topology.ts";
import type { Alert, Anomaly } from "../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Entity, EntityKind } from "../../src/model/entity.ts";
import type { Labels } from "../../src/model/labels.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { anomaly, change, modes, start } from "./fleet.ts";
import { memoryChanges, memoryLogs, memorySeries } from "./memory-sources.ts";

function entity(kind: EntityKind, name: string, more: Partial<Entity> = {}): Entity {
  return { id: `${kind}:${name}`, kind, name, labels: {}, ...more };
}

const chat = [
  entity("replica", "chat-0", {
    parent: "deployment:chat",
    labels: { model: "llama" },
    place: { node: "n0", pod: "pod-0" },
  }),
  entity("replica", "10.0.0.7:8000", {
    parent: "deployment:chat",
    labels: { model: "llama" },
    place: { node: "n1", pod: "pod-1" },
  }),
  entity("gpu", "GPU-a", { parent: "node:n0", place: { node: "n0", pod: "pod-0" } }),
  entity("gpu", "n1/3", { parent: "node:n1", place: { node: "n1", pod: "pod-1" } }),
  entity("container", "ns/pod-0/engine", { parent: "deployment:chat", place: { pod: "pod-0" } }),
  entity("service", "gateway"),
];
const code = entity("replica", "code-0", {
  parent: "deployment:code",
  labels: { model: "coder" },
  place: { node: "n0" },
});
const ofAcme = entity("service", "acme~gateway");

test.each<readonly [string, Labels, string | undefined]>([
  ["a GPU by its UUID", { UUID: "GPU-a", gpu: "0", Hostname: "n0", instance: "n0:9400" }, "gpu:GPU-a"],
  ["a GPU nobody told of yet", { UUID: "GPU-x" }, "gpu:GPU-x"],
  ["a GPU by its number on its node", { gpu: "3", Hostname: "n1" }, "gpu:n1/3"],
  ["the replica of a pod, not its container", { pod: "pod-0", node: "n0" }, "replica:chat-0"],
  ["a replica by its instance", { instance: "10.0.0.7:8000" }, "replica:10.0.0.7:8000"],
  ["the node of an exporter", { instance: "n1:9100" }, "node:n1"],
  ["a node by its host name", { Hostname: "n0", instance: "10.1.1.1:9400" }, "node:n0"],
  ["a node nobody told of yet", { node: "n9" }, "node:n9"],
  ["a deployment", { deployment: "chat" }, "deployment:chat"],
  ["a service", { service_name: "gateway", gen_ai_request_model: "llama" }, "service:gateway"],
  ["a service of a tenant", { service_name: "gateway", tenant: "acme" }, "service:acme~gateway"],
  ["an application of Ray", { application: "summaries" }, "service:summaries"],
  ["a deployment that calls itself a service", { service_name: "code" }, "deployment:code"],
  ["the deployment that serves a model", { model_name: "coder" }, "deployment:code"],
  ["nobody", { severity: "page" }, undefined],
  ["nobody known", { instance: "homeostat-0", reason: "spool" }, undefined],
])("an alert is about %s", (_what, labels, expected) => {
  const topology = createTopology();
  topology.update([...chat, code, ofAcme]);
  expect(topology.labelledBy(labels)).toBe(expected);
});

test("a model that two deployments serve names neither", () => {
  const topology = createTopology();
  topology.update([...chat, { ...code, labels: { model: "llama" } }]);
  expect(topology.labelledBy({ model: "llama" })).toBeUndefined();
  expect(topology.onlyDeployment()).toBeUndefined();
});

test("a log record names the service it comes from", () => {
  const topology = createTopology();
  topology.update(chat);
  const record = { at: 0, service: "", severity: 9, body: "429", attributes: {} };
  expect(topology.namedBy({ ...record, resource: { "service.name": "gateway" } })).toEqual(["service:gateway"]);
  expect(topology.namedBy({ ...record, resource: {}, service: "gateway" })).toEqual(["service:gateway"]);
});

const alert = (failureMode: string, labels: Labels): Alert => ({
  id: `${failureMode}-alert`,
  rule: "Rule",
  group: "test",
  state: "firing",
  labels,
  annotations: {},
  failureMode,
  activeAt: start,
  value: 1,
});

async function incidentsOf(alerts: readonly Alert[], changes: readonly ChangeEvent[] = [], entities = chat) {
  return (await stepOf(alerts, [], changes, entities)).incidents.map(({ entities: [first] }) => first);
}

async function stepOf(
  alerts: readonly Alert[],
  anomalies: readonly Anomaly[],
  changes: readonly ChangeEvent[] = [],
  entities: readonly Entity[] = chat,
) {
  const source = memorySeries();
  for (const { id, kind, parent = "" } of entities) {
    if (kind !== "replica") continue;
    source.add({ __name__: "llm:preemptions:rate", entity: id, parent }, start, anomalies.length);
    source.add({ __name__: "llm:kv_cache_usage_ratio", entity: id, parent }, start, anomalies.length === 0 ? 0.5 : 1);
  }
  const deps = { source, logs: memoryLogs(), changes: memoryChanges(changes) };
  const diagnose = createDiagnosis(modes, { ...deps, telemetry: silentTelemetry });
  return await diagnose.step({ at: start + 30_000, anomalies, alerts, entities });
}

test.each<readonly [string, Labels, string]>([
  ["cost-runaway", { service_name: "gateway" }, "service:gateway"],
  ["provider-rate-limit", { service_name: "summaries", gen_ai_request_model: "gpt" }, "service:summaries"],
  ["gpu-memory-ecc", { UUID: "GPU-a" }, "gpu:GPU-a"],
  ["disk-full", { node: "n1" }, "node:n1"],
  ["silent-quality-regression", {}, "deployment:chat"],
])("an alert of %s with the labels %j opens an incident by itself", async (mode, labels, where) => {
  expect(await incidentsOf([alert(mode, labels)])).toEqual([where]);
});

test("an alert about a series that no mapping knows opens where its labels say, not at an entity nobody knows", async () => {
  const unmapped = { ...alert("disk-full", { instance: "n1:9100" }), entity: "series:node_filesystem_free" } as Alert;
  expect(await incidentsOf([unmapped])).toEqual(["node:n1"]);
});

test("what names nobody stays alone where there are two deployments, and so do Homeostat's own alerts", async () => {
  expect(await incidentsOf([alert("silent-quality-regression", {})], [], [...chat, code])).toEqual([]);
  expect(await incidentsOf([alert("disk-full", { instance: "homeostat-0" })])).toEqual([]);
});

test("a start of the deployment excuses its replicas, not the hardware under them", async () => {
  const started = [change("restart", "deployment:chat", start - 1000)];
  expect(await incidentsOf([alert("stuck-engine", { pod: "pod-0" })], started)).toEqual([]);
  expect(await incidentsOf([alert("gpu-memory-ecc", { UUID: "GPU-a" })], started)).toEqual(["gpu:GPU-a"]);
});

test("ten thousand anomalies of one deployment are one incident with a diagnosis at that very step, and no heap of evidence", async () => {
  const many = Array.from({ length: 1000 }, (_, i) => `chat-${i}`);
  const replicas = many.map((name) => entity("replica", name, { parent: "deployment:chat" }));
  const signals = ["ttft", "itl", "waiting", "kv_usage", "preemptions", "running", "joint", "finished"] as const;
  const anomalies = [
    ...many.flatMap((name) => signals.map((signal) => anomaly(name, signal, "up", start))),
    ...many.flatMap((name) => [1, 2].map((ms) => anomaly(name, "series", "up", start + ms))),
  ];
  expect(anomalies).toHaveLength(10_000);
  const { incidents, diagnoses } = await stepOf(
    [],
    anomalies,
    [change("config", "deployment:chat", start - 60_000)],
    replicas,
  );
  expect(incidents).toHaveLength(1);
  expect(incidents[0]!.symptoms.length).toBeLessThanOrEqual(1000);
  expect(incidents[0]!.entities.length).toBeLessThanOrEqual(1000);
  expect(diagnoses).toHaveLength(1);
  for (const cause of diagnoses[0]!.causes) {
    const mode = modes.find(({ id }) => id === cause.failureMode)!;
    const specs = mode.symptoms.length + mode.discriminators.length;
    expect(cause.for.length + cause.against.length).toBeLessThanOrEqual(specs + 1);
  }
});
