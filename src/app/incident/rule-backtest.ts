// When a threshold would have been passed over stored history, and how often for nothing.
import type { Incident } from "../../model/incident.ts";
import type { Instant, TimeRange } from "../../model/time.ts";

export interface Course {
  readonly entity: string;
  /** Instant and value, a point a minute, oldest first. */
  readonly points: readonly (readonly [Instant, number])[];
}

export interface Backtest {
  /** First firing that belongs to the incident; absent if there is none. */
  readonly firedAt?: Instant;
  /** Times it fired before, when no incident was open. */
  readonly falseAlarms: number;
  /** Days on record before the incident. */
  readonly days: number;
}

const minuteMs = 60_000;
/** As `for: 2m`: true at three looks in a row. */
const looks = 3;
/** A firing so long before the first symptom may be of it. */
const aheadMs = 30 * minuteMs;

/** Stretches in which the condition held for two minutes; a gap of more than two looks ends one. */
export function episodesOf(courses: readonly Course[], holds: (value: number) => boolean): readonly TimeRange[] {
  return courses.flatMap(({ points }) => {
    const found: TimeRange[] = [];
    let [run, last, from] = [0, Number.NEGATIVE_INFINITY, 0];
    for (const [at, value] of points) {
      const goes = holds(value) && (run === 0 || at - last <= looks * minuteMs);
      if (!goes && run >= looks) found.push({ from, to: last });
      run = goes ? run + 1 : holds(value) ? 1 : 0;
      if (run === looks) from = at;
      last = at;
    }
    if (run >= looks) found.push({ from, to: last });
    return found;
  });
}

/** `known`: incidents of the same time, whose firings are not false. Blind to trouble that nobody found. */
export function backtestOf(
  episodes: readonly TimeRange[],
  courses: readonly Course[],
  incident: Incident,
  known: readonly Incident[],
): Backtest {
  const spans = [incident, ...known].map(({ onset, resolvedAt }) => ({
    from: onset - aheadMs,
    to: resolvedAt ?? Number.POSITIVE_INFINITY,
  }));
  const meets = (one: TimeRange, other: TimeRange): boolean => one.from <= other.to && one.to >= other.from;
  const own = episodes.filter((one) => meets(one, spans[0]!)).map(({ from }) => from);
  const first = Math.min(incident.onset, ...courses.flatMap(({ points }) => points.slice(0, 1).map(([at]) => at)));
  return {
    ...(own.length === 0 ? {} : { firedAt: Math.min(...own) }),
    falseAlarms: episodes.filter((one) => one.from < incident.onset && !spans.some((span) => meets(one, span))).length,
    days: (incident.onset - first) / 86_400_000,
  };
}
