// Training of the autoencoder: rows of standardised core signals in, a saved model out. The same rows and seed give the same model.

import { type Random, seededRandom } from "../../math/random.ts";
import type { Frame } from "../../model/frame.ts";
import { coreSignals } from "../../model/signal.ts";
import { createFeatures } from "../features.ts";
import type { SavedModel } from "./model-files.ts";
import { createStandardiser } from "./standardise.ts";
import { loadTensorFlow, type TensorFlow } from "./tensorflow.ts";

export interface TrainingOptions {
  readonly seed: number;
  readonly epochs?: number;
  readonly batchRows?: number;
  readonly learningRate?: number;
  /** Probability with which a column is hidden from the network, which must rebuild it from the others. */
  readonly maskShare?: number;
  /** Called after each epoch with the mean squared error on rows kept out of training. */
  readonly onEpoch?: (epoch: number, error: number) => void;
}

const hiddenUnits = 12;
const bottleneckUnits = 3;
/** The last share of the rows is kept out, to set the residual scale by. */
const heldOutShare = 0.2;
/** In input units: a column the network rebuilds by heart must not decide alone. */
const residualMin = 0.1;

/**
 * Inputs of every entity in every frame, as the detector would see them at that time: standardised by what was learned up
 * to the frame before. Rows with a column missing are left out. Frames must be oldest first and healthy.
 */
export function trainingRows(frames: readonly Frame[]): Float64Array {
  const width = coreSignals.length;
  const standardiser = createStandardiser();
  const features = createFeatures();
  const rows: number[] = [];
  for (const frame of frames) {
    const { core } = features.of(frame, frame.slots);
    const inputs = new Float32Array(core.rows * width);
    const known = new Uint8Array(core.rows * width);
    for (let row = 0; row < core.rows; row++) {
      standardiser.row(core, row, inputs, known, row * width);
      if (known.subarray(row * width, (row + 1) * width).every((one) => one === 1)) {
        rows.push(...inputs.subarray(row * width, (row + 1) * width));
      }
    }
    standardiser.learn(core);
  }
  return Float64Array.from(rows);
}

/**
 * Trains on `rows` (`width` numbers each, from {@link trainingRows}). Denoising autoencoder (Vincent 2008): 6-12-3-12-6,
 * tanh, Adam. Rejects when there are fewer than 100 rows.
 */
export async function trainAutoencoder(
  rows: Float64Array,
  width: number,
  options: TrainingOptions,
): Promise<SavedModel> {
  const { seed, epochs = 12, batchRows = 128, learningRate = 0.003, maskShare = 0.15, onEpoch } = options;
  const count = Math.floor(rows.length / width);
  if (count < 100) throw new Error(`${count} rows are too few to train on; 100 are needed, some thousand are good`);
  const { tf, layers } = await loadTensorFlow("cpu");
  const random = seededRandom(seed);
  const trained = Math.floor(count * (1 - heldOutShare));
  // Named, so that the saved topology does not count how many models the process has made.
  const model = layers.sequential({
    name: "fleet-autoencoder",
    layers: [hiddenUnits, bottleneckUnits, hiddenUnits, width].map((units, i, all) =>
      layers.layers.dense({
        name: `dense-${i}`,
        units,
        activation: i === all.length - 1 ? "linear" : "tanh",
        kernelInitializer: layers.initializers.glorotUniform({ seed: seed + i }),
        ...(i === 0 ? { inputShape: [width] } : {}),
      }),
    ),
  });
  model.compile({ optimizer: tf.train.adam(learningRate), loss: "meanSquaredError" });
  const heldOut = tf.tensor2d(Float32Array.from(rows.subarray(trained * width, count * width)), [
    count - trained,
    width,
  ]);
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const [from, to] of spans(trained, batchRows)) {
        const picked = pickRows(rows, width, trained, to - from, random);
        const masked = picked.map((value) => (random() < maskShare ? 0 : value));
        const x = tf.tensor2d(masked, [to - from, width]);
        const y = tf.tensor2d(picked, [to - from, width]);
        await model.trainOnBatch(x, y);
        x.dispose();
        y.dispose();
      }
      if (onEpoch !== undefined) onEpoch(epoch, meanSquare(residuals(tf, model, heldOut)));
    }
    const residual = spreadByColumn(residuals(tf, model, heldOut), width);
    return await toSaved(tf, model, { columns: [...coreSignals], residual });
  } finally {
    heldOut.dispose();
    model.dispose();
  }
}

type Network = ReturnType<typeof import("@tensorflow/tfjs-layers").sequential>;

function* spans(total: number, size: number): Generator<[number, number]> {
  for (let from = 0; from < total; from += size) yield [from, Math.min(total, from + size)];
}

function pickRows(rows: Float64Array, width: number, among: number, count: number, random: Random): Float32Array {
  const picked = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const row = Math.floor(random() * among);
    picked.set(rows.subarray(row * width, (row + 1) * width), i * width);
  }
  return picked;
}

function residuals(tf: TensorFlow, model: Network, x: ReturnType<TensorFlow["tensor2d"]>): Float32Array {
  return tf.tidy(() => {
    const output = model.predict(x);
    const rebuilt = Array.isArray(output) ? output[0] : output;
    if (rebuilt === undefined) throw new Error("the network gave no output");
    return Float32Array.from(tf.sub(x, rebuilt).dataSync());
  });
}

function meanSquare(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length);
}

function spreadByColumn(values: Float32Array, width: number): number[] {
  return Array.from({ length: width }, (_, column) => {
    const own = values.filter((_value, i) => i % width === column);
    return Math.max(residualMin, Number(Math.sqrt(meanSquare(own)).toPrecision(6)));
  });
}

async function toSaved(tf: TensorFlow, model: Network, scaling: SavedModel["scaling"]): Promise<SavedModel> {
  let saved: SavedModel | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      const { modelTopology, weightSpecs, weightData } = artifacts;
      const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
      const text = JSON.stringify({ format: "layers-model", generatedBy: "homeostat", modelTopology, weightsManifest });
      const buffers = Array.isArray(weightData) ? weightData : [weightData ?? new ArrayBuffer(0)];
      saved = { model: text, weights: Buffer.concat(buffers.map((buffer) => new Uint8Array(buffer))), scaling };
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } });
    }),
  );
  if (saved === undefined) throw new Error("TensorFlow.js did not hand out the trained weights");
  return saved;
}
