// What changed in the templates of a service: new ones, ones that vanished, bursts, another mix. One step of counts
// against the steps before it.
import { binomialLower, binomialUpper } from "../../math/tails.ts";
import type { Instant } from "../../model/time.ts";
import type { Template } from "./template-book.ts";
import { mixTail } from "./tests.ts";

export interface ChangeOptions {
  /** Steps before the present one that make the reference. */
  readonly referenceSteps: number;
  /** Steps with lines that must have passed before anything is said about a service. */
  readonly graceSteps: number;
  /** Chance of a false finding a step and service, shared out evenly among the tests made. */
  readonly alpha: number;
  /** A burst is at least this many times the reference's rate, however certain that it rose at all. */
  readonly burstRatio: number;
}

export interface LogFinding {
  readonly kind: "new" | "vanished" | "burst" | "mix";
  readonly at: Instant;
  readonly service: string;
  readonly version: string;
  /** Absent for a mix. */
  readonly templateId?: string;
  readonly observed: number;
  /** Lines a step that the reference leads to expect; for a mix, its G statistic takes `observed`'s place and this is 0. */
  readonly expected: number;
  /** Probability of this or more while nothing changed; 0 for a new template, about which no reference says anything. */
  readonly tail: number;
}

export interface Counted {
  template: Template;
  now: number;
  /** Lines of the steps before, newest last. */
  past: number[];
  /** Whether its silence was told already. */
  silent: boolean;
}

export interface Scope {
  readonly service: string;
  readonly version: string;
  readonly byId: Map<string, Counted>;
  /** Steps with lines. */
  steps: number;
  mixTold: boolean;
}

/**
 * Tests the step that ends at `at`, then makes it part of the reference. Counts are compared by the exact conditional
 * test of two Poisson rates (Przyborowski & Wilenski 1940), mixes by the G-test. Blind to changes slower than the
 * reference is long; counts that come in clumps have tails heavier than Poisson's, hence the ratio bursts must have.
 */
export function testStep(scope: Scope, at: Instant, options: ChangeOptions): LogFinding[] {
  const counted = [...scope.byId];
  const total = counted.reduce((sum, [, one]) => sum + one.now, 0);
  const ripe = scope.steps >= options.graceSteps;
  const alpha = options.alpha / Math.max(1, 2 * counted.length + 1);
  const about = { at, service: scope.service, version: scope.version };
  const found: LogFinding[] = [];
  const reference = counted.map(([, one]) => sum(one.past));
  const steps = Math.min(scope.steps, options.referenceSteps);
  if (ripe) {
    for (let i = 0; i < counted.length; i++) {
      const [templateId, one] = counted[i]!;
      const before = reference[i]!;
      const expected = before / steps;
      const common = { ...about, templateId, observed: one.now, expected };
      if (one.past.length === 0) {
        found.push({ ...common, kind: "new", tail: 0 });
      } else if (one.now > options.burstRatio * expected) {
        const tail = binomialUpper(one.now, one.now + before, 1 / (steps + 1));
        if (tail < alpha) found.push({ ...common, kind: "burst", tail });
      } else if (!one.silent) {
        const quiet = trailingZeros(one.past) + (one.now === 0 ? 1 : 0);
        const tail = one.now > 0 || quiet > steps ? 1 : binomialLower(0, before, quiet / (steps + 1));
        if (tail < alpha) {
          found.push({ ...common, kind: "vanished", tail });
          one.silent = true;
        }
      }
    }
    const mix = mixTail(
      counted.map(([, one]) => one.now),
      reference,
    );
    const changed = mix.tail < alpha;
    // Told once, when it turns.
    if (changed && !scope.mixTold) found.push({ ...about, kind: "mix", observed: mix.g, expected: 0, tail: mix.tail });
    scope.mixTold = changed;
  }
  if (total > 0) scope.steps++;
  for (const [id, one] of counted) {
    if (one.now > 0) one.silent = false;
    if (total > 0) one.past.push(one.now);
    if (one.past.length > options.referenceSteps) one.past.shift();
    one.now = 0;
    if (sum(one.past) === 0) scope.byId.delete(id);
  }
  return found;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function trailingZeros(values: readonly number[]): number {
  return values.length - 1 - values.findLastIndex((value) => value > 0);
}
