// On which scale a signal's noise is about even, and how small a difference is never worth a word.
import type { SignalId } from "../../model/signal.ts";

export interface Scale {
  /** From the signal's unit to the scale levels are learned on. Rising. */
  readonly to: (value: number) => number;
  readonly from: (scaled: number) => number;
  /** Smallest spread ever assumed, on the scale: keeps a quiet series from crying over a flicker. */
  readonly floor: number;
}

/** Latencies and rates vary by factors; `offset` keeps zero finite and says what is as good as nothing. */
function logarithmic(offset: number, floor: number): Scale {
  return { to: (value) => Math.log(Math.max(0, value) + offset), from: (scaled) => Math.exp(scaled) - offset, floor };
}

/** Counts vary with their root (Anscombe 1948). */
function root(floor: number): Scale {
  return { to: (value) => Math.sqrt(Math.max(0, value)), from: (scaled) => scaled * Math.abs(scaled), floor };
}

/** A share of something that runs out: from 0.9 to 1 is as far as from 0.5 to 0.9. `offset` keeps both ends finite. */
function logit(offset: number, floor: number): Scale {
  const low = offset;
  const high = 1 + offset / 10;
  return {
    to: (value) => Math.log((Math.max(0, value) + low) / (high - Math.min(1, value))),
    from: (scaled) => (high * Math.exp(scaled) - low) / (1 + Math.exp(scaled)),
    floor,
  };
}

const scales: Readonly<Record<SignalId, Scale>> = {
  ttft: logarithmic(0.001, 0.12),
  itl: logarithmic(0.001, 0.08),
  running: root(0.35),
  waiting: root(0.5),
  kv_usage: logit(0.05, 0.2),
  generated_tokens: logarithmic(5, 0.08),
  prompt_tokens: logarithmic(20, 0.15),
  preemptions: root(0.2),
  finished: logarithmic(0.2, 0.15),
};

export function scaleOf(id: SignalId): Scale {
  return scales[id];
}
