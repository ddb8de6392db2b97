// Detector: how badly a small autoencoder rebuilds an entity's core signals from what they have in common.
import type { Detector, DetectorKind, EntityBatch } from "../../model/detector.ts";
import { coreSignals } from "../../model/signal.ts";
import { partsOf, type SavedModel } from "./model-files.ts";
import { createStandardiser } from "./standardise.ts";
import type { LoadedTensorFlow } from "./tensorflow.ts";

/** What each column of each row had to do with its score: `[row * width + column]`. */
export interface Explanation {
  /** Share of the row's oddness. */
  readonly shares: Float64Array;
  /** Values the network would have expected, and the band around them, in the signals' units. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export interface Autoencoder extends Detector<"entity"> {
  /** Scores, and says why for every row. */
  examine(batch: EntityBatch, out: Float64Array): Explanation;
}

export interface AutoencoderKind extends Omit<DetectorKind<"entity">, "create"> {
  create(snapshot?: Uint8Array): Autoencoder;
}

/** Residual sigmas either side of what the network expects. */
const bandSigmas = 3;

/**
 * Score: root mean square of the residuals, each in units of its own spread on healthy data, over the columns known.
 * Source: autoencoders for novelty (Japkowicz 1995), trained to undo masking (Vincent 2008). Its baseline is the entity's
 * own recent level. Blind to anything its training fleets did in health, and to a fault that moves all signals together
 * as load does. The network is called in one batch for all rows.
 */
export async function autoencoderKind(saved: SavedModel, loaded: LoadedTensorFlow): Promise<AutoencoderKind> {
  const { tf, layers } = loaded;
  const network = await layers.loadLayersModel(
    tf.io.fromMemory(partsOf(saved) as Parameters<typeof tf.io.fromMemory>[0]),
  );
  return {
    kind: "fleet-autoencoder",
    summary: "Reconstruction error of the core signals of a replica, by a small autoencoder trained on healthy fleets.",
    input: "entity",
    create: (snapshot) => createAutoencoder(saved, loaded, network, snapshot),
  };
}

function createAutoencoder(
  { scaling }: SavedModel,
  { tf }: LoadedTensorFlow,
  network: Awaited<ReturnType<LoadedTensorFlow["layers"]["loadLayersModel"]>>,
  snapshot: Uint8Array | undefined,
): Autoencoder {
  const standardiser = createStandardiser(snapshot);
  const width = coreSignals.length;
  let inputs = new Float32Array(0);
  let known = new Uint8Array(0);
  let enough = new Uint8Array(0);

  return {
    score: (batch, _now, out) => {
      rebuild(batch, out);
    },
    learn: standardiser.learn,
    explain: () => ({ expected: { low: 0, high: Number.NaN }, evidence: [] }),
    snapshot: standardiser.snapshot,
    examine,
  };

  /** Writes scores; returns what the network made of the inputs. */
  function rebuild(batch: EntityBatch, out: Float64Array): Float32Array {
    if (inputs.length !== batch.rows * width) {
      inputs = new Float32Array(batch.rows * width);
      known = new Uint8Array(batch.rows * width);
      enough = new Uint8Array(batch.rows);
    }
    for (let row = 0; row < batch.rows; row++)
      enough[row] = standardiser.row(batch, row, inputs, known, row * width) ? 1 : 0;
    const rebuilt = batch.rows === 0 ? new Float32Array(0) : predict(batch.rows);
    for (let row = 0; row < batch.rows; row++) {
      let sum = 0;
      let columns = 0;
      for (let i = row * width; i < (row + 1) * width; i++) {
        sum += oddness(rebuilt, i);
        columns += known[i] as number;
      }
      out[row] = enough[row] === 1 ? Math.sqrt(sum / columns) : Number.NaN;
    }
    return rebuilt;
  }

  function predict(rows: number): Float32Array {
    return tf.tidy(() => {
      const output = network.predict(tf.tensor2d(inputs, [rows, width]));
      return Float32Array.from((Array.isArray(output) ? output[0] : output)?.dataSync() ?? []);
    });
  }

  function oddness(rebuilt: Float32Array, index: number): number {
    if (known[index] === 0) return 0;
    const residual =
      ((inputs[index] as number) - (rebuilt[index] as number)) / (scaling.residual[index % width] as number);
    return residual * residual;
  }

  function examine(batch: EntityBatch, out: Float64Array): Explanation {
    const rebuilt = rebuild(batch, out);
    const shares = new Float64Array(batch.rows * width);
    const low = new Float64Array(batch.rows * width);
    const high = new Float64Array(batch.rows * width);
    for (let row = 0; row < batch.rows; row++) {
      let sum = 0;
      for (let i = row * width; i < (row + 1) * width; i++) sum += oddness(rebuilt, i);
      for (let column = 0; column < width; column++) {
        const i = row * width + column;
        const half = bandSigmas * (scaling.residual[column] as number);
        const slot = batch.slots[row] as number;
        shares[i] = sum > 0 ? oddness(rebuilt, i) / sum : 0;
        low[i] = standardiser.valueOf(slot, column, (rebuilt[i] as number) - half);
        high[i] = standardiser.valueOf(slot, column, (rebuilt[i] as number) + half);
      }
    }
    return { shares, low, high };
  }
}
