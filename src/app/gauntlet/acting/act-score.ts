// What acting was worth in one scenario, by the simulation's own truth: against the same scenario, same seed, without it.
import type { LedgerEntry } from "../../../model/action.ts";
import type { DurationMs } from "../../../model/time.ts";
import type { FeltMinutes } from "../../../simulate/felt.ts";
import type { Carried } from "./actuator.ts";
import type { Remedies } from "./remedies.ts";

/** With action, and without. */
export interface Felt {
  readonly acted: FeltMinutes;
  readonly left: FeltMinutes;
}

export interface ActScore {
  readonly isFault: boolean;
  /** Without action there is harm to the very end, and the scenario names a repair that changes something. */
  readonly repairable: boolean;
  /** Harm was over before the end, and stayed so. */
  readonly repaired: boolean;
  /** From onset until harm was over; the time to the end where it never was. Absent: no harm came of it. */
  readonly ttrMs?: DurationMs;
  readonly ttrLeftMs?: DurationMs;
  /** What the fleet carried out: neither what people are told, nor what takes an action back. */
  readonly executed: number;
  /** Made harm worse, or struck what was healthy. */
  readonly harmful: number;
  /** None of the right remedies; and of them those nobody had approved. */
  readonly wrong: number;
  readonly wrongAuto: number;
  readonly verdicts: { readonly success: number; readonly fail: number; readonly inconclusive: number };
  /** Times the room said yes or no to an action. */
  readonly decisions: number;
  /** One line each, for people. */
  readonly story: readonly string[];
}

export interface ActTruth {
  readonly isFault: boolean;
  readonly onsetMs: number;
  readonly remedies: Remedies;
}

const minuteMs = 60_000;
/** A minute is harmful that is worse than the minutes before the fault by so many of their deviations, and by this share of requests. */
const deviations = 3;
const harmMin = 0.03;
/** Over, when there were so many minutes without. */
const quietMinutes = 5;
/** An action answers for so many minutes after it. */
const answersForMinutes = 10;
/** Worse by this share of all requests of these minutes than without it. Less is chance: who waits behind whom changes. */
const worseBy = 0.02;
const warmUpMinutes = 3;

export function actScore(
  { isFault, onsetMs, remedies }: ActTruth,
  { acted, left }: Felt,
  carried: readonly Carried[],
  entries: readonly LedgerEntry[],
): ActScore {
  const onset = Math.floor(onsetMs / minuteMs);
  const bound = usualBound(left.bad, onset);
  const alone = isFault ? overAt(harmfulMinutes(left, bound), onset) : undefined;
  const mended = isFault ? overAt(harmfulMinutes(acted, bound), onset) : undefined;
  const done = carried.filter(({ refused, isUndo }) => refused === undefined && !isUndo);
  const approved = new Set(entries.filter(({ state }) => state === "approved").map(({ action }) => keyOf(action)));
  const isWrong = ({ action, target }: Carried): boolean =>
    !remedies.isRight({ kind: action as LedgerEntry["action"]["kind"], target });
  const isHarmful = (one: Carried): boolean =>
    remedies.isHealthy(one.target) || worsened({ acted, left }, one.atMs) > worseBy;
  const verdict = (name: LedgerEntry["verdict"]): number => entries.filter((one) => one.verdict === name).length;
  const felt = alone?.felt ?? false;
  return {
    isFault,
    repairable: felt && !alone!.over && remedies.repairable,
    repaired: mended?.over ?? false,
    ...(felt ? { ttrMs: mended!.minutes * minuteMs, ttrLeftMs: alone!.minutes * minuteMs } : {}),
    executed: done.length,
    harmful: done.filter(isHarmful).length,
    wrong: done.filter(isWrong).length,
    wrongAuto: done.filter((one) => isWrong(one) && !approved.has(keyOf({ ...one, kind: one.action }))).length,
    verdicts: { success: verdict("success"), fail: verdict("fail"), inconclusive: verdict("inconclusive") },
    decisions: entries.filter(({ state }) => state === "sent" || state === "held" || state === "denied").length,
    story: done.map((one) => {
      const worse = worsened({ acted, left }, one.atMs);
      const says = [isWrong(one) ? "WRONG" : "right", isHarmful(one) ? "HARMFUL" : "harmless"].join(", ");
      const change = `${(100 * worse).toFixed(1)} points of requests worse off than without it`;
      return `${Math.round(one.atMs / 1000)} s ${one.action} of ${one.target}: ${says}, ${change}`;
    }),
  };
}

function keyOf({ kind, target }: { readonly kind: string; readonly target: string }): string {
  return `${kind} ${target}`;
}

/** Above this a minute is harmful. Without minutes before the onset: nothing is usual but answers. */
function usualBound(shares: Float64Array, onset: number): number {
  const before = shares.subarray(Math.min(warmUpMinutes, onset), onset);
  if (before.length === 0) return harmMin;
  const mean = before.reduce((sum, one) => sum + one, 0) / before.length;
  const variance = before.reduce((sum, one) => sum + (one - mean) ** 2, 0) / before.length;
  return mean + Math.max(harmMin, deviations * Math.sqrt(variance));
}

/**
 * Harm is what people feel, or a replica that serves nobody: that the others carry its load today is luck. The last minute may be cut
 * short and is left out.
 */
function harmfulMinutes({ bad, out }: FeltMinutes, bound: number): readonly boolean[] {
  return Array.from(bad.subarray(0, -1), (share, minute) => share > bound || out[minute]! > 0);
}

/** Whether there was harm from `onset` on, whether it was over before the end, and how many minutes it lasted. */
function overAt(harmful: readonly boolean[], onset: number) {
  // One odd minute is chance.
  if (harmful.slice(onset).filter(Boolean).length < 2) return { felt: false, over: true, minutes: 0 };
  const last = harmful.lastIndexOf(true);
  return { felt: true, over: harmful.length - last > quietMinutes, minutes: last + 1 - onset };
}

/** There has been no harm for `minutes` minutes, as far as it has come. */
export function isOverFor(minutes: number, felt: FeltMinutes, onsetMs: number): boolean {
  const onset = Math.floor(onsetMs / minuteMs);
  const harmful = harmfulMinutes(felt, usualBound(felt.bad, onset));
  return harmful.length - onset > minutes && !harmful.slice(-minutes).includes(true);
}

/** How much worse people were served in the minutes after, on the mean, than without any action. */
function worsened({ acted, left }: Felt, atMs: number): number {
  const from = Math.floor(atMs / minuteMs);
  const to = Math.min(from + answersForMinutes, acted.bad.length - 1, left.bad.length - 1);
  let sum = 0;
  for (let minute = from; minute < to; minute++) sum += acted.bad[minute]! - left.bad[minute]!;
  return to <= from ? 0 : sum / (to - from);
}
