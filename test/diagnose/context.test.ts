// Odd series that no catalogue knows: alone they wake nobody, with an incident they belong to it, and they hold none open.
import { expect, test } from "vitest";
import { anomaly, calmMs, replicas, t0, world } from "./fleet.ts";

const odd = replicas.flatMap((name) => [anomaly(name, "series", "up", t0), anomaly(name, "series", "down", t0 + 5000)]);

test("alone they open no incident, however many and for however long", async () => {
  const { run } = world([]);
  await run(calmMs);
  expect(await run(20 * 60_000, { anomalies: odd })).toEqual({ incidents: [], diagnoses: [] });
});

test("they are symptoms of an incident of the same deployment, and do not keep it from ending", async () => {
  const { run } = world([]);
  await run(calmMs);
  const bad = [anomaly("vllm-1", "kv_usage", "up", t0, 0.99), anomaly("vllm-1", "ttft", "up", t0, 5)];
  const values = (name: string) =>
    name === "vllm-1"
      ? { kv_usage: 0.99, preemptions: 2, waiting: 20, ttft: 5, running: 30, generated_tokens: 500 }
      : {};
  const { incidents } = await run(2 * 60_000, { values, anomalies: [...bad, ...odd] });
  const incident = incidents.at(-1);
  expect(incident?.symptoms).toEqual(expect.arrayContaining([...bad, ...odd].map(({ id }) => id)));
  const over = bad.map((one) => ({ ...one, endedAt: t0 + 2 * 60_000 }));
  const after = await run(6 * 60_000, { anomalies: [...over, ...odd] });
  expect(after.incidents.at(-1)?.state).toBe("resolved");
});
