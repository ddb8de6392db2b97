// When a scraped counter began to count. Prometheus pages rarely say, OTLP wants to know: the first time it was seen, and
// again each time its value fell. Blind to a restart that climbs past the old value between two scrapes, as Prometheus is.

export interface StartTimes {
  /** Start of the series at this point, in Unix milliseconds. `createdMs` is what the page itself says, and wins. */
  startOf(series: string, atMs: number, value: number, createdMs?: number): number;
  /** Forgets series not seen since `beforeMs`. */
  sweep(beforeMs: number): void;
  readonly size: number;
}

interface Entry {
  startMs: number;
  lastMs: number;
  lastValue: number;
}

/** Keeps at most `seriesMax` series; beyond that a new one's start is its own time, which costs precision, not truth. */
export function createStartTimes(seriesMax: number): StartTimes {
  const known = new Map<string, Entry>();
  return {
    get size() {
      return known.size;
    },
    startOf(series, atMs, value, createdMs) {
      const entry = known.get(series);
      if (entry === undefined) {
        if (known.size < seriesMax) known.set(series, { startMs: atMs, lastMs: atMs, lastValue: value });
        return createdMs ?? atMs;
      }
      // An older point, as in a resend, says nothing about what came after it.
      if (atMs <= entry.lastMs) return createdMs ?? entry.startMs;
      if (value < entry.lastValue) entry.startMs = atMs;
      entry.lastMs = atMs;
      if (!Number.isNaN(value)) entry.lastValue = value;
      return createdMs ?? entry.startMs;
    },
    sweep(beforeMs) {
      for (const [series, entry] of known) if (entry.lastMs < beforeMs) known.delete(series);
    },
  };
}
