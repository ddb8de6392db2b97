// What a diagnosis asks of telemetry and of people: no query twice, none for modes nothing speaks for, nobody woken by a start.
import { expect, test } from "vitest";
import { createRanking } from "../../src/diagnose/causes.ts";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import { tellsOfItself } from "../../src/diagnose/suspicion.ts";
import { createTopology } from "../../src/diagnose/topology.ts";
import { type Facts, worthWaking } from "../../src/diagnose/waking.ts";
import type { Alert, Anomaly } from "../../src/model/anomaly.ts";
import type { FailureMode, SymptomSpec } from "../../src/model/failure-mode.ts";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { anomaly, modes, replicas, start } from "./fleet.ts";
import { memoryChanges, memoryLogs, memorySeries, replica } from "./memory-sources.ts";

const at = start + 60_000;

/** Notes the names of metrics that are asked for. */
function recording(series: SeriesSource, asked: string[]): SeriesSource {
  return {
    select(matchers, range) {
      const name = matchers.find((one) => one.name === "__name__" && one.op === "=")?.value;
      if (name !== undefined) asked.push(name);
      return series.select(matchers, range);
    },
  };
}

/** Names of metrics asked for at one step, in order. */
async function askedFor(catalogue: readonly FailureMode[], anomalies: readonly Anomaly[], parents: readonly string[]) {
  const series = memorySeries();
  for (const name of replicas) {
    series.add({ __name__: "llm:requests_waiting", entity: `replica:${name}` }, at, 20);
    series.add({ __name__: "llm:kv_cache_usage_ratio", entity: `replica:${name}` }, at, 0.5);
  }
  const asked: string[] = [];
  const source = recording(series, asked);
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
  const source = recording(memorySeries(), asked);
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

test("a ticket alone waits ten minutes, two that last bear each other out, and what was so from the beginning may be usual", () => {
  const members = replicas.map((name) => `replica:${name}`);
  const wakes = (rules: readonly string[], minutes: number, youngSince?: number): boolean => {
    const alerts = rules.map((rule): Alert => {
      const labels = { severity: "ticket" };
      const about = { failureMode: "traffic-burst", entity: members[0]!, annotations: {}, group: "vllm", value: 1 };
      return { ...about, id: rule, rule, labels, state: "firing", activeAt: at - minutes * 60_000 };
    });
    const facts = { at, scope: "deployment:chat", modes, causes: [], starts: [], alive: new Set(members), members };
    const young = youngSince === undefined ? {} : { youngSince };
    return worthWaking({ anomalies: [], alerts, context: [] }, { ...facts, ...young } as Facts);
  };
  expect([9, 10].map((minutes) => wakes(["slow"], minutes))).toEqual([false, true]);
  expect([2, 3].map((minutes) => wakes(["slow", "queue"], minutes))).toEqual([false, true]);
  expect(wakes(["slow", "slow"], 3)).toBe(false);
  const minute = 60_000;
  expect(wakes(["slow"], 15, at - 20 * minute)).toBe(false);
  expect(wakes(["slow", "queue"], 15, at - 20 * minute)).toBe(false);
  expect(wakes(["slow"], 15, at - 30 * minute)).toBe(true);
});

test("one replica's ticket speaks for all of a deployment only with a likely cause, and what is as ever never without", () => {
  const members = replicas.map((name) => `replica:${name}`);
  const wakes = (count: number, probability: number, location: string, youngSince?: number): boolean => {
    const alerts = members.slice(0, count).map((entity): Alert => {
      const about = { failureMode: "traffic-burst", entity, annotations: {}, group: "vllm", value: 1, rule: "slow" };
      return { ...about, id: entity, labels: { severity: "ticket" }, state: "firing", activeAt: at - 60_000 };
    });
    const named = { failureMode: "traffic-burst", code: "", title: "", location, against: [], for: [] };
    const known = { at, scope: "deployment:chat", modes, starts: [], alive: new Set(members), members };
    const young = youngSince === undefined ? {} : { youngSince };
    const facts: Facts = { ...known, causes: [{ ...named, probability }], ...young };
    return worthWaking({ anomalies: [], alerts, context: [] }, facts);
  };
  const most = Math.ceil(members.length / 2);
  expect(most).toBeGreaterThan(1);
  expect(wakes(1, 0.2, "deployment:chat")).toBe(false);
  expect(wakes(1, 0.6, "deployment:chat")).toBe(true);
  expect(wakes(most, 0.2, "deployment:chat")).toBe(true);
  expect(wakes(1, 0.2, members[0]!)).toBe(true);
  expect(wakes(1, 0.05, members[0]!)).toBe(false);
  expect(wakes(most, 0.2, "deployment:chat", at - 120_000)).toBe(false);
  expect(wakes(most, 0.6, "deployment:chat", at - 120_000)).toBe(true);
});

test("what is likely on one replica does not explain what others show", () => {
  const late = { ...anomaly("vllm-1", "itl", "up", at - 30_000), tail: 1e-6 };
  const evidence = { kind: "anomaly", says: "", at, entity: late.entity } as const;
  const members = replicas.map((name) => `replica:${name}`);
  const wakes = (location: string, everywhere?: string): boolean => {
    const named = { failureMode: "straggler", code: "", title: "", probability: 0.9, against: [] };
    const cause = {
      ...named,
      location,
      for: [evidence, evidence],
      ...(everywhere === undefined ? {} : { everywhere }),
    };
    const facts = {
      at,
      scope: "deployment:chat",
      modes,
      causes: [cause],
      starts: [],
      alive: new Set(members),
      members,
    };
    return worthWaking({ anomalies: [late], alerts: [], context: [] }, facts);
  };
  expect(wakes("replica:vllm-1")).toBe(true);
  expect(wakes("replica:vllm-0")).toBe(false);
  expect(wakes("replica:vllm-0", "deployment:chat")).toBe(true);
});

test("what the catalogue concluded is no evidence for what it concludes", async () => {
  const suspected: Alert = {
    ...{ id: "suspicion", rule: "FailureModeLikely", group: "catalogue", state: "firing", labels: {}, annotations: {} },
    ...{ failureMode: "straggler", entity: `replica:${replicas[0]}`, activeAt: at, value: 0.99 },
  };
  const topology = createTopology();
  topology.update(replicas.map((name) => ({ ...replica(name), parent: "deployment:chat" })));
  const nothing = { look: () => Promise.resolve(() => ({ state: "unknown" }) as const) };
  const told = async (group: string): Promise<readonly string[]> => {
    const times = { at, onset: at, knownAt: at };
    const scene = { ...times, scope: "deployment:chat", changes: [], alive: new Set<string>(), silenceTells: false };
    const alerts = [{ ...suspected, group }];
    const causes = await createRanking(nothing, () => modes)(
      { ...scene, anomalies: [], topology },
      { anomalies: [], alerts },
    );
    return causes.map(({ failureMode }) => failureMode);
  };
  expect(await told("vllm")).toEqual(["straggler"]);
  expect(await told("catalogue")).toEqual([]);
});
