// Steps that are still to be learned, over a restart.
import type { RingStep, StepRing } from "./step-ring.ts";

/** Puts the columns into `bytes` and gives what else is to be known, as plain JSON. */
export function packSteps(steps: readonly RingStep[], bytes: Map<string, Uint8Array>): unknown {
  return steps.map(({ at, slots, entry, bins }, i) => {
    bytes.set(`values ${i}`, bytesOf(entry.values.slice(0, slots)));
    bytes.set(`quality ${i}`, entry.quality.slice(0, slots));
    bytes.set(`bins ${i}`, bytesOf(bins.slice(0, slots)));
    return { at, slots };
  });
}

export function restoreSteps(ring: StepRing, saved: unknown, bytes: ReadonlyMap<string, Uint8Array>): void {
  if (!Array.isArray(saved)) return;
  for (const [i, one] of saved.entries()) {
    if (!isStep(one)) return;
    const [values, quality, bins] = ["values", "quality", "bins"].map((name) => bytes.get(`${name} ${i}`));
    if (values?.length !== 4 * one.slots || quality?.length !== one.slots || bins?.length !== 2 * one.slots) return;
    const step = ring.begin(one.at, one.slots);
    bytesOf(step.entry.values).set(values);
    step.entry.quality.set(quality);
    bytesOf(step.bins).set(bins);
  }
}

function bytesOf(column: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

function isStep(value: unknown): value is { at: number; slots: number } {
  if (typeof value !== "object" || value === null || !("at" in value) || !("slots" in value)) return false;
  return typeof value.at === "number" && Number.isSafeInteger(value.slots) && Number(value.slots) >= 0;
}
