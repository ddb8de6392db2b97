// How often the agent may act: by hour, by target and hour, and with a pause on each target.
import { formatDuration } from "../model/time.ts";
import type { AgentFile } from "./allow-schema.ts";
import type { Entry } from "./journal.ts";

const hourMs = 3_600_000;

/**
 * Why one more action on the target is too many; undefined if it is not. Counts what was taken, whatever came of it, from the
 * journal: a restart forgets nothing. Taking back is not counted. An entry from the future (the clock was set back) counts as now.
 */
export function whyTooOften(
  entries: Iterable<Entry>,
  target: string,
  limits: AgentFile["limits"],
  nowMs: number,
): string | undefined {
  let all = 0;
  let here = 0;
  let waiting = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  for (const entry of entries) {
    if (entry.sameAs !== undefined || entry.state === "refused") continue;
    if (entry.state === "accepted") waiting++;
    if (entry.type !== "action.requested") continue;
    const at = Math.max(entry.at, entry.result?.endedAt ?? 0);
    if (entry.target === target) lastAt = Math.max(lastAt, at);
    if (nowMs - entry.at >= hourMs) continue;
    all++;
    if (entry.target === target) here++;
  }
  if (waiting >= limits.waiting) return `${waiting} actions wait already (limits.waiting)`;
  if (all >= limits.perHour) return `${all} actions in the last hour (limits.perHour is ${limits.perHour})`;
  if (here >= limits.perTargetPerHour)
    return `${here} actions on ${target} in the last hour (limits.perTargetPerHour is ${limits.perTargetPerHour})`;
  if (nowMs - lastAt < limits.pause)
    return `the last action on ${target} was less than ${formatDuration(limits.pause)} ago (limits.pause)`;
  return undefined;
}
