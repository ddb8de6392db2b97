// How much virtual time a simulated fleet gets through in a second of CPU. Prints one JSON document as its last line.
import { cpus } from "node:os";
import { createFleet } from "../src/simulate/fleet.ts";
import { healthyScenario, type Scenario, scenarioFor } from "../src/simulate/scenario.ts";

const virtualMs = 1_800_000;

/** Virtual seconds in each second of CPU time of this process. */
function speed(scenario: Scenario): number {
  const fleet = createFleet(scenario);
  const before = process.cpuUsage();
  for (let t = 5000; t <= virtualMs; t += 5000) fleet.advance(t);
  const { user, system } = process.cpuUsage(before);
  return Math.round(virtualMs / 1000 / ((user + system) / 1e6));
}

const figures: Record<string, number> = {
  virtual_seconds_per_cpu_second_4_replicas: speed(healthyScenario(1)),
  virtual_seconds_per_cpu_second_8_replicas: speed(healthyScenario(1, { replicas: 8 })),
};
const saturated = scenarioFor("kv-cache-saturation", 1, { atMs: 60_000 });
if (saturated !== undefined) figures["virtual_seconds_per_cpu_second_4_replicas_one_saturated"] = speed(saturated);

const goals = Object.entries(figures).map(([figure, value]) => ({
  figure,
  op: ">=",
  goal: 1000,
  holds: value >= 1000,
}));
const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version };
process.stdout.write(`${JSON.stringify({ bench: "simulate", figures, goals, peers: {}, machine })}\n`);
