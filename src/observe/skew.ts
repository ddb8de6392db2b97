// Producers whose clock is off: found by comparing when their points arrive with when they say they were measured.
import type { DurationMs, Instant } from "../model/time.ts";

export interface SkewBook {
  /** Tells of a point of the producer, with the time it carries. */
  note(producer: string, at: Instant): void;
  /** Ends a page that arrived at `now`; gives the producers whose correction changed. */
  settle(now: Instant): readonly Turned[];
  /** What to add to the producer's times; 0 for a clock that is right. */
  correction(producer: string): DurationMs;
  /** Lets go of all others, once nothing was heard of them over some calls: what was just set right has no series for a moment. */
  keepOnly(producers: ReadonlySet<string>): void;
}

export interface Turned {
  readonly producer: string;
  /** Ahead > 0, behind < 0. */
  readonly aheadMs: DurationMs;
}

interface Clock {
  /** Newest time in this page. */
  newest: Instant;
  /** Arrival less event time of the last pages. */
  readonly lags: number[];
  correction: DurationMs;
  /** Calls of `keepOnly` since it was last heard. */
  silent: number;
}

const silentMax = 10;
const pagesKept = 6;
/** Beyond these a clock is off: a delay can make it seem behind, nothing makes it seem ahead. */
const aheadMin = 15_000;
const behindMin = 60_000;
/** A clock that is off is off by the same all the time; a backlog that is worked off is not. */
const steadyMs = 15_000;
const timelyMs = 30_000;

/**
 * A producer is off when its last six pages came with about the same lag, too large or negative, while another's came in
 * time. When nobody is in time it is no clock: a replay, or a delay on the way. Blind to a clock off by less than 15 s ahead
 * or a minute behind, and to one that is off alone in its fleet.
 */
export function createSkewBook(): SkewBook {
  const clocks = new Map<string, Clock>();
  const noted = new Set<string>();
  return {
    note(producer, at) {
      let clock = clocks.get(producer);
      if (clock === undefined) {
        clock = { newest: at, lags: [], correction: 0, silent: 0 };
        clocks.set(producer, clock);
      }
      clock.silent = 0;
      clock.newest = noted.has(producer) ? Math.max(clock.newest, at) : at;
      noted.add(producer);
    },
    settle(now) {
      for (const producer of noted) {
        const { lags, newest } = clocks.get(producer) as Clock;
        lags.push(now - newest);
        if (lags.length > pagesKept) lags.shift();
      }
      const turned: Turned[] = [];
      const timely = [...clocks.values()].some(
        ({ lags }) => lags.length > 0 && Math.abs(lags.at(-1) as number) <= timelyMs,
      );
      if (timely) for (const producer of noted) turned.push(...judge(producer, clocks.get(producer) as Clock));
      noted.clear();
      return turned;
    },
    correction: (producer) => clocks.get(producer)?.correction ?? 0,
    keepOnly(producers) {
      for (const [producer, clock] of clocks)
        if (!producers.has(producer) && ++clock.silent > silentMax) clocks.delete(producer);
    },
  };
}

function judge(producer: string, clock: Clock): readonly Turned[] {
  const { lags } = clock;
  const least = Math.min(...lags);
  if (lags.length < pagesKept || Math.max(...lags) - least > steadyMs) return [];
  const off = least < -aheadMin || least > behindMin;
  const wanted = off ? Math.round(least / 1000) * 1000 : 0;
  if (Math.abs(wanted - clock.correction) <= steadyMs && (wanted !== 0) === (clock.correction !== 0)) return [];
  clock.correction = wanted;
  return [{ producer, aheadMs: -wanted }];
}
