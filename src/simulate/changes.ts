// Change events of the fleet, posted to whoever keeps them: what a deploy pipeline does.
import { setTimeout as sleep } from "node:timers/promises";
import type { ChangeEvent } from "../model/change.ts";
import { stableId } from "../model/ids.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { Change } from "./action.ts";

const attemptsMax = 6;
const timeoutMs = 10_000;

/** The event a change is told as; `startAt` is the Unix time of virtual time zero. */
export function toChangeEvent(change: Change, startAt: Instant): ChangeEvent {
  const { atMs, kind, target, summary, before, after, by } = change;
  const at = Math.round(startAt + atMs);
  const id = stableId("simulate", kind, target, at, by);
  return { id, at, kind, target, summary: `${target.replace(/^\w+:/, "")}: ${summary}`, before, after, by };
}

/** Posts one event, with retries; one that cannot be delivered is counted. Never rejects. */
export async function postChange(
  url: string,
  event: ChangeEvent,
  telemetry: Telemetry,
  stopping: AbortSignal,
): Promise<void> {
  let reason = "stopped";
  for (let attempt = 0; attempt < attemptsMax && !stopping.aborted; attempt++) {
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(event),
        signal: AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return;
      reason = `status-${response.status}`;
      if (response.status < 500 && response.status !== 429) break;
    } catch {
      reason = "unreachable";
    }
    await sleep(250 * 2 ** attempt, undefined, { signal: stopping }).catch(() => {});
  }
  telemetry.count("homeostat.simulate.dropped", 1, { kind: "change", reason });
  telemetry.log.warn("change event not delivered", { url, reason, id: event.id });
}
