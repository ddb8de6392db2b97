// Each failure mode is told from the others and from what only looks like one; incidents open, group and close.
import { describe, expect, test } from "vitest";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import type { Alert } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import {
  anomaly,
  calmMs,
  change,
  ended,
  type How,
  modes,
  only,
  replicas,
  saturated,
  saturation,
  stepMs,
  t0,
  type Values,
  world,
} from "./fleet.ts";
import { memoryChanges, memoryLogs, replica } from "./memory-sources.ts";

const stuck: How = {
  values: only("vllm-2", { generated_tokens: 0, prompt_tokens: 0, finished: 0, running: 17, waiting: 4 }),
  anomalies: [anomaly("vllm-2", "generated_tokens", "down", t0, 0), anomaly("vllm-2", "waiting", "up", t0 + 20_000, 4)],
};
const slow: Partial<Values> = { itl: 0.045, ttft: 0.9, running: 25 };
const slower = (name: string) => [anomaly(name, "itl", "up", t0, 0.045), anomaly(name, "ttft", "up", t0, 0.9)];

describe("a failure mode is recognised", () => {
  const configured = change("config", "replica:vllm-1", t0 - 8000, "gpu_memory_utilization 0.9 -> 0.84");
  const canary = change("deploy", "replica:vllm-0", t0 - 8000);
  const rollout = change("deploy", "deployment:chat", t0 - 8000);
  test.each([
    ["KV saturation after a config change", saturation, [configured], "kv-cache-saturation", "vllm-1", configured.id],
    ["KV saturation that nobody caused", saturation, [], "kv-cache-saturation", "vllm-1", undefined],
    ["a stuck engine", stuck, [], "stuck-engine", "vllm-2", undefined],
    [
      "a slower canary",
      {
        values: only("vllm-0", slow),
        anomalies: slower("vllm-0"),
        version: (name: string) => (name === "vllm-0" ? "2" : "1"),
      },
      [canary],
      "upgrade-regression",
      "vllm-0",
      canary.id,
    ],
    [
      "a slower canary whose cache fills up because of it",
      {
        values: only("vllm-0", { ...slow, kv_usage: 0.98, preemptions: 0.4, waiting: 6 }),
        anomalies: [...slower("vllm-0"), anomaly("vllm-0", "kv_usage", "up", t0, 0.98)],
        version: (name: string) => (name === "vllm-0" ? "2" : "1"),
      },
      [canary],
      "upgrade-regression",
      "vllm-0",
      canary.id,
    ],
    [
      "a slower version everywhere",
      { values: () => slow, anomalies: replicas.flatMap(slower), version: () => "2" },
      [rollout],
      "upgrade-regression",
      "vllm-0",
      rollout.id,
    ],
  ] as const)("%s", async (_what, how, changes, mode, where, trigger) => {
    const { run } = world(changes);
    await run(calmMs);
    const { incidents, diagnoses } = await run(3 * 60_000, how as How);
    expect(new Set(incidents.map(({ id }) => id)).size).toBe(1);
    const causes = diagnoses.at(-1)!.causes;
    expect(diagnoses.every(({ causes: [top] }) => top?.failureMode === mode)).toBe(true);
    expect(causes[0]).toMatchObject({ failureMode: mode, location: `replica:${where}` });
    expect(causes[0]!.trigger).toBe(trigger);
    expect(causes[0]!.probability).toBeGreaterThan(0.8);
    expect(causes.reduce((sum, { probability }) => sum + probability, 0)).toBeLessThanOrEqual(1);
    expect(incidents.at(-1)!.entities[0]).toBe(`replica:${where}`);
  });
});

