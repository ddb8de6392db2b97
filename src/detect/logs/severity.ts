// How severe a line is, from its text, where the record does not say: OpenTelemetry's numbers (INFO 9, ERROR 17).

const LEVELS: Readonly<Record<string, number>> = {
  TRACE: 1,
  DEBUG: 5,
  INFO: 9,
  NOTICE: 10,
  WARN: 13,
  WARNING: 13,
  ERR: 17,
  ERROR: 17,
  SEVERE: 17,
  CRITICAL: 21,
  CRIT: 21,
  FATAL: 21,
  PANIC: 21,
  ALERT: 22,
  EMERG: 24,
};

/** Phrases that mean a failure wherever they stand, most severe first. */
const PHRASES: readonly (readonly [string, number])[] = [
  ["fallen off the bus", 21],
  ["out of memory", 21],
  ["segmentation fault", 21],
  ["core dumped", 21],
  ["traceback (most recent call last)", 17],
  ["illegal memory access", 17],
  ["uncorrect", 17],
  ["exception", 17],
  ["nvrm: xid", 17],
  ["failed", 17],
  ["timed out", 13],
  ["retrying", 13],
  ["deprecated", 13],
];
const LEVEL_WITHIN = 64;
const PHRASES_WITHIN = 512;

/**
 * A level word in capitals (`[ERROR]`, `WARNING:`, klog's `E0102`) near the start counts most; then a phrase. 0 where
 * the text says nothing. Blind to languages other than English.
 */
export function inferSeverity(text: string): number {
  const klog = /^([IWEF])\d{4} \d\d:\d\d/.exec(text);
  if (klog !== null) return { I: 9, W: 13, E: 17, F: 21 }[klog[1] as "I" | "W" | "E" | "F"];
  for (const [, word] of text.slice(0, LEVEL_WITHIN).matchAll(/(?:^|[^\w])([A-Z]{3,8})(?![\w])/g)) {
    const level = LEVELS[word!];
    if (level !== undefined) return level;
  }
  const field = /\blevel["']?\s*[=:]\s*["']?([a-zA-Z]{3,8})/.exec(text.slice(0, PHRASES_WITHIN));
  const named = field === null ? undefined : LEVELS[field[1]!.toUpperCase()];
  if (named !== undefined) return named;
  const lower = text.slice(0, PHRASES_WITHIN).toLowerCase();
  return PHRASES.find(([phrase]) => lower.includes(phrase))?.[1] ?? 0;
}

/** The number's range as OpenTelemetry names it; a small fixed set for labels. */
export function severityName(severity: number): string {
  if (!(severity >= 1)) return "unspecified";
  const names = ["trace", "debug", "info", "warn", "error", "fatal"];
  return names[Math.min(5, Math.floor((severity - 1) / 4))]!;
}
