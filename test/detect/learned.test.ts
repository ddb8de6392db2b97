// The learned detector in its thread: it trains, loads, says what runs it, and when it fails detection goes on.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createDetection } from "../../src/detect/detection.ts";
import { startLearned } from "../../src/detect/learned/learned.ts";
import { loadModel, saveModel } from "../../src/detect/learned/model-files.ts";
import { trainAutoencoder, trainingRows } from "../../src/detect/learned/train-autoencoder.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import type { Frame } from "../../src/model/frame.ts";
import { silentTelemetry, type Telemetry } from "../../src/model/ports/telemetry.ts";
import { coreSignals } from "../../src/model/signal.ts";
import { createFleet } from "./fleet.ts";

const stepMs = 5000;
const directory = await mkdtemp(join(tmpdir(), "homeostat-learned-"));
afterAll(() => rm(directory, { recursive: true, force: true }));

function listening(): Telemetry & { readonly warnings: unknown[] } {
  const warnings: unknown[] = [];
  return {
    ...silentTelemetry,
    warnings,
    log: { ...silentTelemetry.log, warn: (message, fields) => warnings.push([message, fields]) },
  };
}

function framesOf(seed: number, steps: number): Frame[] {
  const fleet = createFleet({ seed });
  return Array.from({ length: steps }, () => fleet());
}

describe("training", () => {
  test("the same rows and seed give the same model, which is read back as it was written", async () => {
    const rows = trainingRows(framesOf(21, 200));
    expect(rows.length).toBeGreaterThan(100 * 6);
    const errors: number[] = [];
    const options = { seed: 3, epochs: 4, onEpoch: (_: number, error: number) => errors.push(error) };
    const model = await trainAutoencoder(rows, 6, options);
    expect(errors.at(-1)).toBeLessThan(errors[0]!);
    expect(await trainAutoencoder(rows, 6, { seed: 3, epochs: 4 })).toEqual(model);
    await saveModel(join(directory, "own"), model);
    const { weights, ...rest } = await loadModel(join(directory, "own"));
    expect({ ...rest, weights: new Uint8Array(weights) }).toEqual({ ...model, weights: new Uint8Array(model.weights) });
  });

  test("too few rows are refused", async () => {
    await expect(trainAutoencoder(new Float64Array(60), 6, { seed: 1 })).rejects.toThrow(/10 rows are too few/);
  });
});

describe("the thread", () => {
  test("finds signals that no longer go together, and says which", async () => {
    const faultAt = 480;
    const fleet = createFleet({
      seed: 31,
      fault: (values, step, replica) => {
        // Fewer requests run, and yet each token takes longer: neither is out of its own band by much.
        if (replica !== 2 || step < faultAt) return;
        values.itl *= 2;
        values.generated_tokens *= 0.35;
      },
    });
    await using detection = await createDetection(
      { stepMs },
      { exclusions: { current: () => [] }, telemetry: silentTelemetry },
    );
    expect(["tensorflow", "wasm", "cpu"]).toContain(detection.learnedBackend());
    const told: Anomaly[] = [];
    for (let step = 0; step < faultAt + 24; step++) {
      const now = await detection.step(fleet());
      if (step < faultAt) expect(now).toEqual([]);
      told.push(...now);
    }
    const joint = told.find((anomaly) => anomaly.detector === "fleet-autoencoder");
    expect(joint).toMatchObject({ entity: "replica:vllm-2", signal: "joint", shape: "joint", direction: "both" });
    expect(joint?.evidence.map((evidence) => evidence.subject)).toContain("itl");
    expect(joint?.evidence[0]?.says).toMatch(/of vllm-2 is .* where its other signals suggest .* % of the oddness/);
  });

  test("goes on from its snapshot", async () => {
    const frames = framesOf(41, 200);
    const core = (frame: Frame) => ({
      rows: 4,
      width: 6,
      slots: frame.slots,
      values: coreOf(frame),
      quality: new Uint8Array(24),
    });
    await using before = await startLearned("models", undefined, silentTelemetry);
    for (const frame of frames) before.learn(core(frame));
    await using after = await startLearned("models", await before.snapshot(), silentTelemetry);
    const batch = core(frames[150]!);
    const a = await before.score(batch);
    const b = await after.score(batch);
    expect([...a!.scores].every((score) => Number.isFinite(score))).toBe(true);
    expect([...b!.scores]).toEqual([...a!.scores]);
  });

  test("that is down gives what it said last, so that saving does not overwrite it with nothing", async () => {
    await using before = await startLearned("models", undefined, silentTelemetry);
    const said = await before.snapshot();
    expect(said?.length).toBeGreaterThan(0);
    await before[Symbol.asyncDispose]();
    expect(await before.snapshot()).toEqual(said);
    await using never = await startLearned(join(directory, "nothing-here"), said, silentTelemetry);
    expect(await never.snapshot()).toEqual(said);
  });

  test("without a model detection goes on, and says so once", async () => {
    const telemetry = listening();
    const detection = await createDetection(
      { stepMs },
      { exclusions: { current: () => [] }, telemetry, modelsDirectory: join(directory, "nothing-here") },
    );
    await using _end = detection;
    for (const frame of framesOf(1, 5)) await detection.step(frame);
    expect(detection.learnedBackend()).toMatch(/^none: .*ENOENT/);
    expect(telemetry.warnings).toHaveLength(1);
  });

  test("a model of other columns, or damaged weights, is refused with the reason", async () => {
    const model = await loadModel("models/fleet-autoencoder");
    const scaling = { ...model.scaling, columns: model.scaling.columns.toReversed() };
    await saveModel(join(directory, "other", "fleet-autoencoder"), { ...model, scaling });
    await using other = await startLearned(join(directory, "other"), undefined, silentTelemetry);
    expect(other.backend()).toMatch(/trained on columns generated_tokens/);
    await saveModel(join(directory, "short", "fleet-autoencoder"), model);
    await writeFile(join(directory, "short", "fleet-autoencoder", "weights.bin"), model.weights.subarray(0, 100));
    await using short = await startLearned(join(directory, "short"), undefined, silentTelemetry);
    expect(short.backend()).toMatch(/^none: /);
  });
});

function coreOf(frame: Frame): Float64Array {
  const columns = coreSignals.map((id) => frame.signals.indexOf(id));
  const { length } = coreSignals;
  return Float64Array.from({ length: 4 * length }, (_, i) => {
    return frame.values[Math.floor(i / length) * frame.signals.length + columns[i % length]!]!;
  });
}
