// One source of one signal of one entity: the raw series behind it, and their value together at an instant.
import { labelsKey } from "../model/labels.ts";
import { quality } from "../model/series.ts";
import { catalogue } from "../model/signal.ts";
import { addPieces, type Ladder, ladderFor, type Pieces, placePiece, removePiece } from "./ladders.ts";
import type { SignalSource } from "./mapping.ts";
import {
  addObservations,
  type Measured,
  measureChanged,
  measureLast,
  measureMean,
  measureP95,
  measureRate,
  totalOf,
  type Windows,
} from "./measure.ts";
import { type Member, reporting } from "./member.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";
import { unitVerdict } from "./units.ts";

/** Series with equal attributes: of those, only the one that reports now counts (a new release is a new series). */
interface Group {
  readonly key: string;
  readonly members: Member[];
  /** What the group is a share of, when every series is taken by itself. */
  readonly shareKey: string;
}

export interface SourceState {
  readonly rank: number;
  readonly source: SignalSource;
  readonly signal: number;
  readonly values: Group[];
  readonly per: Group[];
  readonly pieces: Map<string, Pieces>;
  readonly ladders: Map<string, Ladder>;
  /** Until then its series are known to be incomplete. */
  spoiledUntil: number;
  percent: boolean;
}

export function createSourceState({ rank, source, signal }: Target): SourceState {
  return {
    rank,
    source,
    signal,
    values: [],
    per: [],
    pieces: new Map(),
    ladders: new Map(),
    spoiledUntil: Number.NEGATIVE_INFINITY,
    percent: false,
  };
}

/** Lets `series` be part of the source from now on. Says whether a declared unit had to be converted or cannot be. */
export function addMember(state: SourceState, target: Target, series: StoredSeries): "converted" | "suspect" | "as-is" {
  const { definition } = series;
  const member = memberOf(state, target, series);
  if (target.role === "bucket") placePiece(state.pieces, member);
  else {
    const groups = target.role === "per" ? state.per : state.values;
    const key = `${target.term}|${labelsKey(definition.attributes)}`;
    const known = groups.find((group) => group.key === key);
    if (known !== undefined) known.members.push(member);
    else {
      const filter = target.role === "per" ? target.source.perWhere : target.source.where;
      const shared = Object.entries(definition.attributes).filter(([name]) => filter[name] === undefined);
      groups.push({ key, members: [member], shareKey: labelsKey(Object.fromEntries(shared)) });
    }
  }
  if (member.suspect) return "suspect";
  return member.factor === target.source.scale ? "as-is" : "converted";
}

/** Lets go of a series; returns whether any is left whose value is read. */
export function removeMember(state: SourceState, series: StoredSeries): boolean {
  for (const groups of [state.values, state.per]) {
    for (let i = groups.length - 1; i >= 0; i--) {
      const { members } = groups[i] as Group;
      const at = members.findIndex((member) => member.series === series);
      if (at >= 0) members.splice(at, 1);
      if (members.length === 0) groups.splice(i, 1);
    }
  }
  removePiece(state.pieces, series);
  return state.values.length > 0 || state.per.length > 0 || state.pieces.size > 0;
}

/** Value of the source at `at` in the unit of the signal; MISSING if it has none. */
export function measureSource(state: SourceState, at: number, windows: Windows, out: Measured): void {
  const { source } = state;
  if (source.read === "p95" || (source.read === "mean" && source.per.length === 0))
    measureObservations(state, at, windows, out);
  else if (source.per.length > 0) measureShare(state, at, windows, out);
  else measureGroups(state.values, state, at, windows, out);
  if ((out.quality & quality.MISSING) !== 0) return;
  if (source.maybePercent && out.value > 1) state.percent = true;
  if (state.percent) out.value /= 100;
  if (source.mask !== 0) out.value = (out.value & source.mask) !== 0 ? 1 : 0;
  if (source.complement && (source.per.length === 0 || source.combine === "sum")) out.value = 1 - out.value;
  if (state.spoiledUntil > at) out.quality |= quality.SUSPECT;
}

function memberOf(state: SourceState, target: Target, series: StoredSeries): Member {
  const { source } = state;
  const { unit } = catalogue[state.signal] as { unit: string };
  const readAsIs = source.invert || source.per.length > 0 || source.mask !== 0 || source.read === "label";
  // A histogram's unit is that of what it observes, not of how often.
  if (readAsIs || source.read === "rate_of_count" || target.role === "per")
    return { series, factor: source.scale, suspect: false };
  const rate = source.read === "rate" || source.read === "rate_of_sum";
  const verdict = unitVerdict(series.definition.unit, unit, rate);
  const factor = verdict.kind === "convert" ? verdict.factor : source.scale;
  return { series, factor, suspect: verdict.kind === "incompatible" };
}

