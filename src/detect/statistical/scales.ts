// On which scale a signal's noise is about even, and how small a difference is never worth a word.
import { type SignalId, signalOf, signals } from "../../model/signal.ts";

export interface Scale {
  /** From the signal's unit to the scale levels are learned on. Rising. */
  readonly to: (value: number) => number;
  readonly from: (scaled: number) => number;
  /** Smallest spread ever assumed, on the scale: keeps a quiet series from crying over a flicker. */
  readonly floor: number;
}

/** Latencies and rates vary by factors; `offset` keeps zero finite and says what is as good as nothing. */
function logarithmic(offset: number, floor: number): Scale {
  return { to: (value) => Math.log(value + offset), from: (scaled) => Math.exp(scaled) - offset, floor };
}

/** Counts vary with their root (Anscombe 1948). */
function root(floor: number): Scale {
  return { to: (value) => Math.sqrt(Math.max(0, value)), from: (scaled) => scaled * Math.abs(scaled), floor };
}

const scales: Readonly<Record<SignalId, Scale>> = {
  ttft: logarithmic(0.001, 0.12),
  itl: logarithmic(0.001, 0.08),
  running: root(0.35),
  waiting: root(0.5),
  kv_usage: { to: (value) => value, from: (scaled) => scaled, floor: 0.03 },
  generated_tokens: logarithmic(5, 0.08),
  prompt_tokens: logarithmic(20, 0.15),
  preemptions: root(0.2),
  finished: logarithmic(0.2, 0.15),
};

export function scaleOf(id: SignalId): Scale {
  return scales[id];
}

/** Position of a signal in `signals`. */
export function signalIndex(id: SignalId): number {
  return signals.indexOf(signalOf(id));
}
