// What is worth waking somebody for, and what is not: who waits because of it, for how long, and whether all share it.
import { describe, expect, test } from "vitest";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { anomaly, calmMs, change, type How, replicas, t0, world } from "./fleet.ts";

const minuteMs = 60_000;

async function opened(ms: number, how: How, changes: Parameters<typeof world>[0] = []): Promise<number> {
  const { run } = world(changes);
  await run(calmMs);
  return new Set((await run(ms, how)).incidents.map(({ id }) => id)).size;
}

const gone: Anomaly = { ...anomaly("vllm-1", "joint", "down", t0), detector: "absence", shape: "dropout" };
const away: How = {
  values: (name, at) => (name === "vllm-1" && at >= t0 ? null : {}),
  anomalies: [gone],
};

describe("a replica that is gone", () => {
  test("while its siblings are not is an incident after five minutes, not before", async () => {
    expect(await opened(4 * minuteMs, away)).toBe(0);
    expect(await opened(6 * minuteMs, away)).toBe(1);
  });

  test("with all its siblings is none: the telemetry is gone", async () => {
    expect(await opened(8 * minuteMs, { ...away, values: () => null })).toBe(0);
  });

  test("because it was taken away is none", async () => {
    expect(await opened(8 * minuteMs, away, [change("scale", "deployment:chat", t0 - minuteMs)])).toBe(0);
  });
});

describe("a latency", () => {
  const late = (name: string, observed: number): Anomaly => anomaly(name, "ttft", "up", t0, observed);

  test("noticeably worse on one replica for minutes is an incident", async () => {
    expect(await opened(3 * minuteMs, { anomalies: [late("vllm-1", 0.9)] })).toBe(0);
    expect(await opened(7 * minuteMs, { anomalies: [late("vllm-1", 0.9)] })).toBe(1);
  });

  test("of a replica whose day is not known yet is none", async () => {
    const young = { ...late("vllm-1", 0.9), knownMs: 3_600_000 };
    expect(await opened(10 * minuteMs, { anomalies: [young] })).toBe(0);
    expect(await opened(10 * minuteMs, { anomalies: [{ ...young, knownMs: 86_400_000 }] })).toBe(1);
  });

  test("hardly worse, or worse on all alike, is none", async () => {
    expect(await opened(10 * minuteMs, { anomalies: [late("vllm-1", 0.6)] })).toBe(0);
    expect(await opened(10 * minuteMs, { anomalies: replicas.map((name) => late(name, 0.9)) })).toBe(0);
  });
});

describe("load", () => {
  const full: How = {
    values: () => ({ kv_usage: 1, preemptions: 0.5 }),
    anomalies: [anomaly("vllm-1", "kv_usage", "up", t0, 1)],
  };

  test("that fills the cache wakes nobody while nobody waits", async () => {
    expect(await opened(20 * minuteMs, full)).toBe(0);
  });

  test("that others have while a sibling is started is none for five minutes", async () => {
    const queued: How = {
      values: (name) => (name === "vllm-0" ? { waiting: 19, ttft: 7 } : {}),
      anomalies: [
        anomaly("vllm-0", "waiting", "up", t0 + minuteMs, 19),
        anomaly("vllm-0", "kv_usage", "up", t0 + minuteMs, 0.95),
      ],
    };
    const rollout = [
      change("deploy", "deployment:chat", t0 - minuteMs),
      change("restart", "replica:vllm-1", t0),
      change("restart", "replica:vllm-2", t0 + 3 * minuteMs),
    ];
    expect(await opened(5 * minuteMs, queued, rollout)).toBe(0);
    expect(await opened(7 * minuteMs, queued, rollout)).toBe(1);
  });

  test("that all replicas feel is an incident once it has lasted five minutes", async () => {
    const slow: How = {
      anomalies: replicas.flatMap((name) => [anomaly(name, "ttft", "up", t0), anomaly(name, "itl", "up", t0)]),
    };
    expect(await opened(4 * minuteMs, slow)).toBe(0);
    expect(await opened(6 * minuteMs, slow)).toBe(1);
  });
});
