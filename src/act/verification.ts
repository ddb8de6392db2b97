// Whether a repair helped: its checks must hold without a break for long enough, in event time.
import type { Action, Reading } from "../model/action.ts";
import type { CheckSpec } from "../model/failure-mode.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { formatDuration, type Instant } from "../model/time.ts";
import { evaluateInstant } from "../promql/evaluate.ts";
import { parseQuery } from "../promql/parse.ts";

export interface Verification {
  readonly startedAt: Instant;
  /** Since when each check holds without a break; absent = it does not. */
  readonly since: Map<string, Instant>;
}

export type Progress =
  | { readonly kind: "waiting" }
  /** `since`: the last of them. */
  | { readonly kind: "holds"; readonly reason: string; readonly since: Instant }
  | { readonly kind: "failed"; readonly reason: string }
  /** Nobody can tell: there was no telemetry to judge by. */
  | { readonly kind: "inconclusive"; readonly reason: string };

export function startVerification(at: Instant): Verification {
  return { startedAt: at, since: new Map() };
}

/**
 * Looks at every check once. `fresh` says whether the target has telemetry now: without it no check holds, and none fails
 * either. Steps are expected every few seconds of event time; what happens between two of them is not seen.
 */
export async function advance(
  action: Action,
  verification: Verification,
  fresh: boolean,
  source: SeriesSource,
  now: Instant,
): Promise<Progress> {
  const { since, startedAt } = verification;
  const open: string[] = [];
  let unanswered = !fresh;
  for (const check of action.verify) {
    const holds = fresh ? await holdsNow(check, source, now) : undefined;
    if (holds === undefined) unanswered = true;
    if (holds !== true) since.delete(check.id);
    else if (!since.has(check.id)) since.set(check.id, now);
    const begun = since.get(check.id);
    const lasted = begun !== undefined && now - begun >= check.forMs;
    if (!lasted) open.push(check.says);
  }
  if (open.length === 0) {
    const says = action.verify.map((check) => `${check.says} for ${formatDuration(now - since.get(check.id)!)}`);
    return { kind: "holds", reason: says.join("; "), since: Math.max(...since.values()) };
  }
  const withinMs = Math.max(...action.verify.map((check) => check.withinMs));
  if (now - startedAt < withinMs) return { kind: "waiting" };
  const reason = `within ${formatDuration(withinMs)} this did not come true for long enough: ${open.join("; ")}`;
  return unanswered
    ? { kind: "inconclusive", reason: `inconclusive: no telemetry of ${action.target} to judge by` }
    : { kind: "failed", reason };
}

/** True when every check holds at this instant. */
export async function allHold(action: Action, source: SeriesSource, now: Instant): Promise<boolean> {
  for (const check of action.verify) if ((await holdsNow(check, source, now)) !== true) return false;
  return action.verify.length > 0;
}

/** Every check at this instant, for the ledger. */
export async function readChecks(action: Action, source: SeriesSource, now: Instant): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  for (const check of action.verify)
    readings.push({ check: check.says, holds: (await holdsNow(check, source, now)) ?? null });
  return readings;
}

/** Undefined when the query cannot be answered. */
async function holdsNow(check: CheckSpec, source: SeriesSource, now: Instant): Promise<boolean | undefined> {
  const query = parseQuery(check.expr);
  if ("errors" in query) return undefined;
  try {
    const result = await evaluateInstant(query, now, source);
    if (result.kind === "vector") return result.samples.some(({ value }) => !Number.isNaN(value));
    return result.kind === "scalar" && result.value !== 0 && !Number.isNaN(result.value);
  } catch {
    return undefined;
  }
}
