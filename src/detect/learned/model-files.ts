// A trained autoencoder at rest: model.json and weights.bin as TensorFlow.js writes them, and the scaling of its residuals.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { coreSignals } from "../../model/signal.ts";

/** What a network needs beside its weights; see `standardise.ts` for what its inputs are. */
const scalingSchema = z.strictObject({
  columns: z.array(z.string()).length(coreSignals.length),
  /** Standard deviation of the residual of each column on data it was not trained on, in input units. */
  residual: z.array(z.number().positive()).length(coreSignals.length),
});
export type Scaling = z.infer<typeof scalingSchema>;

const modelSchema = z.looseObject({
  modelTopology: z.record(z.string(), z.unknown()),
  weightsManifest: z.tuple([z.looseObject({ weights: z.array(z.unknown()) })]),
});

export interface SavedModel {
  /** `model.json` as text. */
  readonly model: string;
  readonly weights: Uint8Array;
  readonly scaling: Scaling;
}

/** Largest weights file read, in bytes: shipped models stay far below. */
const weightsBytesMax = 50_000_000;

export async function saveModel(directory: string, saved: SavedModel): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "model.json"), saved.model);
  await writeFile(join(directory, "weights.bin"), saved.weights);
  await writeFile(join(directory, "scaling.json"), `${JSON.stringify(saved.scaling, null, 2)}\n`);
}

/** Rejects with what is wrong when files are absent or do not fit this build's core signals. */
export async function loadModel(directory: string): Promise<SavedModel> {
  const model = await readFile(join(directory, "model.json"), "utf8");
  modelSchema.parse(JSON.parse(model));
  const scaling = scalingSchema.parse(JSON.parse(await readFile(join(directory, "scaling.json"), "utf8")));
  if (scaling.columns.join() !== coreSignals.join()) {
    throw new Error(
      `the model in ${directory} was trained on columns ${scaling.columns.join()}, not ${coreSignals.join()}`,
    );
  }
  const weights = await readFile(join(directory, "weights.bin"));
  if (weights.length > weightsBytesMax) throw new Error(`${directory}/weights.bin has ${weights.length} bytes`);
  return { model, weights, scaling };
}

/** The parts of `model.json` that TensorFlow.js takes from memory. */
export function partsOf(saved: SavedModel): { modelTopology: object; weightSpecs: unknown[]; weightData: ArrayBuffer } {
  const { modelTopology, weightsManifest } = modelSchema.parse(JSON.parse(saved.model));
  return { modelTopology, weightSpecs: weightsManifest[0].weights, weightData: new Uint8Array(saved.weights).buffer };
}
