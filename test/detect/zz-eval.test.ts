import { test } from "vitest";
import { createDetection } from "../../src/detect/detection.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { healthyScenario, scenarioFor, conversation } from "../../src/simulate/scenario.ts";
import { simulate, simulatedStart } from "./simulated.ts";
async function run(scenario: any, minutes: number, stepMs: number, opts: any = {}) {
  await using d = await createDetection({ stepMs, ...opts }, { exclusions: { current: () => [] }, telemetry: silentTelemetry });
  const told: any[] = [];
  await simulate(scenario, minutes * 60_000, stepMs, async (f) => { for (const a of await d.step(f)) told.push({ ...a, t: (f.at - simulatedStart) / 1000 }); });
  return told;
}
const brief = (a: any) => `${a.t}s ${a.entity} ${a.detector}/${a.signal} ${a.endedAt ? "end" : "open"} ${Number(a.observed.toPrecision(3))} [${a.expected.low.toPrecision(3)},${a.expected.high.toPrecision(3)}] ${a.tail.toExponential(1)}`;
test("eval", async () => {
  for (const [name, sc] of [["h21", healthyScenario(21)], ["h22-bursty", healthyScenario(22, { workload: { ...conversation, cv: 2.5 } })], ["h23-low", healthyScenario(23, { workload: { ...conversation, ratePerReplica: 1 } })], ["h24-diurnal", healthyScenario(24, { workload: { ...conversation, diurnal: 0.4, ratePerReplica: 4 } })]] as const)
    console.log("EV", name, (await run(sc, 180, 5000)).map(brief));
  for (const seed of [31, 32, 33, 34]) console.log("EV demo-like", seed, (await run(healthyScenario(seed), 30, 5000, { learnDelayMs: 60_000 })).map(brief));
  for (const mode of ["kv-cache-saturation", "stuck-engine", "upgrade-regression"]) for (const seed of [41, 42, 43]) {
    const told = await run(scenarioFor(mode, seed, { atMs: 1_200_000 })!, 24, 5000, { learnDelayMs: 60_000 });
    const hit = `replica:vllm-${seed % 4}`;
    const first: Record<string, number> = {};
    for (const a of told) if (a.entity === hit) first[a.detector === "robust-level" ? a.signal : a.detector] ??= a.t - 1200;
    console.log("EV", mode, seed, "before", told.filter((a) => a.t < 1200).map(brief), JSON.stringify(first), "elsewhere", told.filter((a) => a.entity !== hit).length);
  }
}, 900_000);
