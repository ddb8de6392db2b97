// What changed in the templates of a service: new ones, ones that vanished, bursts, another mix. One step of counts
// against the steps before it.
import { binomialLower, binomialUpper } from "../../math/tails.ts";
import type { Counted, Scope } from "./scope.ts";
import { mixTail } from "./tests.ts";

export interface ChangeOptions {
  /** Steps before the present one that make the reference. */
  readonly referenceSteps: number;
  /** Steps with lines that must have passed before anything is said about a service. */
  readonly graceSteps: number;
  /** Chance of a false change a step and service, shared out evenly among the tests made. */
  readonly alpha: number;
  /** A burst is at least this many times the reference's rate, however certain that it rose at all. */
  readonly burstRatio: number;
  /** And at least so many lines. */
  readonly burstLines: number;
  /** Share of a service's lines that must have gone to other templates before its mix is another. */
  readonly mixShare: number;
}

export interface Change {
  readonly kind: "new" | "vanished" | "burst" | "mix";
  /** Absent for a mix. */
  readonly templateId?: string;
  readonly observed: number;
  /** Lines a step that the reference leads to expect; for a mix, its G statistic takes `observed`'s place and this is 0. */
  readonly expected: number;
  /** Probability of this or more while nothing changed; 0 for a new template, about which no reference says anything. */
  readonly tail: number;
}

/**
 * Tests the open step, then makes it part of the reference and opens the next. Counts are compared by the exact conditional
 * test of two Poisson rates (Przyborowski & Wilenski 1940), mixes by the G-test, both after dividing by the reference's index
 * of dispersion, as lines come in clumps. Lines of instances that just started are learned untested, and a service that
 * says nothing at all is silent, not changed. Blind to changes slower than the reference is long.
 */
export function testStep(scope: Scope, options: ChangeOptions): Change[] {
  const counted = [...scope.byId];
  const lines = counted.reduce((total, [, one]) => total + one.now, 0);
  const found = lines > 0 && scope.steps >= options.graceSteps ? changesOf(scope, counted, options) : [];
  if (lines > 0) scope.steps++;
  for (const [id, one] of counted) {
    if (one.now > 0) {
      one.silent = false;
      scope.known.set(id, one.template);
    }
    if (lines > 0) one.past.push(one.now);
    if (one.past.length > options.referenceSteps) one.past.shift();
    [one.now, one.young] = one.ahead.shift() ?? [0, 0];
    if (one.now === 0 && one.ahead.length === 0 && one.past.every((count) => count === 0)) scope.byId.delete(id);
  }
  return found;
}

function changesOf(scope: Scope, counted: readonly [string, Counted][], options: ChangeOptions): Change[] {
  const steps = Math.min(scope.steps, options.referenceSteps);
  const alpha = options.alpha / (2 * counted.length + 1);
  const found: Change[] = [];
  for (const [templateId, one] of counted) {
    const change = changeOf(one, scope.known.has(templateId), steps, alpha, options);
    if (change !== undefined) found.push({ templateId, ...change });
  }
  const mix = mixOf(counted, alpha, options);
  // Told once, when it turns.
  if (mix !== undefined && !scope.mixTold) found.push(mix);
  scope.mixTold = mix !== undefined;
  return found;
}

function changeOf(
  one: Counted,
  known: boolean,
  steps: number,
  alpha: number,
  options: ChangeOptions,
): Change | undefined {
  const observed = one.now - one.young;
  if (!known) return observed > 0 ? { kind: "new", observed, expected: 0, tail: 0 } : undefined;
  const before = one.past.reduce((total, count) => total + count, 0);
  const expected = before / steps;
  const clumps = dispersion(one.past, steps, expected);
  if (observed >= options.burstLines && observed > options.burstRatio * expected) {
    const [k, past] = [Math.floor(observed / clumps), Math.ceil(before / clumps)];
    const tail = binomialUpper(k, k + past, 1 / (steps + 1));
    return tail < alpha ? { kind: "burst", observed, expected, tail } : undefined;
  }
  if (one.now > 0 || one.silent) return undefined;
  const quiet = trailingZeros(one.past) + 1;
  if (quiet > steps) return undefined;
  const tail = binomialLower(0, Math.floor(before / clumps), quiet / (steps + 1));
  if (tail >= alpha) return undefined;
  one.silent = true;
  return { kind: "vanished", observed: 0, expected, tail };
}

function mixOf(counted: readonly [string, Counted][], alpha: number, options: ChangeOptions): Change | undefined {
  const now = counted.map(([, one]) => one.now - one.young);
  const past = counted.map(([, one]) => one.past.reduce((total, count) => total + count, 0));
  if (shareMoved(now, past) < options.mixShare) return undefined;
  const steps = Math.max(1, ...counted.map(([, one]) => one.past.length));
  const clumps = Math.max(1, ...counted.map(([, one], i) => dispersion(one.past, steps, past[i]! / steps)));
  const thinned = (counts: readonly number[]): number[] => counts.map((count) => Math.round(count / clumps));
  const { g, tail } = mixTail(thinned(now), thinned(past));
  return tail < alpha ? { kind: "mix", observed: g, expected: 0, tail } : undefined;
}

/** Variance of the counts over their mean, at least 1: how many lines come together. Steps before the first count are zeros. */
function dispersion(past: readonly number[], steps: number, mean: number): number {
  if (mean <= 0) return 1;
  let squares = (steps - past.length) * mean * mean;
  for (const count of past) squares += (count - mean) * (count - mean);
  return Math.max(1, squares / Math.max(1, steps - 1) / mean);
}

/** Half the sum of what each template's share gained or lost: 0 for equal mixes, 1 for mixes without a common template. */
function shareMoved(now: readonly number[], past: readonly number[]): number {
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [n, m] = [total(now), total(past)];
  if (n === 0 || m === 0) return 0;
  return now.reduce((sum, count, i) => sum + Math.abs(count / n - past[i]! / m), 0) / 2;
}

function trailingZeros(values: readonly number[]): number {
  return values.length - 1 - values.findLastIndex((value) => value > 0);
}
