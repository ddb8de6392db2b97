// How improbable it is that a series reaches so high (or low), judged by the highest it reached in blocks of points before.

/** Blocks whose maxima are kept: the highest so many. */
const kept = 10;
/** Fewer left than these are filled up by whatever comes. */
const keptMin = 5;
export const exceedanceBlockPoints = 60;
/** A maximum is let go after so many blocks, so that no record is for ever. */
const rememberedBlocks = 2000;
const rarityMax = 100;

// Numbers of a state: maximum of the block at hand, points in it, blocks counted, maxima kept, then each with its block.
const MAX = 0;
const FILL = 1;
const BLOCKS = 2;
const KEPT = 3;
const TOP = 4;

export const exceedanceNumbers = TOP + 2 * kept;

/**
 * Minus the decimal logarithm of how often a day a value this high is to be expected; 0 where it is below those kept, or too
 * few are. Excesses over the least maximum kept are taken for exponential, their mean for known no better than from those
 * kept, which makes the prediction's tail that of a Lomax distribution.
 * Source: peaks over threshold (Pickands 1975; Siffer et al., "SPOT", 2017) in its predictive form.
 * Blind to what the series reached once within its memory, and to all but the value.
 */
export function exceedance(state: Float64Array, at: number, value: number, blocksPerDay: number): number {
  const count = state[at + KEPT]!;
  if (count < keptMin) return 0;
  const least = state[at + TOP + 2 * (count - 1)]!;
  const excess = value - least;
  if (!(excess > 1e-9 * Math.abs(value))) return 0;
  let sum = 0;
  for (let i = 0; i < count - 1; i++) sum += state[at + TOP + 2 * i]! - least;
  // Maxima that are all alike leave a grain of doubt, so that what follows is a number.
  const ratio = excess / (sum + 1e-9 * Math.abs(value) + Number.MIN_VALUE);
  const perDay = (count * blocksPerDay) / (Math.min(rememberedBlocks, state[at + BLOCKS]!) + 1);
  const rarity = (count - 1) * Math.log10(1 + ratio) - Math.log10(perDay);
  return rarity > 0 ? Math.min(rarityMax, rarity) : 0;
}

export function addToExceedance(state: Float64Array, at: number, value: number): void {
  if (state[at + FILL] === 0 || value > state[at + MAX]!) state[at + MAX] = value;
  const fill = state[at + FILL]! + 1;
  state[at + FILL] = fill;
  if (fill < exceedanceBlockPoints) return;
  state[at + FILL] = 0;
  const blocks = state[at + BLOCKS]! + 1;
  state[at + BLOCKS] = blocks;
  forget(state, at, blocks - rememberedBlocks);
  insert(state, at, state[at + MAX]!, blocks);
}

/** Takes what was reached for as much higher as `by`. */
export function shiftExceedance(state: Float64Array, at: number, by: number): void {
  state[at + MAX]! += by;
  for (let i = 0; i < state[at + KEPT]!; i++) state[at + TOP + 2 * i]! += by;
}

/** Lets go of those from blocks up to `last`. */
function forget(state: Float64Array, at: number, last: number): void {
  const count = state[at + KEPT]!;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const from = at + TOP + 2 * i;
    if (state[from + 1]! <= last) continue;
    state.copyWithin(at + TOP + 2 * left, from, from + 2);
    left++;
  }
  state[at + KEPT] = left;
}

function insert(state: Float64Array, at: number, value: number, block: number): void {
  const count = state[at + KEPT]!;
  let place = count;
  while (place > 0 && state[at + TOP + 2 * (place - 1)]! < value) place--;
  // Once some were let go, what is lower than those left was not looked at before: taking it in would say nothing of the tail.
  if (place >= kept || (place === count && count >= keptMin && block > kept)) return;
  const from = at + TOP + 2 * place;
  const last = Math.min(count, kept - 1);
  state.copyWithin(from + 2, from, at + TOP + 2 * last);
  state[from] = value;
  state[from + 1] = block;
  state[at + KEPT] = last + 1;
}
