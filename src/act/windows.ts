// Stretches of time in which nothing may be changed, or only then: from an instant to another, or every week, in a time zone.
import type { EntityId } from "../model/entity.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { matches } from "./policy.ts";

export interface Window {
  readonly id: string;
  /** `freeze`: nothing runs while it is open, approved or not. `maintenance`: policies may be bound to it. */
  readonly kind: "freeze" | "maintenance";
  /** Entity id; `*` at its end matches any rest. */
  readonly target: string;
  readonly reason: string;
  readonly when: Once | Weekly;
}

export interface Once {
  readonly from: Instant;
  /** Not in it any more. */
  readonly to: Instant;
}

export interface Weekly {
  /** Days it begins on, 0 = Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight on the clock of the zone. */
  readonly atMinute: number;
  readonly lasts: DurationMs;
  /** IANA name, for example Europe/Berlin. */
  readonly timeZone: string;
}

const dayMs = 86_400_000;

/** Which freeze is open for the target, in words; undefined: none. */
export function whyFrozen(windows: readonly Window[], target: EntityId, now: Instant): string | undefined {
  const open = windows.find((one) => one.kind === "freeze" && matches(one.target, target) && isOpen(one, now));
  return open === undefined ? undefined : `change freeze ${open.id}${open.reason === "" ? "" : `: ${open.reason}`}`;
}

export function isOpen({ when }: Window, now: Instant): boolean {
  if ("from" in when) return when.from <= now && now < when.to;
  const { days, atMinute, lasts, timeZone } = when;
  const today = localDay(now, timeZone);
  // A day of the calendar on either side: the zone's clock may be ahead or behind, and a change of it moves a day's length.
  for (let back = -1; back <= Math.ceil(lasts / dayMs) + 1; back++) {
    const day = today - back * dayMs;
    if (!days.includes(new Date(day).getUTCDay())) continue;
    const begins = instantOf(day + atMinute * 60_000, timeZone);
    if (begins <= now && now < begins + lasts) return true;
  }
  return false;
}

/** Midnight of the zone's calendar day at `now`, read as if it were UTC. */
function localDay(now: Instant, timeZone: string): number {
  return Math.floor((now + offsetAt(now, timeZone)) / dayMs) * dayMs;
}

/** When the zone's clock shows `local`, read as if it were UTC; at a gap the instant after it, at an overlap one of both. */
function instantOf(local: number, timeZone: string): Instant {
  const first = local - offsetAt(local, timeZone);
  return local - offsetAt(first, timeZone);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's clock is ahead of UTC. Throws a RangeError for a zone there is not. */
function offsetAt(at: Instant, timeZone: string): DurationMs {
  let format = formats.get(timeZone);
  if (format === undefined) {
    const parts = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      era: "short",
      ...parts,
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const read = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = read;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}
