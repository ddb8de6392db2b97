// What a diagnosis asks of telemetry and of people: no query twice, none for modes nothing speaks for, nobody woken by a start.
import { expect, test } from "vitest";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import { tellsOfItself } from "../../src/diagnose/suspicion.ts";
import { type Facts, worthWaking } from "../../src/diagnose/waking.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import type { FailureMode, SymptomSpec } from "../../src/model/failure-mode.ts";
import type { LabelMatcher } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { anomaly, modes, replicas, start } from "./fleet.ts";
import { memoryChanges, memoryLogs, memorySeries, replica } from "./memory-sources.ts";

const at = start + 60_000;

/** Names of metrics asked for at one step, in order. */
async function askedFor(catalogue: readonly FailureMode[], anomalies: readonly Anomaly[], parents: readonly string[]) {
  const series = memorySeries();
  for (const name of replicas) {
    series.add({ __name__: "llm:requests_waiting", entity: `replica:${name}` }, at, 20);
    series.add({ __name__: "llm:kv_cache_usage_ratio", entity: `replica:${name}` }, at, 0.5);
  }
  const asked: string[] = [];
  const source = {
    select(matchers: readonly LabelMatcher[], range: { from: number; to: number }) {
      const name = matchers.find((one) => one.name === "__name__" && one.op === "=")?.value;
      if (name !== undefined) asked.push(name);
      return series.select(matchers, range);
    },
  };
  const deps = { source, changes: memoryChanges(), logs: memoryLogs(), telemetry: silentTelemetry };
  const entities = replicas.map((name, i) => ({ ...replica(name), parent: parents[i % parents.length]! }));
  await createDiagnosis(catalogue, deps).step({ at, anomalies, alerts: [], entities });
  return asked;
}

const spec = (id: string, metric: string): SymptomSpec => ({
  id,
  says: id,
  present: 2,
  absent: 1,
  source: { kind: "expr", expr: `${metric} > 10` },
});
const mode = (id: string, sign: string, look: string): FailureMode => ({
  ...modes[0]!,
  id,
  at: ["replica"],
  symptoms: [spec("sign", sign)],
  discriminators: [{ ...spec("look", look), against: "other" }],
});
const odd = replicas.map((name) => anomaly(name, "ttft", "up", start));

test("in a large fleet, while nothing is wrong and nothing was changed, mostly only what says itself what is wrong is asked", async () => {
  const onReplicas = modes.filter((one) => !tellsOfItself(one));
  expect(onReplicas.length).toBeGreaterThan(20);
  const hot: FailureMode = { ...mode("hot", "gpu:temperature_celsius", "look:hot"), at: ["gpu"] };
  const asked: string[] = [];
  const source = {
    select(matchers: readonly LabelMatcher[]) {
      const name = matchers.find((one) => one.name === "__name__" && one.op === "=")?.value;
      if (name !== undefined) asked.push(name);
      return [];
    },
  };
  const deps = { source, changes: memoryChanges(), logs: memoryLogs(), telemetry: silentTelemetry };
  const entities = Array.from({ length: 400 }, (_, i) => ({ ...replica(`vllm-${i}`), parent: "deployment:chat" }));
  const diagnosis = createDiagnosis([...onReplicas, hot], deps);
  const step = (i: number) => diagnosis.step({ at: at + i * 15_000, anomalies: [], alerts: [], entities });
  await step(0);
  expect(new Set(asked).size).toBeGreaterThan(20);
  for (const i of [1, 2, 3]) {
    asked.length = 0;
    await step(i);
    expect(asked).toEqual(["gpu:temperature_celsius"]);
  }
});

test("what tells a mode from others is asked only if something speaks for the mode, and once for all incidents", async () => {
  const catalogue = [
    mode("queueing", "llm:requests_waiting", "look:queueing"),
    mode("again", "llm:requests_waiting", "look:queueing"),
    mode("full", "llm:kv_cache_usage_ratio", "look:full"),
  ];
  const expected = ["llm:requests_waiting", "llm:kv_cache_usage_ratio", "look:queueing"];
  expect(await askedFor(catalogue, odd, ["deployment:chat"])).toEqual(expected);
  expect(await askedFor(catalogue, odd, ["deployment:a", "deployment:b", "deployment:c"])).toEqual(expected);
});

test("a start that explains what is seen wakes nobody; a failure that explains as much does", () => {
  const stopped = { ...anomaly("vllm-0", "generated_tokens", "down", at - 90_000), tail: 1e-3 };
  const evidence = { kind: "anomaly", says: "", at, entity: stopped.entity } as const;
  const wakes = (failureMode: string): boolean => {
    const named = { failureMode, code: "", title: "", location: stopped.entity, against: [] };
    const causes = [{ ...named, probability: 0.9, for: [evidence, evidence] }];
    const members = replicas.map((name) => `replica:${name}`);
    const facts = { at, scope: "deployment:chat", modes, causes, starts: [], alive: new Set(members), members };
    return worthWaking({ anomalies: [stopped], alerts: [], context: [] }, facts as Facts);
  };
  expect(modes.find(({ id }) => id === "cold-start")?.severity).toBe("info");
  expect(wakes("cold-start")).toBe(false);
  expect(wakes("stuck-engine")).toBe(true);
});
