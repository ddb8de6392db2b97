// Each fault shows its signature, the right repair undoes it, the wrong one hurts.
import { describe, expect, test } from "vitest";
import type { Change } from "../../src/simulate/action.ts";
import { createFleet, type Fleet } from "../../src/simulate/fleet.ts";
import { scenarioFor } from "../../src/simulate/scenario.ts";
import type { Histogram } from "../../src/simulate/stats.ts";

const faultAtMs = 120_000;
const target = "replica:vllm-2";

function broken(mode: string, where = target) {
  const changes: Change[] = [];
  const fleet = createFleet(scenarioFor(mode, 3, { atMs: faultAtMs, target: where })!, {
    change: (change) => changes.push(change),
  });
  return { fleet, changes };
}

const stats = (fleet: Fleet, replica = 2) => fleet.observe().replicas[replica]!.stats;
const mean = ({ sum, count }: Histogram): number => sum / count;

/** What a window of virtual time added to a replica's counters, and the mean of its gauges. */
function during(fleet: Fleet, ms: number, replica = 2) {
  const before = structuredClone(stats(fleet, replica));
  let kv = 0;
  let waiting = 0;
  const looks = Math.round(ms / 1000);
  for (let i = 0; i < looks; i++) {
    fleet.advance(fleet.nowMs + 1000);
    kv += stats(fleet, replica).kvUsage / looks;
    waiting += stats(fleet, replica).waiting / looks;
  }
  const after = stats(fleet, replica);
  const delta = (a: Histogram, b: Histogram): number => (b.sum - a.sum) / (b.count - a.count);
  return {
    kv,
    waiting,
    preemptions: after.preemptions - before.preemptions,
    tokens: after.generationTokens - before.generationTokens,
    ttft: delta(before.ttft, after.ttft),
    itl: delta(before.itl, after.itl),
  };
}

describe("KV-cache saturation", () => {
  test("a smaller pool fills within 30 s of its restart: preemptions, waiting and TTFT go up, a rollback undoes it", () => {
    const { fleet, changes } = broken("kv-cache-saturation");
    fleet.advance(faultAtMs - 30_000);
    const healthy = during(fleet, 30_000);
    // Rollout, 8 s of cold start, then 20 s of filling.
    fleet.advance(faultAtMs + 28_000);
    const sick = during(fleet, 30_000);
    expect(sick.kv).toBeGreaterThan(0.93);
    expect(sick.preemptions).toBeGreaterThan(3);
    expect(sick.waiting).toBeGreaterThan(5);
    expect(sick.ttft).toBeGreaterThan(healthy.ttft * 10);
    expect(healthy.preemptions).toBe(0);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({
      kind: "config",
      target,
      before: { gpu_memory_utilization: "0.92" },
      after: { gpu_memory_utilization: "0.84" },
    });

    expect(fleet.perform({ action: "rollback-config", target, parameters: {} }, "msg_1").kind).toBe("accepted");
    fleet.advance(fleet.nowMs + 30_000);
    const repaired = during(fleet, 30_000);
    expect(repaired.kv).toBeLessThan(0.7);
    expect(repaired.preemptions).toBe(0);
    expect(repaired.ttft).toBeLessThan(healthy.ttft * 1.5);
    expect(changes[1]).toMatchObject({ by: "msg_1", kind: "config", after: { gpu_memory_utilization: "0.92" } });
  });

  test("a restart, the wrong repair, leaves it saturated and loses work", () => {
    const { fleet } = broken("kv-cache-saturation");
    fleet.advance(faultAtMs + 60_000);
    const { retried } = fleet.observe().gateway;
    fleet.perform({ action: "restart-replica", target, parameters: {} }, "msg_1");
    fleet.advance(fleet.nowMs + 30_000);
    expect(fleet.observe().gateway.retried).toBeGreaterThan(retried + 10);
    const after = during(fleet, 30_000);
    expect(after.kv).toBeGreaterThan(0.9);
    expect(after.preemptions).toBeGreaterThan(3);
  });

  test("rolled out to the whole deployment, one replica at a time, it is worse, and a rollback drains it", () => {
    const { fleet } = broken("kv-cache-saturation", "deployment:vllm-chat");
    let down = 0;
    for (let i = 0; i < 60; i++) {
      fleet.advance(faultAtMs + i * 1000);
      down = Math.max(down, fleet.replicas.filter(({ state }) => state === "starting").length);
    }
    expect(down).toBe(1);
    expect(during(fleet, 20_000).waiting).toBeGreaterThan(50);
    fleet.perform({ action: "rollback-config", target: "deployment:vllm-chat", parameters: {} }, "msg_1");
    fleet.advance(fleet.nowMs + 110_000);
    expect(during(fleet, 30_000).preemptions).toBe(0);
  });
});

