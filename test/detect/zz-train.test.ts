import { test } from "vitest";
import type { Frame } from "../../src/model/frame.ts";
import { healthyScenario } from "../../src/simulate/scenario.ts";
import { simulate } from "./simulated.ts";
import { trainAutoencoder, trainingRows } from "../../src/detect/learned/train-autoencoder.ts";
import { saveModel } from "../../src/detect/learned/model-files.ts";
import { conversation } from "../../src/simulate/scenario.ts";
test("train", async () => {
  const all: Float64Array[] = [];
  const t0 = performance.now();
  const runs = [
    healthyScenario(101), healthyScenario(102, { workload: { ...conversation, ratePerReplica: 2.5 } }),
    healthyScenario(103, { workload: { ...conversation, ratePerReplica: 4, cv: 2 } }),
    healthyScenario(104, { workload: { ...conversation, ratePerReplica: 6 } }),
    healthyScenario(105, { workload: { ...conversation, diurnal: 0.4, ratePerReplica: 4 } }),
    healthyScenario(106, { workload: { ...conversation, ratePerReplica: 1.2, cv: 1.5 }, replicas: 2 }),
  ];
  for (const [i, scenario] of runs.entries()) {
    for (const stepMs of [5000, 15000]) {
    const frames: Frame[] = [];
    await simulate({ ...scenario, seed: scenario.seed * (stepMs/5000) }, stepMs === 5000 ? 2 * 3_600_000 : 4 * 3_600_000, stepMs, (f) => { frames.push(f); });
    all.push(trainingRows(frames));
    console.log(i, stepMs, frames.length, all.at(-1)!.length / 6, ((performance.now() - t0) / 1000).toFixed(0) + "s");
    }
  }
  // Shuffled by rows, so that the held-out share is of all runs.
  const width = 6; const total = all.reduce((s, a) => s + a.length, 0); const rows = new Float64Array(total); let o = 0;
  for (const a of all) { rows.set(a, o); o += a.length; }
  const { seededRandom } = await import("../../src/math/random.ts"); const r = seededRandom(1);
  for (let i = total / width - 1; i > 0; i--) { const j = Math.floor(r() * (i + 1)); for (let c = 0; c < width; c++) { const t = rows[i*width+c]!; rows[i*width+c] = rows[j*width+c]!; rows[j*width+c] = t; } }
  const saved = await trainAutoencoder(rows, width, { seed: 7, epochs: 12, onEpoch: (e, err) => console.log("epoch", e, err.toFixed(4)) });
  console.log(saved.scaling, saved.weights.length, saved.model.length, "rows", total / width, ((performance.now() - t0) / 1000).toFixed(0) + "s");
  let v = 0; for (const x of rows) v += x * x; console.log("variance of inputs", v / total);
  await saveModel("models/fleet-autoencoder", saved);
}, 900_000);
