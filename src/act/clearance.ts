// Whether a message that changes the fleet may still go: asked right before each attempt to deliver it.
import type { Clearance, FleetChange } from "../model/ports/notifier.ts";
import { type DurationMs, formatDuration, type Instant } from "../model/time.ts";
import { barred, type Desk } from "./desk.ts";
import { isUnderWay, type Repair } from "./repairs.ts";

/** Of an action nobody knows any more. */
const ttlUsual: DurationMs = 15 * 60_000;

/**
 * Delivery can take hours, and what was decided then is about the situation then. `ageMs`: since the message was written. What
 * stands against it now (kill switch, another executor, a freeze) holds it; age, and the end of the attempt, are for good.
 */
export function clearanceFor(desk: Desk, change: FleetChange, ageMs: DurationMs, now: Instant): Clearance {
  const repair = repairOf(desk, change.action);
  const ttl = repair === undefined ? ttlUsual : desk.demotions.policyFor(repair.action).approval.ttl;
  if (ageMs > ttl)
    return { kind: "never", reason: `it is older than ${formatDuration(ttl)}, for which its policy lets it count` };
  const isCurrent = repair !== undefined && repair.action.id === change.action && isUnderWay(repair);
  if (change.undo !== true && !isCurrent)
    return { kind: "never", reason: `the attempt ${change.action} is over; what is still wrong is proposed anew` };
  const bar = barred(desk, change.target, now);
  return bar === undefined ? { kind: "go" } : { kind: "wait", reason: `${bar.by}: ${bar.reason}` };
}

/** By the id of any of its attempts. */
function repairOf({ repairs }: Desk, action: string): Repair | undefined {
  const proposal = action.replace(/-\d+$/, "");
  return [...repairs.values()].find(({ proposal: { id } }) => id === proposal);
}
