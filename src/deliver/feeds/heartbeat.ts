// The watchdog's heartbeat: tells an outside dead-man's switch that somebody is still looking. Silence is the alarm.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { createGuard, type GuardOptions, type Lookup } from "../guard.ts";
import { post } from "../post.ts";

export interface HeartbeatOptions extends GuardOptions {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly everyMs: DurationMs;
}

export interface Heartbeat {
  /** Beats if one is due. `healthy` false: nothing is sent. Resolves when the beat is through; never rejects. */
  step(now: Instant, healthy: boolean): Promise<void>;
}

const limits = { connectTimeoutMs: 5000, totalTimeoutMs: 10_000, answerBytesMax: 4096 };

/** Not by the outbox: a beat that comes late says what is not true any more. */
export function createHeartbeat(
  options: HeartbeatOptions,
  deps: { readonly telemetry: Telemetry; readonly signal: AbortSignal; readonly lookup?: Lookup },
): Heartbeat {
  const guard = createGuard(options, deps.lookup);
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    async step(now, healthy) {
      if (!healthy || now - lastAt < options.everyMs) return;
      lastAt = now;
      const target = await guard.check(options.url);
      let outcome: string = target.kind;
      if (target.kind === "ok") {
        const body = JSON.stringify({ status: "alive", at: new Date(now).toISOString() });
        const attempt = await post(target.url, target.addresses, {}, body, limits, now, deps.signal, options.method);
        outcome = attempt.kind;
      }
      deps.telemetry.count("homeostat.deliver.heartbeats", 1, { outcome });
      if (outcome !== "delivered" && !deps.signal.aborted) {
        deps.telemetry.log.warn("the watchdog's heartbeat did not get through", { outcome });
      }
    },
  };
}
