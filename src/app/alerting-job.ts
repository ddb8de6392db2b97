// Once a second: what the last look found goes to the feeds, and what is due goes out.

import type { LedgerEntry } from "../model/action.ts";
import type { Alert } from "../model/anomaly.ts";
import type { Clock } from "../model/clock.ts";
import type { Diagnosis, Incident } from "../model/incident.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Alerting } from "./alerting.ts";

interface Parts {
  readonly alerting: Pick<Alerting, "feeds" | "step">;
  readonly clock: Clock;
  readonly feed: EventFeed;
  readonly rules: { all(): readonly Alert[] };
  readonly diagnose: {
    snapshot(): {
      readonly open: readonly { readonly incident: Incident; readonly diagnosis?: Diagnosis | undefined }[];
    };
  };
  readonly pipeline: { judgedThrough(): Instant | undefined };
  readonly readiness: { healthyAt(): number };
}

/** Runs until the result is called. `stuckMs`: after so long without a good look the watchdog is told nothing more. */
export function startAlertingJob(parts: Parts, stuckMs: DurationMs): () => Promise<void> {
  const { alerting, clock, feed, rules, diagnose, pipeline, readiness } = parts;
  const stopFollowing = feed.follow((event) => {
    if (event.type !== "webhook-sent") return;
    const { action } = event.data as unknown as LedgerEntry;
    if (action.incident !== undefined)
      alerting.feeds.mitigating(action.incident, `${action.kind} of ${action.target}: ${action.why}`);
  });
  const lookedAt = () => ({
    alerts: rules.all(),
    incidents: diagnose.snapshot().open.map(({ incident, diagnosis }) => ({ incident, diagnosis })),
  });
  let observedThrough: Instant | undefined;
  const job = clock.every("* * * * * *", "alerting", async (now) => {
    const judged = pipeline.judgedThrough();
    // Before the first look nothing is known of what fires: alerts of an earlier run stay as they were.
    const fresh = judged !== undefined && judged !== observedThrough;
    observedThrough = judged;
    const healthy = Date.now() - readiness.healthyAt() < stuckMs;
    await alerting.step(now, healthy, fresh ? lookedAt() : undefined);
  });
  return async () => {
    await job.stop();
    stopFollowing();
  };
}
