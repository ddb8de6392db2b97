import { test } from "vitest";
import { createDetection } from "../../src/detect/detection.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { healthyScenario, scenarioFor } from "../../src/simulate/scenario.ts";
import { simulate, simulatedStart } from "./simulated.ts";
const fmt = (x: number) => Number(x.toPrecision(3));
async function go(name: string, scenario: any, minutes: number) {
  const d = await createDetection({ stepMs: 5000 }, { exclusions: { current: () => [] }, telemetry: {...silentTelemetry, log: {...silentTelemetry.log, warn: console.log, info: console.log}} });
  const t0 = performance.now(); let detMs = 0; let n=0;
  console.log("==", name);
  await simulate(scenario, minutes * 60_000, 5000, async (frame) => {
    const t = performance.now();
    const out = await d.step(frame);
    detMs += performance.now() - t; n++;
    for (const a of out) console.log(((frame.at - simulatedStart) / 1000 - 0).toFixed(0), a.entity, a.signal, a.endedAt ? "END" : "", a.shape, a.direction, fmt(a.observed), fmt(a.expected.low), fmt(a.expected.high), a.tail.toExponential(1), a.evidence[0]?.says);
    if (n % 360 === 0) console.log("  values", frame.signals.map((s, i) => s + "=" + fmt(frame.values[i]!) + (frame.quality[i] ? "q" + frame.quality[i] : "")).join(" "));
  });
  console.log(d.learnedBackend()); await d[Symbol.asyncDispose](); console.log("  total", fmt(performance.now() - t0), "detect", fmt(detMs), d.baseline());
}
test("probe", async () => {
  await go("healthy1", healthyScenario(1), 180);
  await go("healthy2", healthyScenario(2), 180);
  for (const mode of ["kv-cache-saturation", "stuck-engine", "upgrade-regression"]) await go(mode, scenarioFor(mode, 3, { atMs: 2_400_000, holdMs: 600_000 }), 60);
}, 600_000);
