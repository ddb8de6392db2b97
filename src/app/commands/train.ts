// homeostat train: the shipped learned detector, trained anew from simulated healthy telemetry.
import { parseArgs } from "node:util";
import { saveModel } from "../../detect/learned/model-files.ts";
import { trainAutoencoder, trainingRows } from "../../detect/learned/train-autoencoder.ts";
import { type Random, seededRandom } from "../../math/random.ts";
import type { Frame } from "../../model/frame.ts";
import { coreSignals } from "../../model/signal.ts";
import { conversation, healthyScenario, type Scenario } from "../../simulate/scenario.ts";
import { type Command, type Io, usageError } from "../command.ts";
import { simulate } from "../simulated-frames.ts";

const hourMs = 3_600_000;

export const train: Command = {
  name: "train",
  summary: "train the learned detector from simulated healthy telemetry",
  help: `Usage: homeostat train --out DIR [OPTIONS]

  --out DIR         folder to write model.json, weights.bin and scaling.json to
  --seed N          seed of fleet and training (default 7); the same seed gives the same model
  --hours N         simulated hours for each of six loads (default 2)
  --epochs N        passes over the data (default 12)

Takes a few minutes on one core. The model shipped in models/fleet-autoencoder was made by this command.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        out: { type: "string" },
        seed: { type: "string", default: "7" },
        hours: { type: "string", default: "2" },
        epochs: { type: "string", default: "12" },
      },
    });
    if (values.out === undefined) throw usageError("--out DIR is missing: where should the model go?");
    const [seed, hours, epochs] = [values.seed, values.hours, values.epochs].map(Number);
    if (!Number.isSafeInteger(seed) || !(hours! > 0) || !(epochs! >= 1))
      throw usageError("--seed, --hours and --epochs take numbers");
    const rows = shuffled(await gather(seed!, hours!, io), seededRandom(seed!));
    const width = coreSignals.length;
    io.err(`training on ${rows.length / width} rows`);
    const onEpoch = (epoch: number, error: number): void =>
      io.err(`epoch ${epoch}: mean squared error ${error.toFixed(4)} on rows kept out`);
    await saveModel(values.out, await trainAutoencoder(rows, width, { seed: seed!, epochs: epochs!, onEpoch }));
    io.out(`model written to ${values.out}`);
    return 0;
  },
};

/** Loads from quiet to busy, bursty and with a strong daily swing, at two export intervals. */
async function gather(seed: number, hours: number, io: Io): Promise<readonly Float64Array[]> {
  const load = (n: number, workload: Partial<Scenario["workload"]>, replicas = 4): Scenario =>
    healthyScenario(seed * 100 + n, { replicas, workload: { ...conversation, ...workload } });
  const scenarios = [
    load(1, {}),
    load(2, { ratePerReplica: 2.5 }),
    load(3, { ratePerReplica: 4, cv: 2 }),
    load(4, { ratePerReplica: 6 }),
    load(5, { ratePerReplica: 4, diurnal: 0.4 }),
    load(6, { ratePerReplica: 1.2, cv: 1.5 }, 2),
  ];
  const all: Float64Array[] = [];
  for (const [i, scenario] of scenarios.entries()) {
    for (const stepMs of [5000, 15_000]) {
      const frames: Frame[] = [];
      await simulate(scenario, (hours * hourMs * stepMs) / 7500, stepMs, (frame) => void frames.push(frame));
      all.push(trainingRows(frames));
    }
    io.err(`load ${i + 1} of ${scenarios.length} simulated`);
  }
  return all;
}

/** All rows in random order, so that the share kept out is of every load. */
function shuffled(parts: readonly Float64Array[], random: Random): Float64Array {
  const width = coreSignals.length;
  const rows = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    rows.set(part, at);
    at += part.length;
  }
  for (let i = rows.length / width - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    for (let c = 0; c < width; c++) {
      const kept = rows[i * width + c]!;
      rows[i * width + c] = rows[j * width + c]!;
      rows[j * width + c] = kept;
    }
  }
  return rows;
}
