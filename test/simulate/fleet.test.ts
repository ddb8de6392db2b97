// Laws a fleet must obey, and what a healthy one looks like.
import { describe, expect, test } from "vitest";
import { createFleet, type Fleet, type Observation } from "../../src/simulate/fleet.ts";
import { healthyScenario, scenarioFor } from "../../src/simulate/scenario.ts";

function lostArrivals({ gateway, inFlight }: Observation): number {
  const { arrived, finished, shed, full, timedOut, lost } = gateway;
  return arrived - finished - shed - full - timedOut - lost - inFlight;
}

function run(fleet: Fleet, toMs: number, everyMs: number, look: (observation: Observation) => void): void {
  for (let t = fleet.nowMs + everyMs; t <= toMs; t += everyMs) {
    fleet.advance(t);
    look(fleet.observe());
  }
}

describe("a healthy hour", () => {
  test("has no preemption, KV use between 30 and 60 % on average and never full, and hardly anybody waits", () => {
    const fleet = createFleet(healthyScenario(11));
    const usage: number[] = [];
    let waiting = 0;
    run(fleet, 3_600_000, 5000, ({ replicas }) => {
      for (const { stats } of replicas) {
        usage.push(stats.kvUsage);
        waiting += stats.waiting;
      }
    });
    const { replicas, gateway } = fleet.observe();
    expect(replicas.map(({ stats }) => stats.preemptions)).toEqual([0, 0, 0, 0]);
    const mean = usage.reduce((sum, value) => sum + value, 0) / usage.length;
    expect(mean).toBeGreaterThan(0.3);
    expect(mean).toBeLessThan(0.6);
    expect(Math.max(...usage)).toBeLessThan(0.95);
    expect(waiting / usage.length).toBeLessThan(1);
    expect(gateway.timedOut + gateway.full + gateway.lost + gateway.retried).toBe(0);
  });

  test("obeys Little's law: in flight = arrival rate x time in system", () => {
    const fleet = createFleet(healthyScenario(5));
    let inFlight = 0;
    let looks = 0;
    run(fleet, 1_800_000, 1000, (observation) => {
      inFlight += observation.inFlight;
      looks++;
    });
    const { replicas, gateway } = fleet.observe();
    const seconds = replicas.reduce((sum, { stats }) => sum + stats.e2e.sum, 0);
    const count = replicas.reduce((sum, { stats }) => sum + stats.e2e.count, 0);
    const rate = gateway.arrived / 1800;
    // The engine's own latency includes the time before the scheduler sees a request.
    const timeInSystem = seconds / count - 0.015563;
    expect(inFlight / looks / (rate * timeInSystem)).toBeCloseTo(1, 1);
  });
});

describe("whatever happens", () => {
  test.each(["none", "kv-cache-saturation", "stuck-engine", "upgrade-regression"])(
    "arrivals are finished, given up or in flight, and pools are never overdrawn (%s, with restarts)",
    (mode) => {
      const target = "deployment:vllm-chat";
      const scenario = scenarioFor(mode, 2, { atMs: 60_000, target }, { requestTimeoutMs: 40_000 });
      const fleet = createFleet(scenario!);
      run(fleet, 300_000, 700, (observation) => {
        expect(lostArrivals(observation)).toBe(0);
        for (const { blocksUsed, blocksTotal } of observation.replicas) {
          expect(blocksUsed).toBeGreaterThanOrEqual(0);
          expect(blocksUsed).toBeLessThanOrEqual(blocksTotal);
        }
        if (observation.nowMs === 140_000) fleet.perform({ action: "restart-replica", target, parameters: {} }, "me");
      });
      expect(fleet.observe().gateway.finished).toBeGreaterThan(1000);
    },
  );

  test("requests that nobody answers are given up after the gateway's timeout, and not by a stuck engine", () => {
    const scenario = scenarioFor("stuck-engine", 0, { atMs: 30_000 }, { requestTimeoutMs: 20_000 });
    const fleet = createFleet(scenario!);
    fleet.advance(120_000);
    const { gateway, replicas } = fleet.observe();
    expect(gateway.timedOut).toBeGreaterThan(10);
    expect(replicas[0]!.holds).toBeGreaterThanOrEqual(gateway.timedOut);
    expect(replicas[0]!.stats.aborted).toBe(0);
  });

  test("the same scenario gives the same run however it is cut into steps, another seed another", () => {
    const result = (seed: number, everyMs: number): string => {
      const fleet = createFleet(scenarioFor("kv-cache-saturation", seed, { atMs: 60_000, target: "replica:vllm-1" })!);
      run(fleet, 180_000, everyMs, () => {});
      return JSON.stringify(fleet.observe());
    };
    expect(result(1, 5000)).toBe(result(1, 1000));
    expect(result(1, 5000)).not.toBe(result(2, 5000));
  });

  test("virtual time cannot go back", () => {
    const fleet = createFleet(healthyScenario(1));
    fleet.advance(1000);
    expect(() => fleet.advance(999)).toThrow(RangeError);
  });

  test("an engine whose cache cannot hold one longest request is refused", () => {
    expect(() => healthyScenario(1, { engine: { gpu_memory_utilization: 0.81, max_model_len: 32_768 } })).toThrow(
      /max_model_len/,
    );
  });

  test("round robin gives every replica the same number of requests", () => {
    const fleet = createFleet(healthyScenario(1, { router: "round_robin" }));
    fleet.advance(60_000);
    const got = fleet.observe().replicas.map(({ stats, holds }) => stats.stopped + stats.lengthCapped + holds);
    expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(1);
  });
});
