// Looking without being called: what was rolled out is found before any detector has a past to compare with.
import { expect, test } from "vitest";
import { createDiagnosis, type Diagnose, type DiagnosisOutput } from "../../src/diagnose/diagnose.ts";
import { createSuspicion } from "../../src/diagnose/suspicion.ts";
import type { RankedCause } from "../../src/model/incident.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type SignalId, signalOf } from "../../src/model/signal.ts";
import { change, healthy, modes, replicas, stepMs, t0, world } from "./fleet.ts";
import { memoryLogs, replica } from "./memory-sources.ts";

const slow = (name: string, at: number) => (name === "vllm-1" && at >= t0 ? { itl: 0.08, ttft: 1.2 } : {});
const versions = (name: string) => (name === "vllm-1" ? "2" : "1");

test("a slower version is an incident although no detector says anything", async () => {
  const { run } = world([change("deploy", "replica:vllm-1", t0, "image upgrade 1 -> 2")]);
  await run(15 * 60_000);
  const { incidents, diagnoses } = await run(3 * 60_000, { values: slow, version: versions });
  expect(incidents[0]?.openedAt).toBeLessThanOrEqual(t0 + 2 * 60_000);
  expect(diagnoses.at(-1)?.causes[0]).toMatchObject({ failureMode: "upgrade-regression", location: "replica:vllm-1" });
});

test("a restart goes on with an incident that rests on nothing else, and tells when the suspicion is over", async () => {
  const changes = [change("deploy", "replica:vllm-1", t0, "image upgrade 1 -> 2")];
  const before = world(changes);
  await before.run(15 * 60_000);
  const { incidents } = await before.run(3 * 60_000, { values: slow, version: versions });
  const after = world(changes);
  await after.run(15 * 60_000);
  await after.run(3 * 60_000, { values: slow, version: versions });
  const fresh = createDiagnosis(modes, {
    ...{ source: after.source, changes: after.changes, logs: memoryLogs(), telemetry: silentTelemetry },
  });
  expect(fresh.restore(JSON.parse(JSON.stringify(before.diagnose.snapshot())))).toBe(true);
  const told = await goOn(fresh, after, 6 * 60_000);
  expect(told.incidents.filter(({ id, state }) => id !== incidents[0]!.id || state === "resolved")).toEqual([]);
  expect(told.alerts.filter(({ state }) => state === "inactive").map(({ id }) => id)).toEqual(
    before.diagnose.snapshot().suspicions!.map(({ id }) => id),
  );
});

/** Steps of `diagnose` over telemetry that stays as slow as it was. */
async function goOn(diagnose: Diagnose, { source, at }: ReturnType<typeof world>, ms: number) {
  const seen: DiagnosisOutput[] = [];
  for (let now = at(); now < at() + ms; now += stepMs) {
    for (const name of replicas)
      for (const [signal, value] of Object.entries({ ...healthy, ...slow(name, now) })) {
        const labels = { entity: `replica:${name}`, parent: "deployment:chat", version: versions(name) };
        source.add({ __name__: signalOf(signal as SignalId).metric, ...labels }, now, value);
      }
    seen.push(await diagnose.step({ at: now, anomalies: [], alerts: [], entities: replicas.map(replica) }));
  }
  return { incidents: seen.flatMap((one) => one.incidents), alerts: seen.flatMap((one) => one.alerts) };
}

test("the same without a change, and a deploy that does nothing, are none", async () => {
  const unchanged = world([]);
  await unchanged.run(15 * 60_000);
  expect((await unchanged.run(5 * 60_000, { values: slow })).incidents).toEqual([]);
  const harmless = world([change("deploy", "replica:vllm-1", t0, "image upgrade 1 -> 2")]);
  await harmless.run(15 * 60_000);
  expect((await harmless.run(10 * 60_000, { version: versions })).incidents).toEqual([]);
});