describe("nothing is diagnosed", () => {
  const burst = {
    prompt_tokens: 9000,
    generated_tokens: 1100,
    waiting: 4,
    ttft: 0.8,
    running: 24,
    kv_usage: 0.85,
    finished: 8,
  };
  const silent = { generated_tokens: 0, prompt_tokens: 0, finished: 0, running: 1, ttft: 3 };
  test.each<[string, How, number]>([
    [
      "in a burst of traffic that is worked off",
      {
        values: () => burst,
        anomalies: replicas.flatMap((name) => [
          anomaly(name, "prompt_tokens", "up", t0),
          anomaly(name, "ttft", "up", t0),
          anomaly(name, "kv_usage", "up", t0),
          anomaly(name, "joint", "up", t0),
        ]),
      },
      240_000,
    ],
    [
      "in the first minute of a replica that was restarted",
      {
        values: only("vllm-1", silent),
        anomalies: [
          anomaly("vllm-1", "generated_tokens", "down", t0 + 5000),
          anomaly("vllm-1", "ttft", "up", t0 + 5000),
          anomaly("vllm-1", "joint", "up", t0 + 5000),
        ],
      },
      55_000,
    ],
    [
      "on one missing scrape",
      {
        values: (name, at) => (name === "vllm-1" && at === t0 ? null : {}),
        anomalies: [{ ...anomaly("vllm-1", "generated_tokens", "down", t0), shape: "dropout" }],
      },
      60_000,
    ],
    ["on a lone joint anomaly", { anomalies: [anomaly("vllm-1", "joint", "up", t0)] }, 600_000],
  ])("%s", async (_what, how, ms) => {
    const { run } = world([change("restart", "replica:vllm-1", t0)]);
    await run(calmMs);
    expect(await run(ms, how)).toEqual({ incidents: [], diagnoses: [] });
  });
});

test("a restart that ends in a hang is told once the start is over", async () => {
  const { run } = world([change("restart", "replica:vllm-2", t0 - 10 * 60_000)]);
  await run(calmMs);
  expect((await run(60_000, stuck)).diagnoses.at(-1)!.causes[0]!.failureMode).toBe("stuck-engine");
});

test("the summary says what, where, why and since when, and the diagnosis says what would refute it", async () => {
  const { run } = world([change("config", "replica:vllm-1", t0 - 8000, "gpu_memory_utilization 0.9 -> 0.84")]);
  await run(calmMs);
  const diagnosis = (await run(60_000, saturation)).diagnoses.at(-1)!;
  expect(diagnosis.summary).toBe(
    "KV-cache saturation with preemptions on vllm-1 (chat) since 2026-01-05 12:15:05 UTC, set off by a config change at " +
      "2026-01-05 12:14:52 UTC (gpu_memory_utilization 0.9 -> 0.84): requests are preempted (2 per second), the KV cache " +
      "is full (99 %), requests wait for a place (20 waiting).",
  );
  expect(diagnosis.falsifiedBy).toContain("requests are preempted, or the KV cache is full");
  expect(diagnosis.causes[0]!.for.map(({ says }) => says)).toContain("vllm-1: requests are preempted (2 per second)");
});

test("symptoms on siblings join the incident, which closes when all are gone for two minutes", async () => {
  const { run, diagnose, at } = world();
  await run(calmMs);
  const opened = await run(60_000, saturation);
  expect(opened.incidents.at(-1)!.entities).toEqual(["replica:vllm-1", "replica:vllm-0"]);
  expect(diagnose.exclusions()).toEqual([
    expect.objectContaining({ entity: "replica:vllm-1", from: t0 + 5000 - 60_000 }),
    expect.objectContaining({ entity: "replica:vllm-0" }),
  ]);
  expect(diagnose.exclusions()[0]).not.toHaveProperty("to");
  const over = at();
  const closing = await run(4 * 60_000, { anomalies: saturation.anomalies!.map((one) => ended(one, over)) });
  expect(closing.incidents.map(({ state }) => state)).toEqual(["mitigating", "resolved"]);
  expect(closing.incidents.at(-1)!.resolvedAt).toBe(over);
  expect(diagnose.exclusions()[0]).toMatchObject({ to: over + 120_000 });
});

