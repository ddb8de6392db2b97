// What probes may cost: a share of the tokens that are served anyway, kept as a token bucket.
import type { Instant } from "../model/time.ts";

export interface BudgetOptions {
  /** Of the tokens served. */
  readonly share: number;
  /** May be spent in a day however little is served, of all targets together: an idle fleet is looked at too. */
  readonly floorPerDay: number;
}

export interface BudgetStatus extends BudgetOptions {
  /** Tokens that may be spent now. */
  readonly left: number;
  /** Since the start. */
  readonly spent: number;
  /** Tokens served since the start, as far as telemetry told; 0 if it told nothing. */
  readonly served: number;
  /** `spent` of all tokens served; NaN where none is known of. */
  readonly shareSpent: number;
}

export interface TokenBudget {
  /** Time passes; `servedPerSecond`: tokens served by all targets, undefined = not known. */
  pass(now: Instant, servedPerSecond: number | undefined): void;
  /** Takes what a probe may cost at most; false = it may not be run now. */
  take(tokens: number, essential: boolean): boolean;
  /** What was `taken` cost `used`; the rest is given back, and an excess is owed. */
  settle(taken: number, used: number): void;
  status(): BudgetStatus;
}

const dayMs = 86_400_000;
/** So much of a day's tokens may be saved up. */
const savedMs = dayMs / 4;
const startMs = dayMs / 12;
/** Of what there is at the start, kept for essential probes. */
const reservedShare = 0.2;

export function createTokenBudget(options: BudgetOptions): TokenBudget {
  const floorPerMs = options.floorPerDay / dayMs;
  const reserve = reservedShare * floorPerMs * startMs;
  let left = floorPerMs * startMs;
  let spent = 0;
  let served = 0;
  let last: Instant | undefined;

  return {
    pass(now, servedPerSecond) {
      const passed = last === undefined ? 0 : Math.min(Math.max(0, now - last), savedMs);
      last = now;
      const known =
        servedPerSecond !== undefined && Number.isFinite(servedPerSecond) ? Math.max(0, servedPerSecond) : 0;
      const ratePerMs = Math.max(floorPerMs, (options.share * known) / 1000);
      served += (known / 1000) * passed;
      left = Math.min(left + ratePerMs * passed, Math.max(left, ratePerMs * savedMs));
    },
    take(tokens, essential) {
      if (left - tokens < (essential ? 0 : reserve)) return false;
      left -= tokens;
      return true;
    },
    settle(taken, used) {
      left += taken - used;
      spent += used;
    },
    status: () => ({ ...options, left, spent, served, shareSpent: served > 0 ? spent / served : Number.NaN }),
  };
}
