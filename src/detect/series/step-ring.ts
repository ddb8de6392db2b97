// The last steps of all series in shared memory: judged at once, learned later from the same place.
import type { Instant } from "../../model/time.ts";
import { binCount, binWidth } from "../calibrator.ts";
import { blockSlots } from "./block.ts";
import type { StepEntry } from "./shard.ts";

/** A step that is still to be learned, or the one being judged. */
export interface RingStep {
  readonly entry: StepEntry;
  /** Bin of the held score of each slot, `noBin` where there is none. */
  readonly bins: Uint16Array;
  at: Instant;
  slots: number;
}

export interface StepRing {
  /** Memory for the step at `at`. */
  begin(at: Instant, slots: number): RingStep;
  /** Steps that were begun and not let go of, oldest first. */
  readonly steps: readonly RingStep[];
  /** The oldest is not needed any more. Its memory is used again two steps later, when all threads are done with it. */
  release(): void;
  /** The newest is not kept: its memory may be used for the next. */
  dropNewest(): void;
}

export const noBin = 0xffff;

/** Held scores are kept as the calibrator counts them. */
export function binOf(score: number): number {
  return score >= 0 ? Math.min(binCount - 1, Math.floor(score / binWidth)) : noBin;
}

export function createStepRing(share: (entry: StepEntry) => void, drop: (entry: StepEntry) => void): StepRing {
  const steps: RingStep[] = [];
  const spare: RingStep[] = [];
  let made = 0;
  let room = blockSlots;

  const capacity = (slots: number): number => {
    while (room < slots) room *= 2;
    return room;
  };

  return {
    steps,
    begin(at, slots) {
      const wanted = capacity(slots);
      // The spare one that was let go of last may still be read.
      const index =
        spare.length > 1 ? spare.findIndex((step, i) => i < spare.length - 1 && step.bins.length >= wanted) : -1;
      const step = index >= 0 ? (spare.splice(index, 1)[0] as RingStep) : make(wanted);
      step.at = at;
      step.slots = slots;
      steps.push(step);
      return step;
    },
    release() {
      const step = steps.shift();
      if (step === undefined) return;
      if (step.bins.length >= room) spare.push(step);
      else drop(step.entry);
    },
    dropNewest() {
      const step = steps.pop();
      if (step !== undefined) spare.unshift(step);
    },
  };

  function make(length: number): RingStep {
    const entry: StepEntry = {
      id: made++,
      values: new Float32Array(new SharedArrayBuffer(4 * length)),
      quality: new Uint8Array(new SharedArrayBuffer(length)),
    };
    share(entry);
    return { entry, bins: new Uint16Array(length), at: Number.NaN, slots: 0 };
  }
}