describe("a stuck engine", () => {
  test("counters stand still and gauges freeze with requests running, and a restart brings it back", () => {
    const { fleet, changes } = broken("stuck-engine");
    fleet.advance(faultAtMs + 10);
    const frozen = structuredClone(stats(fleet));
    expect(frozen.running).toBeGreaterThan(0);
    fleet.advance(faultAtMs + 60_000);
    expect(stats(fleet)).toEqual(frozen);
    expect(changes).toEqual([]);
    expect(during(fleet, 10_000, 0).tokens).toBeGreaterThan(1000);

    fleet.perform({ action: "restart-replica", target, parameters: {} }, "msg_1");
    fleet.advance(fleet.nowMs + 20_000);
    expect(during(fleet, 20_000).tokens).toBeGreaterThan(5000);
    expect(fleet.observe().replicas[2]!.epoch).toBe(2);
  });
});

describe("an upgrade regression", () => {
  test("inter-token latency rises on the new version only, without preemptions, and a rollback undoes it", () => {
    const { fleet, changes } = broken("upgrade-regression");
    fleet.advance(faultAtMs - 30_000);
    const healthy = during(fleet, 30_000);
    fleet.advance(faultAtMs + 30_000);
    const sick = during(fleet, 30_000);
    expect(sick.itl / healthy.itl).toBeGreaterThan(1.8);
    expect(mean(stats(fleet, 0).itl) / healthy.itl).toBeLessThan(1.3);
    expect(sick.preemptions).toBe(0);
    expect(fleet.observe().replicas.map(({ version }) => version)).toEqual(["0.10.2", "0.10.2", "0.11.0", "0.10.2"]);
    expect(changes[0]).toMatchObject({ kind: "deploy", before: { version: "0.10.2" }, after: { version: "0.11.0" } });

    fleet.perform({ action: "rollback-version", target, parameters: {} }, "msg_1");
    fleet.advance(fleet.nowMs + 30_000);
    expect(during(fleet, 20_000).itl / healthy.itl).toBeLessThan(1.2);
    expect(fleet.observe().replicas[2]!.version).toBe("0.10.2");
  });
});

describe("faults and repairs", () => {
  test("a fault with a hold undoes itself", () => {
    const scenario = scenarioFor("kv-cache-saturation", 3, { atMs: 60_000, holdMs: 40_000, target });
    const fleet = createFleet(scenario!);
    fleet.advance(75_000);
    const small = fleet.observe().replicas[2]!.blocksTotal;
    fleet.advance(115_000);
    expect(fleet.observe().replicas[2]!.blocksTotal).toBeGreaterThan(small * 3);
  });

  test.each([
    [{ action: "rollback-config", target, parameters: {} }, 409],
    [{ action: "rollback-config", target: "replica:nobody", parameters: {} }, 404],
    [{ action: "format-disk", target, parameters: {} }, 422],
    [{ action: "set-knob", target, parameters: { knob: "constructor", value: "1" } }, 422],
    [{ action: "set-knob", target, parameters: { knob: "max_num_seqs", value: "many" } }, 422],
    [{ action: "set-knob", target, parameters: { knob: "gpu_memory_utilization", value: "0.5" } }, 422],
    [{ action: "shed-load", target, parameters: { share: "2" } }, 422],
  ])("%j is refused with %i", (request, status) => {
    const fleet = createFleet(scenarioFor("none", 3)!);
    expect(fleet.perform(request, "msg_1")).toMatchObject({ kind: "refused", status });
  });

  test("a knob can be set, and load be shed for a while", () => {
    const fleet = createFleet(scenarioFor("none", 3)!);
    fleet.perform({ action: "set-knob", target, parameters: { knob: "max_num_seqs", value: "8" } }, "msg_1");
    fleet.perform({ action: "shed-load", target, parameters: { share: "0.5", seconds: "30" } }, "msg_2");
    fleet.advance(60_000);
    expect(stats(fleet).running).toBeLessThanOrEqual(8);
    expect(fleet.observe().gateway.shed).toBeGreaterThan(200);
    expect(fleet.observe().gateway.shed).toBeLessThan(400);
  });

  test("a rollback during a rollout takes back what is still to come", () => {
    const { fleet } = broken("kv-cache-saturation", "deployment:vllm-chat");
    fleet.advance(faultAtMs + 10_000);
    fleet.perform({ action: "rollback-config", target: "deployment:vllm-chat", parameters: {} }, "msg_1");
    fleet.advance(faultAtMs + 60_000);
    expect(new Set(fleet.observe().replicas.map(({ blocksTotal }) => blocksTotal)).size).toBe(1);
    expect(fleet.observe().replicas[3]!.epoch).toBe(1);
  });

  test("an unknown failure mode has no scenario, an unknown target and an impossible pool are refused", () => {
    expect(scenarioFor("toString", 1)).toBeUndefined();
    expect(() => createFleet(scenarioFor("stuck-engine", 1, { target: "replica:nobody" })!)).toThrow(RangeError);
    const params = { gpu_memory_utilization: 0.5 };
    expect(() => createFleet(scenarioFor("kv-cache-saturation", 1, { params })!)).toThrow(/would not start/);
  });
});
