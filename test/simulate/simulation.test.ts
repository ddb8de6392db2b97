// A scenario played without sockets: complete, in order, the same every time.
import { expect, test } from "vitest";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createSimulation } from "../../src/simulate/simulation.ts";

const startAt = 1_760_000_000_000;

function simulate(more = "") {
  const parsed = parseScenario(
    "s.yaml",
    `
scenario: { id: s, seed: 5, duration: 600s }
engine: { replicas: 2, cold_start: 20s }
workload: { source: synthetic }
faults: [{ kind: kv_pool_shrink, target: "replica:1", at: 120s, params: { factor: 0.3 } }]
telemetry: { scrape: 15s${more} }
ground_truth: { mode: FM-01, onset: 120s }
`,
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return createSimulation(parsed.value.scenario, { startAt });
}

/** Seconds of every `up` sample of a replica. */
function scrapesOf(simulation: ReturnType<typeof simulate>, untilMs: number, replica: string): number[] {
  const seconds: number[] = [];
  for (let t = 30_000; t <= untilMs; t += 30_000) {
    for (const { replica: name, data } of simulation.advance(t).recorded.metrics) {
      if (name !== replica) continue;
      const up = data.scopeMetrics[0]!.metrics.find(({ descriptor }) => descriptor.name === "up");
      seconds.push(...(up?.dataPoints ?? []).map(({ endTime }) => endTime[0] + endTime[1] / 1e9 - startAt / 1000));
    }
  }
  return seconds;
}

test("the same scenario gives the same bytes, however time is cut", () => {
  const play = (stepMs: number): string => {
    const simulation = simulate(", drop: 0.1");
    const all: unknown[] = [];
    for (let t = stepMs; t <= 200_000; t += stepMs) {
      const { recorded, changes, events } = simulation.advance(t);
      const logs = recorded.logs.map(({ hrTime, body }) => [hrTime, body]);
      const points = recorded.metrics.flatMap(({ replica, data }) =>
        data.scopeMetrics.flatMap(({ metrics }) =>
          metrics.flatMap(({ descriptor, dataPoints }) =>
            dataPoints.map(({ endTime, attributes, value }) => [replica, descriptor.name, endTime, attributes, value]),
          ),
        ),
      );
      all.push(
        points.map((point) => JSON.stringify(point)),
        logs.map((log) => JSON.stringify(log)),
        changes,
        events,
      );
    }
    return all
      .flat()
      .map((each) => JSON.stringify(each))
      .sort()
      .join("\n");
  };
  const once = play(20_000);
  expect(play(20_000)).toBe(once);
  expect(play(100_000)).toBe(once);
});

test("every target is scraped at its own offset, a little unevenly", () => {
  const first = scrapesOf(simulate(), 300_000, "vllm-0");
  const second = scrapesOf(simulate(), 300_000, "vllm-1");
  expect(first).toHaveLength(20);
  expect(first[0]).not.toBe(second[0]);
  const gaps = first.slice(1).map((at, i) => at - first[i]!);
  for (const gap of gaps) expect(Math.abs(gap - 15)).toBeLessThan(0.1);
  expect(new Set(gaps).size).toBeGreaterThan(3);
});

test("a share of the scrapes gets lost, and nothing else does", () => {
  const kept = scrapesOf(simulate(", drop: 0.3"), 600_000, "vllm-0");
  expect(kept.length).toBeGreaterThan(18);
  expect(kept.length).toBeLessThan(36);
});

test("the fault is told as a change, what it does is seen, and a repair is taken", () => {
  const simulation = simulate();
  simulation.advance(100_000);
  const { changes, events } = simulation.advance(200_000);
  expect(changes.map(({ at, kind, target }) => [at - startAt, kind, target])).toEqual([
    [120_000, "config", "replica:vllm-1"],
  ]);
  expect(events[0]).toMatchObject({ type: "fault", atMs: 120_000 });
  const shrunk = simulation.observe().replicas.map(({ blocksTotal }) => blocksTotal);
  expect(shrunk[1]! / shrunk[0]!).toBeCloseTo(0.3, 2);
  const answer = simulation.perform({ action: "rollback-config", target: "replica:1", parameters: {} }, "test");
  expect(answer.kind).toBe("accepted");
  simulation.advance(240_000);
  expect(new Set(simulation.observe().replicas.map(({ blocksTotal }) => blocksTotal)).size).toBe(1);
});
