// What the joint detector keeps of an entity, and its form as bytes.
import type { Instant } from "../../model/time.ts";
import { pack, unpack } from "../packing.ts";
import { type Course, createCourse } from "./course.ts";
import { createSpread, type Spread } from "./spread.ts";

export interface State {
  readonly course: Course;
  /** Of each column: of its distance from the course, then of the changes of that over each of `lags`. */
  readonly spreads: readonly Spread[];
  /** Smallest distances believed to be more than noise, in the same order; refreshed now and then. */
  readonly units: Float64Array;
  /** Distances from the course at the last steps, of what was followed and of what was learned: `[back * width + column]`. */
  readonly followed: Float64Array;
  readonly learned: Float64Array;
  points: number;
  followedPoints: number;
  lastAt: Instant;
}

/** Steps over which a change is looked at. */
export const lags = [3, 12] as const;
/** Distances from the course and their changes, of each column. */
export const features = 1 + lags.length;
const lagMax = 12;

export function createState(
  width: number,
  course: Course = createCourse(width),
  spreadOf: (i: number) => Spread = () => createSpread(),
): State {
  return {
    course,
    spreads: Array.from({ length: features * width }, (_, i) => spreadOf(i)),
    units: new Float64Array(features * width).fill(Number.POSITIVE_INFINITY),
    followed: new Float64Array(lagMax * width).fill(Number.NaN),
    learned: new Float64Array(lagMax * width).fill(Number.NaN),
    points: 0,
    followedPoints: 0,
    lastAt: 0,
  };
}

export function widthOf(state: State): number {
  return state.units.length / features;
}

/** Puts the distances of this step before those of earlier ones, of which the last is let go. */
export function remember(recent: Float64Array, distances: Float64Array): void {
  recent.copyWithin(distances.length, 0, (lagMax - 1) * distances.length);
  recent.set(distances);
}

export function packStates(bySlot: ReadonlyMap<number, State>): Uint8Array {
  const entities = [...bySlot].map(([slot, state]) => ({ slot, width: widthOf(state) }));
  return pack({ kind: "joint-residual", entities }, [...bySlot.values()].flatMap(columnsOf));
}

/** The states of what {@link packStates} gave; those before the first that does not fit. */
export function unpackStates(bytes: Uint8Array): Map<number, State> {
  const bySlot = new Map<number, State>();
  const packed = unpack(bytes);
  const entities = packed?.header["entities"];
  if (packed?.header["kind"] !== "joint-residual" || !Array.isArray(entities)) return bySlot;
  let next = 0;
  for (const { slot, width } of entities as readonly { readonly slot: number; readonly width: number }[]) {
    const own = packed.columns.slice(next, next + 1 + features * width + 5 + width);
    next += own.length;
    const [facts, ...rest] = own;
    if (facts?.length !== 3 + (features + 2 * lagMax) * width) return bySlot;
    const course = createCourse(width, rest.slice(features * width));
    const state = createState(width, course, (i) => createSpread(rest[i]));
    [state.points, state.followedPoints, state.lastAt] = facts as unknown as [number, number, number];
    state.units.set(facts.subarray(3, 3 + features * width));
    state.followed.set(facts.subarray(3 + features * width, 3 + (features + lagMax) * width));
    state.learned.set(facts.subarray(3 + (features + lagMax) * width));
    bySlot.set(slot, state);
  }
  return bySlot;
}

function columnsOf(state: State): readonly Float64Array[] {
  const { points, followedPoints, lastAt, units, followed, learned } = state;
  const facts = Float64Array.of(points, followedPoints, lastAt, ...units, ...followed, ...learned);
  return [facts, ...state.spreads.map((spread) => spread.state()), ...state.course.state()];
}
