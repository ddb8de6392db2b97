// How high a score usually gets: high quantiles of its maxima over blocks of points, in a bounded histogram.

export const usualHighNumbers = 3 + 48;

const blockPoints = 60;
/** What is called the usual high, and how high the highest of a day or so gets. */
const quantile = 0.9;
const quantileOfTail = 0.96;
const bins = usualHighNumbers - 3;
const lowest = 0.4;
const logWidth = 0.26;
/** Blocks remembered before all counts are halved. */
const blocksMax = 250;
/** Blocks that the belief before any data counts for, and how fast it falls off, in bins. */
const priorBlocks = 10;
const priorFall = 2;
const priorBody = 6;

// Numbers of a state: maximum of the block at hand, points in it, blocks counted, then the histogram.
const MAX = 0;
const FILL = 1;
const BLOCKS = 2;
const BINS = 3;

/**
 * Adds a score >= 0 to the state at `at`. True when a block was completed, so that the quantile may have moved.
 * Maxima of blocks in place of points: an incident of an hour counts like one of a minute.
 */
export function addToUsualHigh(state: Float64Array, at: number, score: number): boolean {
  if (score > state[at + MAX]!) state[at + MAX] = score;
  const fill = state[at + FILL]! + 1;
  state[at + FILL] = fill;
  if (fill < blockPoints) return false;
  const bin = Math.max(0, Math.min(bins - 1, Math.floor(Math.log(state[at + MAX]! / lowest + 1e-9) / logWidth)));
  state[at + BINS + bin] = state[at + BINS + bin]! + 1;
  state[at + BLOCKS] = state[at + BLOCKS]! + 1;
  if (state[at + BLOCKS]! > blocksMax) for (let k = BLOCKS; k < BINS + bins; k++) state[at + k] = state[at + k]! / 2;
  state[at + MAX] = 0;
  state[at + FILL] = 0;
  return true;
}

/** The usual high, as a multiple of `expected`, which is believed before there is data. */
export function usualHigh(state: Float64Array, at: number, expected: number): number {
  return highAt(state, at, expected, quantile) / expected;
}

/** How much higher than the usual high the highest highs are: 1.6 or so while there is no data, more for a heavy tail. */
export function tailOfHighs(state: Float64Array, at: number, expected: number): number {
  return highAt(state, at, expected, quantileOfTail) / highAt(state, at, expected, quantile);
}

function highAt(state: Float64Array, at: number, expected: number, share: number): number {
  const wanted = (1 - share) * (state[at + BLOCKS]! + priorBlocks);
  const centre = Math.log(expected / lowest) / logWidth;
  let above = 0;
  for (let bin = bins - 1; bin >= 0; bin--) {
    const here = state[at + BINS + bin]! + priorOf(bin - centre);
    above += here;
    if (above >= wanted && here > 0) return lowest * Math.exp((bin + (above - wanted) / here) * logWidth);
  }
  return lowest;
}

function priorOf(bin: number): number {
  if (bin >= 0) return priorBlocks * (1 - quantile) * Math.exp(-bin / priorFall) * (1 - Math.exp(-1 / priorFall));
  return bin >= -priorBody ? (priorBlocks * quantile) / priorBody : 0;
}
