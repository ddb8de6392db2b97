// The last day of a series, a value a minute.

export interface Minutes {
  /** Later values of a minute replace earlier ones; minutes between are unknown. Earlier minutes are ignored. */
  put(minute: number, value: number): void;
  /** Oldest first, up to the newest; NaN where unknown. Belongs to its owner: not to be kept. */
  values(): Float64Array;
  newest(): number;
}

/** A day, the fit of a season and its backtest. */
const kept = 1440 + 6 * 60;
/** Room, so that what is old is moved away seldom. */
const room = 240;

export function createMinutes(): Minutes {
  const ring = new Float64Array(kept + room);
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  return {
    put(minute, value) {
      if (minute < last) return;
      if (minute - last > kept) count = 0;
      else for (let gap = last + 1; gap < minute; gap++) push(Number.NaN);
      if (minute === last) count--;
      push(value);
      last = minute;
    },
    values: () => ring.subarray(Math.max(0, count - kept), count),
    newest: () => last,
  };

  function push(value: number): void {
    if (count === ring.length) {
      ring.copyWithin(0, count - kept);
      count = kept;
    }
    ring[count++] = value;
  }
}