test("trouble of siblings that take over the load is a consequence, not another cause", async () => {
  const { run, at } = world();
  await run(calmMs);
  await run(60_000, stuck);
  const later = at();
  const { diagnoses, incidents } = await run(5 * 60_000, {
    values: only("vllm-0", saturated),
    anomalies: [
      ...stuck.anomalies!.map((one) => ended(one, later)),
      anomaly("vllm-0", "kv_usage", "up", later, 0.99),
      anomaly("vllm-0", "ttft", "up", later, 5),
      anomaly("vllm-0", "waiting", "up", later, 20),
      anomaly("vllm-0", "preemptions", "up", later, 2),
    ],
  });
  expect(diagnoses.every(({ causes }) => causes[0]!.failureMode === "stuck-engine")).toBe(true);
  expect(incidents.at(-1)).toMatchObject({ title: "Stuck engine on vllm-2", state: "open" });
  const still = await run(6 * 60_000, { values: only("vllm-0", saturated), anomalies: [] });
  expect(still.diagnoses.at(-1)!.causes[0]!.failureMode).toBe("kv-cache-saturation");
});

test("a change made after the incident opened is not taken for its cause", async () => {
  const { run, changes, at } = world();
  await run(calmMs);
  await run(30_000, saturation);
  await changes.add(change("config", "replica:vllm-1", at(), "rolled back"));
  const { diagnoses } = await run(30_000, saturation);
  expect(diagnoses.every(({ causes }) => causes[0]!.trigger === undefined)).toBe(true);
});

test("a firing rule with a failure mode opens an incident alone; one without does not", async () => {
  const alert = (failureMode?: string): Alert => ({
    id: "a",
    rule: "KvCacheFull",
    group: "vllm",
    state: "firing",
    labels: {},
    annotations: {},
    entity: "replica:vllm-1",
    activeAt: t0,
    value: 1,
    ...(failureMode === undefined ? {} : { failureMode }),
  });
  const calm = world();
  await calm.run(calmMs);
  expect((await calm.run(60_000, { alerts: [alert()] })).incidents).toEqual([]);
  const other = world();
  await other.run(calmMs);
  const { incidents, diagnoses } = await other.run(60_000, {
    alerts: [alert("kv-cache-saturation")],
    values: only("vllm-1", saturated),
  });
  expect(incidents[0]).toMatchObject({ state: "open", symptoms: ["a"] });
  expect(diagnoses[0]!.causes[0]!.for.map(({ kind }) => kind)).toContain("alert");
});

test("a change that is told after the incident opened is still its trigger", async () => {
  const { run, changes, at } = world();
  await run(calmMs);
  const opened = await run(30_000, saturation);
  expect(opened.diagnoses.at(-1)!.causes[0]!.trigger).toBeUndefined();
  const late = change("config", "replica:vllm-1", t0 - 8000, "gpu_memory_utilization 0.9 -> 0.84");
  changes.events.push(late);
  const { diagnoses } = await run(30_000, saturation);
  expect(at()).toBeLessThanOrEqual(t0 + 60_000);
  expect(diagnoses.at(-1)!.causes[0]!.trigger).toBe(late.id);
});

test("sources that fail make symptoms unknown; the step goes on", async () => {
  const fail = (): never => {
    throw new Error("down");
  };
  const diagnose = createDiagnosis(modes, {
    source: { select: fail },
    changes: { ...memoryChanges(), within: fail },
    logs: { ...memoryLogs(), search: fail },
    telemetry: silentTelemetry,
  });
  const entities = replicas.map(replica);
  const anomalies = [anomaly("vllm-1", "kv_usage", "up", t0), anomaly("vllm-1", "ttft", "up", t0)];
  let opened = 0;
  for (let at = t0; at < t0 + 180_000; at += stepMs) {
    opened += (await diagnose.step({ at, anomalies: at === t0 ? anomalies : [], alerts: [], entities })).incidents
      .length;
  }
  expect(opened).toBe(1);
});

test("the same input gives the same answer", async () => {
  const answers = await Promise.all(
    [1, 2].map(async () => {
      const { run } = world();
      await run(calmMs);
      return run(120_000, saturation);
    }),
  );
  expect(answers[0]).toEqual(answers[1]);
});