test("a rollout that says it changed nothing set nothing off", async () => {
  const noop = {
    ...change("deploy", "replica:vllm-1", t0, "labels changed"),
    before: { team: "a" },
    after: { team: "a" },
  };
  const { run } = world([noop]);
  await run(15 * 60_000);
  expect((await run(5 * 60_000, { values: slow, version: versions })).incidents).toEqual([]);
});

const cause = (probability: number, more: Partial<RankedCause> = {}): RankedCause => {
  const evidence = { kind: "signal", says: "", at: 0 } as const;
  const { id, code, title } = modes[0]!;
  const location = "gpu:0";
  return { failureMode: id, code, title, probability, location, for: [evidence, evidence], against: [], ...more };
};

test("it has to hold, and lives on over a flicker only", () => {
  const suspicion = createSuspicion(modes);
  suspicion.take("deployment:chat", [cause(0.99)], 0);
  expect(suspicion.alerts(0)).toEqual([]);
  for (const at of [15_000, 30_000, 45_000]) suspicion.take("deployment:chat", [cause(0.99)], at);
  expect(suspicion.alerts(45_000)).toMatchObject([{ entity: "gpu:0", activeAt: 0, state: "firing" }]);
  expect(suspicion.news(45_000)).toMatchObject([{ state: "firing", activeAt: 0 }]);
  suspicion.take("deployment:chat", [cause(0.5)], 60_000);
  expect(suspicion.alerts(60_000)).toHaveLength(1);
  expect(suspicion.news(60_000)).toEqual([]);
  suspicion.take("deployment:chat", [], 120_000);
  expect(suspicion.alerts(120_000)).toEqual([]);
  expect(suspicion.news(120_000)).toMatchObject([{ state: "inactive", resolvedAt: 120_000, activeAt: 0 }]);
  expect(suspicion.news(135_000)).toEqual([]);
});

test("what only compares replicas must leave next to nothing for no failure at all, and one observation is never enough", () => {
  const suspicion = createSuspicion(modes);
  const [first, second] = [modes[0]!.id, modes[1]!.id];
  const location = "replica:vllm-0";
  for (const at of [0, 30_000, 60_000]) {
    suspicion.take("deployment:weak", [cause(0.91, { location })], at);
    suspicion.take("deployment:one", [cause(0.99, { for: cause(1).for.slice(1) })], at);
    suspicion.take("deployment:changed", [cause(0.91, { location, trigger: "change-1" })], at);
    suspicion.take(
      "deployment:either",
      [cause(0.7, { location }), cause(0.295, { location, failureMode: second })],
      at,
    );
  }
  expect(suspicion.alerts(60_000).map(({ labels, value }) => [labels["failure_mode"], value])).toEqual([
    [first, 0.91],
    [first, 0.7],
  ]);
});

test("which failure it is may change while it holds, and what people feel leaves less for none", () => {
  const suspicion = createSuspicion(modes);
  const location = "replica:vllm-0";
  const other = modes[1]!.id;
  suspicion.take("deployment:chat", [cause(0.99, { location })], 0);
  suspicion.take("deployment:chat", [cause(0.99, { location, failureMode: other })], 15_000);
  expect(suspicion.alerts(15_000)).toMatchObject([{ failureMode: other, activeAt: 0 }]);
  for (const at of [0, 15_000]) {
    suspicion.take("deployment:felt", [cause(0.8, { location })], at, true);
    suspicion.take("deployment:hardly", [cause(0.3, { location })], at, true);
    suspicion.take("deployment:not-felt", [cause(0.8, { location })], at);
  }
  expect(suspicion.alerts(15_000)).toHaveLength(2);
});

test("the larger the fleet, the more seldom the whole catalogue is looked through", () => {
  const looks = (replicas: number): number => {
    const suspicion = createSuspicion(modes);
    return Array.from({ length: 120 }, (_, i) => suspicion.beginThorough(replicas, i * 5000)).filter(Boolean).length;
  };
  expect(looks(8)).toBe(40);
  expect(looks(1000)).toBe(4);
});
