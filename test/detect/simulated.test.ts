// From a simulated engine's own metrics to anomalies, through the shipped mapping, the Head and the shipped model.
import { describe, expect, test } from "vitest";
import { simulate, simulatedStart } from "../../src/app/simulated-frames.ts";
import { createDetection } from "../../src/detect/detection.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { healthyScenario, type Scenario, scenarioFor } from "../../src/simulate/scenario.ts";

async function anomaliesOf(
  scenario: Scenario,
  minutes: number,
  stepMs: number,
): Promise<readonly (Anomaly & { at: number })[]> {
  const deps = { exclusions: { current: () => [] }, telemetry: silentTelemetry };
  await using detection = await createDetection({ stepMs }, deps);
  const told: (Anomaly & { at: number })[] = [];
  await simulate(scenario, minutes * 60_000, stepMs, async (frame) => {
    for (const anomaly of await detection.step(frame)) told.push({ ...anomaly, at: frame.at - simulatedStart });
  });
  return told;
}

describe("health", () => {
  test.each([
    [1, 5000],
    [2, 15_000],
  ])("two hours of a healthy fleet give nothing (seed %i, steps of %i ms)", async (seed, stepMs) => {
    expect(await anomaliesOf(healthyScenario(seed), 120, stepMs)).toEqual([]);
  });
});

describe("faults", () => {
  const faultAt = 40 * 60_000;
  const firstOf = (told: readonly (Anomaly & { at: number })[], signal: string, direction: string) =>
    told.find((one) => one.entity === "replica:vllm-3" && one.signal === signal && one.direction === direction);

  test.each([
    ["kv-cache-saturation", ["kv_usage up", "waiting up", "ttft up"]],
    ["stuck-engine", ["generated_tokens down", "joint both"]],
    ["upgrade-regression", ["itl up", "ttft up", "generated_tokens down"]],
  ])("%s shows within a minute, on the replica it struck first, and ends after it", async (mode, symptoms) => {
    const scenario = scenarioFor(mode, 3, { atMs: faultAt, holdMs: 300_000 });
    const told = await anomaliesOf(scenario!, 55, 5000);
    expect(told.filter((one) => one.at < faultAt)).toEqual([]);
    expect(told[0]?.entity).toBe("replica:vllm-3");
    for (const symptom of symptoms) {
      const [signal, direction] = symptom.split(" ") as [string, string];
      const first = firstOf(told, signal, direction);
      expect(first, symptom).toBeDefined();
      expect(first!.at - faultAt, symptom).toBeLessThanOrEqual(60_000);
      expect(first!.onset, symptom).toBeGreaterThan(simulatedStart + faultAt - 30_000);
      const last = told.filter((one) => one.id === first!.id).at(-1);
      expect(last?.endedAt, symptom).toBeGreaterThan(simulatedStart + faultAt + 300_000);
    }
  });
});
