// Bucket ladders of one source: of whole histograms, and of those whose buckets came as a series each (`x_bucket{le="…"}`).
import { labelsKey } from "../model/labels.ts";
import { quality } from "../model/series.ts";
import { type Measured, measureIncrease, type Windows } from "./measure.ts";
import { type Member, reporting } from "./member.ts";
import type { StoredSeries } from "./raw-series.ts";

/** New observations of a window by bucket, of all histograms with these bounds. */
export interface Ladder {
  readonly bounds: readonly number[];
  readonly factor: number;
  readonly counts: Float64Array;
  sum: number;
  quality: number;
}

/** One histogram in pieces: the series of every bound, +Inf among them, in rising order. */
export interface Pieces {
  steps: { readonly le: number; readonly members: Member[] }[];
  bounds: readonly number[];
}

export function ladderFor(ladders: Map<string, Ladder>, bounds: readonly number[], factor: number): Ladder {
  const key = `${factor}:${bounds.join(",")}`;
  let ladder = ladders.get(key);
  if (ladder === undefined) {
    ladder = { bounds, factor, counts: new Float64Array(bounds.length + 1), sum: 0, quality: 0 };
    ladders.set(key, ladder);
  }
  return ladder;
}

/** Puts a bucket's series in its place; one without a readable `le` is left out. */
export function placePiece(all: Map<string, Pieces>, member: Member): void {
  const { le: text, ...attributes } = member.series.definition.attributes;
  const le = /^\+?inf$/i.test(text ?? "") ? Number.POSITIVE_INFINITY : Number(text || Number.NaN);
  if (Number.isNaN(le)) return;
  const key = labelsKey(attributes);
  let pieces = all.get(key);
  if (pieces === undefined) {
    pieces = { steps: [], bounds: [] };
    all.set(key, pieces);
  }
  const step = pieces.steps.find((known) => known.le === le);
  if (step !== undefined) step.members.push(member);
  else {
    pieces.steps.push({ le, members: [member] });
    settle(pieces);
  }
}

export function removePiece(all: Map<string, Pieces>, series: StoredSeries): void {
  for (const [key, pieces] of all) {
    const before = pieces.steps.length;
    for (const step of pieces.steps) {
      const at = step.members.findIndex((member) => member.series === series);
      if (at >= 0) step.members.splice(at, 1);
    }
    pieces.steps = pieces.steps.filter((step) => step.members.length > 0);
    if (pieces.steps.length === 0) all.delete(key);
    else if (pieces.steps.length < before) settle(pieces);
  }
}

/**
 * Adds a histogram's new observations to the ladder of its bounds. Nothing is added while any bucket, or +Inf, is not there:
 * half a ladder would give a wrong quantile. The sum stays 0.
 */
export function addPieces(
  { steps, bounds }: Pieces,
  ladders: Map<string, Ladder>,
  at: number,
  windows: Windows,
  out: Measured,
): void {
  if (steps.at(-1)?.le !== Number.POSITIVE_INFINITY) return;
  const increases = new Float64Array(steps.length);
  let factor = 1;
  let flags = 0;
  for (const [i, { members }] of steps.entries()) {
    const member = reporting(members, at, windows);
    if (member === undefined || measureIncrease(member.series, 0, at, windows, out) <= 0) return;
    increases[i] = out.value;
    factor = member.factor;
    flags |= out.quality | (member.suspect ? quality.SUSPECT : 0);
  }
  const ladder = ladderFor(ladders, bounds, factor);
  ladder.quality |= flags;
  let below = 0;
  for (let i = 0; i < increases.length; i++) {
    const increase = Math.max(below, increases[i] as number);
    ladder.counts[i] = (ladder.counts[i] as number) + increase - below;
    below = increase;
  }
}

function settle(pieces: Pieces): void {
  pieces.steps.sort((a, b) => a.le - b.le);
  pieces.bounds = pieces.steps.map(({ le }) => le).filter(Number.isFinite);
}
