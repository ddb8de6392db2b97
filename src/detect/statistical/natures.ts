// What detectors must know of a series beside its values: scale, direction of harm, range, and a limit it may run into.
import { UNUSABLE } from "../../model/series.ts";
import { type Signal, signals } from "../../model/signal.ts";
import { type Scale, scaleOf } from "./scales.ts";

export interface Nature {
  readonly scale: Scale;
  readonly harm: Signal["harm"];
  readonly range: { readonly min: number; readonly max: number };
  /** Where it is full; absent for what cannot be. */
  readonly limit?: number;
}

export type NatureOf = (slot: number) => Nature;

const judged: readonly Nature[] = signals.map(({ id, harm, range }) => ({
  scale: scaleOf(id),
  harm,
  range,
  ...(harm === "rise" && Number.isFinite(range.max) ? { limit: range.max } : {}),
}));

/** Of the judged signals, whose slots are `entity * signals.length + signal`. */
export const signalNature: NatureOf = (slot) => judged[slot % judged.length] as Nature;

/** Of the same as seen beside its siblings: differences on the signal's scale, from 0. */
export const relativeNature: NatureOf = (slot) => relative[slot % relative.length] as Nature;

const identity = (value: number): number => value;
const relative: readonly Nature[] = judged.map(({ scale, harm }) => ({
  scale: { to: identity, from: identity, floor: scale.floor },
  harm,
  range: { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY },
}));

const plain: Nature = {
  scale: { to: identity, from: identity, floor: 0 },
  harm: "either",
  range: { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY },
};

/** Of a series nothing is known of: its values as they are, and both directions harm. */
export const plainNature: NatureOf = () => plain;

/** Above it squares and sums of values lose all others: no unit of anything measured needs it. */
const valueMax = 1e100;

/** Whether a point may be judged and learned. NaN, infinities and absurd values may not. */
export function usable(batch: { readonly values: Float64Array; readonly quality: Uint8Array }, row: number): boolean {
  return ((batch.quality[row] as number) & UNUSABLE) === 0 && Math.abs(batch.values[row] as number) <= valueMax;
}

export function harmsUp({ harm }: Nature): boolean {
  return harm !== "fall";
}

export function harmsDown({ harm }: Nature): boolean {
  return harm !== "rise";
}

/** A score of what lies to one `side` of the usual, above zero or below it: 0 where that way nothing is harmed. */
export function harmful({ harm }: Nature, score: number, side: number): number {
  return (harm === "rise" && side < 0) || (harm === "fall" && side > 0) ? 0 : score;
}

/** The band `center` ± `half` on a nature's scale, in its unit. */
export function bandOf({ scale, range }: Nature, center: number, half: number): { low: number; high: number } {
  return {
    low: Math.max(range.min, scale.from(center - half)),
    high: Math.min(range.max, scale.from(center + half)),
  };
}

export const unknownBand = { low: Number.NaN, high: Number.NaN };