function measureGroups(
  groups: readonly Group[],
  state: SourceState,
  at: number,
  windows: Windows,
  out: Measured,
): void {
  const { combine } = state.source;
  let value = Number.NaN;
  let flags = 0;
  let members = 0;
  for (const group of groups) {
    readGroup(group, state.source, at, windows, out);
    if ((out.quality & quality.MISSING) !== 0) continue;
    flags |= out.quality;
    members++;
    if (members === 1) value = out.value;
    else value = combine === "max" ? Math.max(value, out.value) : value + out.value;
  }
  out.value = combine === "mean" && members > 0 ? value / members : value;
  out.quality = members > 0 ? flags : quality.MISSING;
}

/** What the source is of `per`: all series together, or each by itself and then combined. */
function measureShare(state: SourceState, at: number, windows: Windows, out: Measured): void {
  const { source } = state;
  if (source.combine === "sum") {
    const whole = sumOf(state.per, undefined, source, at, windows, out);
    measureGroups(state.values, state, at, windows, out);
    share(out, out.value, whole);
    return;
  }
  let value = Number.NaN;
  let members = 0;
  let flags = 0;
  for (const group of state.values) {
    const whole = sumOf(state.per, group.shareKey, source, at, windows, out);
    readGroup(group, source, at, windows, out);
    share(out, out.value, whole);
    if ((out.quality & quality.MISSING) !== 0) continue;
    const one = source.complement ? 1 - out.value : out.value;
    flags |= out.quality;
    members++;
    value = members === 1 ? one : source.combine === "max" ? Math.max(value, one) : value + one;
  }
  out.value = source.combine === "mean" && members > 0 ? value / members : value;
  out.quality = members > 0 ? flags : quality.MISSING;
}

function share(out: Measured, part: number, whole: number): void {
  // Nothing asked, nothing hit: there is no ratio, not one of zero.
  out.value = whole > 0 ? part / whole : Number.NaN;
  if (Number.isNaN(out.value)) out.quality = quality.MISSING;
}

function sumOf(
  groups: readonly Group[],
  shareKey: string | undefined,
  source: SignalSource,
  at: number,
  windows: Windows,
  out: Measured,
): number {
  let sum = 0;
  for (const group of groups) {
    if (shareKey !== undefined && group.shareKey !== shareKey) continue;
    readGroup(group, source, at, windows, out);
    // The factor belongs to the quotient, not to both of its sides.
    if ((out.quality & quality.MISSING) === 0) sum += out.value / source.scale;
  }
  return sum;
}

function readGroup(group: Group, source: SignalSource, at: number, windows: Windows, out: Measured): void {
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  const member = reporting(group.members, at, windows);
  if (member === undefined) return;
  const { series, factor, suspect } = member;
  if (source.read === "last") measureLast(series, at, windows, out);
  else if (source.read === "changed") measureChanged(series, at, windows, out);
  else if (source.read === "label") readLabels(series, source, out);
  else measureRate(series, source.read === "rate_of_count" ? series.columns.values.length - 1 : 0, at, windows, out);
  if ((out.quality & quality.MISSING) !== 0) return;
  out.value = (source.invert ? 1 / out.value : out.value) * factor;
  if (suspect) out.quality |= quality.SUSPECT;
}

function readLabels({ definition }: StoredSeries, { label }: SignalSource, out: Measured): void {
  out.value = label.reduce((product, name) => product * Number(definition.attributes[name] || Number.NaN), 1);
  out.quality = Number.isFinite(out.value) ? 0 : quality.MISSING;
}

/** Histograms of equal bounds are added up; of several ladders the one with most observations speaks. */
function measureObservations(state: SourceState, at: number, windows: Windows, out: Measured): void {
  for (const ladder of state.ladders.values()) {
    ladder.counts.fill(0);
    ladder.sum = 0;
    ladder.quality = 0;
  }
  for (const group of state.values) {
    const member = reporting(group.members, at, windows);
    if (member === undefined) continue;
    const ladder = ladderFor(state.ladders, member.series.definition.bounds, member.factor);
    addObservations(member.series, at, windows, ladder.counts, out);
    ladder.sum += out.value;
    ladder.quality |= out.quality | (member.suspect ? quality.SUSPECT : 0);
  }
  for (const pieces of state.pieces.values()) addPieces(pieces, state.ladders, at, windows, out);
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  let most = 0;
  for (const { bounds, factor, counts, sum, quality: flags } of state.ladders.values()) {
    const total = totalOf(counts, bounds.length + 1);
    if (total <= most) continue;
    most = total;
    out.value = sum;
    out.quality = flags;
    if (state.source.read === "mean") measureMean(counts, bounds.length + 1, out);
    else measureP95(bounds, counts, out);
    out.value *= factor;
  }
}
