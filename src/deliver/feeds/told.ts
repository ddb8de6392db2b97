// What receivers were told last of each group, and whether there is news: Alertmanager's notification log.
import type { DurationMs, Instant } from "../../model/time.ts";

export interface Told {
  /** Keys of the alerts that were told as firing, and as resolved. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly at: Instant;
  readonly expiresAt: Instant;
}

/**
 * Whether a receiver needs to hear of a group whose alerts are now `firing` and `resolved`. Source: the rules of
 * Alertmanager's DedupStage (prometheus/alertmanager, notify/notify.go).
 */
export function isNews(
  told: Told | undefined,
  firing: readonly string[],
  resolved: readonly string[],
  options: { readonly now: Instant; readonly repeatMs: DurationMs; readonly sendResolved: boolean },
): boolean {
  if (told === undefined || told.expiresAt <= options.now) return firing.length > 0;
  if (!subset(firing, told.firing)) return true;
  // Also where ends are not told: the log must forget what fired, or the next time would be no news.
  if (firing.length === 0) return told.firing.length > 0;
  if (options.sendResolved && !subset(resolved, told.resolved)) return true;
  return told.at < options.now - options.repeatMs;
}

function subset(some: readonly string[], all: readonly string[]): boolean {
  const known = new Set(all);
  return some.every((key) => known.has(key));
}
