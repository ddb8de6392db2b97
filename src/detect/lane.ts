// What is put to the decider at one step: rows of values, and what each of several detectors says of them.
import type { DetectorView } from "../model/detector.ts";
import type { Entity } from "../model/entity.ts";
import type { SignalId } from "../model/signal.ts";

/** Rows of an entity lie together, one for each of `signals`; each row is one series, and opens one episode at a time. */
export interface Lane {
  /** Stable, as rows are told apart by it and their slot. */
  readonly name: string;
  readonly entities: readonly Entity[];
  readonly signals: readonly (SignalId | "joint")[];
  /** Stable numbers of the rows. */
  readonly slots: Int32Array;
  readonly values: Float64Array;
  /** The same detectors in the same order at every step. The first one's band is the one shown. */
  readonly votes: readonly Vote[];
}

export interface Vote {
  readonly detector: string;
  readonly scores: Float64Array;
  /** Written by the decider: the scores held, which are what is calibrated. */
  readonly held: Float64Array;
  /** Pool each of the lane's signals is calibrated in. */
  readonly pools: readonly string[];
  /** Steps a score must be held. */
  readonly persistSteps: number;
  /** How much it counts in a row; 0 = not at all. */
  weight(row: number): number;
  /** Its values are the lane's, so that its band is one of theirs. */
  readonly sameUnit: boolean;
  /** Called only when there is something to tell. */
  explain(row: number): DetectorView;
}

/** Scores of one detector on one signal share a pool, whatever the entity. */
export function poolsOf(detector: string, ids: readonly string[]): readonly string[] {
  return ids.map((id) => `${detector}/${id}`);
}

export interface Tails {
  held: number;
  now: number;
  /** Index of the vote that made it most; -1 when nobody could tell. */
  lead: number;
}

/** Adds up what detectors of one series say, however much they depend on one another. */
export interface Verdict {
  reset(): void;
  /** `held` and `now` are tail probabilities; 1 when unknown. */
  add(vote: number, weight: number, held: number, now: number): void;
  /** The result; the same object each time. */
  tails(): Tails;
}

/**
 * Weighted harmonic mean of tails. For small ones it is all but the Cauchy combination, whose level holds whatever the
 * dependence between the votes. Source: Wilson (2019), "The harmonic mean p-value for combining dependent tests";
 * Liu and Xie (2020) for the Cauchy one. One odd vote among K equal ones costs a factor K, a chorus gains nothing.
 */
export function createVerdict(): Verdict {
  const out: Tails = { held: 1, now: 1, lead: -1 };
  let weights = 0;
  let held = 0;
  let now = 0;
  let most = 0;
  return {
    reset() {
      weights = held = now = most = 0;
      out.lead = -1;
    },
    add(vote, weight, heldTail, nowTail) {
      weights += weight;
      held += weight / heldTail;
      now += weight / nowTail;
      if (weight / heldTail <= most) return;
      most = weight / heldTail;
      out.lead = vote;
    },
    tails() {
      out.held = weights === 0 ? 1 : weights / held;
      out.now = weights === 0 ? 1 : weights / now;
      return out;
    },
  };
}
