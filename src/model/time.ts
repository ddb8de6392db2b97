// Instants and spans of event time.

/** Unix time in milliseconds. Event time unless a name says otherwise. */
export type Instant = number;

/** Length of time in milliseconds. */
export type DurationMs = number;

/** A stretch of event time, `from` inclusive, `to` exclusive, so that neighbours neither overlap nor leave a gap. */
export interface TimeRange {
  readonly from: Instant;
  readonly to: Instant;
}

/**
 * Milliseconds in a duration written as Prometheus writes it: `1h30m`, `5m`, `250ms`.
 * Returns undefined for anything else.
 */
export function parseDuration(text: string): DurationMs | undefined {
  const parts = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (text === "" || parts === null) return text === "0" ? 0 : undefined;
  const units = [365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000, 1];
  return units.reduce((sum, unit, i) => sum + unit * Number(parts[i + 1] ?? 0), 0);
}

/** `90_000` -> `1m30s`, the inverse of {@link parseDuration} for whole milliseconds. */
export function formatDuration(ms: DurationMs): string {
  if (ms <= 0) return "0s";
  const units: readonly [string, number][] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
    ["ms", 1],
  ];
  let rest = Math.round(ms);
  let text = "";
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
