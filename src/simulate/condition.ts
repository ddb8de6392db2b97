// What is wrong with one engine process. All neutral when nothing is; a new process starts with the defects of its version.

export interface Condition {
  /** KV blocks that nobody holds and nobody gets. */
  leakedBlocks: number;
  /** Share of new requests that the process forgets. */
  losesShare: number;
  /** Milliseconds a request waits for its cache from elsewhere, until that fails. */
  deferMs: number;
  /** Share of drafted tokens that the model accepts. */
  acceptance: number;
  /** Milliseconds the engine stands still for each request with a grammar. */
  grammarMs: number;
  /** Milliseconds it takes to load an adapter. */
  loraLoadMs: number;
  /** Share of answers that do not stop where they should. */
  runsOnShare: number;
  /** Nothing is found in the prefix cache. */
  prefixOff: boolean;
  /** Share of answers that are one token again and again; that are garbled; that hold another request's words. */
  nanShare: number;
  garbledShare: number;
  foreignShare: number;
  /** Share of answers that the hardware computes wrongly, drawn anew for each. */
  miscomputedShare: number;
  /** How much worse answers are than they should be, in points of a score from 0 to 1. */
  qualityLoss: number;
  /** Bytes of host memory that each second leaves behind. */
  rssLeakPerSecond: number;
  /** The core process counts as busy although it makes no token. */
  spins: boolean;
}

export function neutral(): Condition {
  return {
    leakedBlocks: 0,
    losesShare: 0,
    deferMs: 0,
    acceptance: 0.7,
    grammarMs: 0,
    loraLoadMs: 20,
    runsOnShare: 0,
    prefixOff: false,
    nanShare: 0,
    garbledShare: 0,
    foreignShare: 0,
    miscomputedShare: 0,
    qualityLoss: 0,
    rssLeakPerSecond: 0,
    spins: false,
  };
}
