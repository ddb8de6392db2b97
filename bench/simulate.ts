// How fast the simulated fleet is, and how true: speed, the laws of queues, published observations, a measured run. Prints one JSON document as its last line.
import { fileURLToPath } from "node:url";
import { createFleet } from "../src/simulate/fleet.ts";
import { healthyScenario, type Scenario, scenarioFor } from "../src/simulate/scenario.ts";
import { cpuSecondsSince, printReport } from "./lib/report.ts";
import { conservation, littleError, longPrefillDrop, preemptionWasteError } from "./simulate/laws.ts";
import { curveErrors } from "./simulate/replay.ts";

const virtualMs = 1_800_000;
const measuredRun =
  process.argv[2] ?? fileURLToPath(new URL("../../shared/data/traces/vllm-burstgpt-replay", import.meta.url));

/** Virtual seconds in each second of CPU time of this process. */
function speed(scenario: Scenario): number {
  const fleet = createFleet(scenario);
  const before = process.cpuUsage();
  for (let t = 5000; t <= virtualMs; t += 5000) fleet.advance(t);
  return Math.round(virtualMs / 1000 / cpuSecondsSince(before));
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;
// The first run pays for compilation.
speed(healthyScenario(1));
const saturated = scenarioFor("kv-cache-saturation", 1, { atMs: 60_000 });
const waste = preemptionWasteError();
process.stderr.write(`work lost to preemption: ${waste.shares.map((share) => share.toFixed(3)).join(", ")}\n`);
const figures: Record<string, number> = {
  speed_ratio: speed(healthyScenario(1, { replicas: 8 })),
  virtual_seconds_per_cpu_second_4_replicas: speed(healthyScenario(1)),
  ...(saturated && { virtual_seconds_per_cpu_second_4_replicas_one_saturated: speed(saturated) }),
  conservation: conservation(),
  little_error: round(littleError()),
  preemption_waste_error: round(waste.worst),
  long_prefill_drop: round(longPrefillDrop()),
};
const curve = curveErrors(measuredRun);
if (curve === undefined) process.stderr.write(`no measured run at ${measuredRun}: curve_error is left out\n`);
for (const [name, value] of Object.entries(curve ?? {})) figures[name] = round(value);

printReport({
  bench: "simulate",
  figures,
  goals: [
    { figure: "speed_ratio", op: ">=", goal: 1000 },
    { figure: "conservation", op: "<=", goal: 0 },
    { figure: "little_error", op: "<=", goal: 0.02 },
    { figure: "preemption_waste_error", op: "<=", goal: 0.1 },
    { figure: "long_prefill_drop", op: "<=", goal: -0.95 },
    ...(curve === undefined ? [] : [{ figure: "curve_error", op: "<=", goal: 0.2 } as const]),
  ],
});
