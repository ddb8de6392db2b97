// Pushes alerts to an Alertmanager's API: again and again while they fire, and their end when they are over.
import { stableId } from "../../model/ids.ts";
import { labelsKey } from "../../model/labels.ts";
import type { OutgoingMessage } from "../../model/ports/notifier.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { type FeedAlert, isResolved } from "./alert.ts";
import { apiAlert } from "./formats/alertmanager.ts";

export interface Pusher {
  /** Messages that are due. `alerts` are those the receiver takes and nothing keeps quiet. */
  step(alerts: readonly FeedAlert[], now: Instant): readonly OutgoingMessage[];
}

const batchMax = 100;
const batchBytesMax = 150_000;

interface Sent {
  readonly at: Instant;
  /** What was said: anything else is news. */
  readonly content: string;
}

/**
 * A firing alert is sent with an end four resends away, as Prometheus does: an Alertmanager that hears nothing for so long
 * lets it go. News (a beginning, another text, an end) goes through the outbox; a mere repeat is tried once.
 */
export function createPusher(receiver: string, resendMs: DurationMs): Pusher {
  const sent = new Map<string, Sent>();
  return {
    step(alerts, now) {
      const news: FeedAlert[] = [];
      const repeats: FeedAlert[] = [];
      const current = new Map<string, Sent>();
      for (const alert of alerts) {
        const last = sent.get(alert.key);
        const content = stableId(String(isResolved(alert, now)), labelsKey(alert.annotations));
        const due = last === undefined || last.content !== content || last.at + resendMs <= now;
        if (due) (last?.content === content ? repeats : news).push(alert);
        current.set(alert.key, due ? { at: now, content } : last);
      }
      // As many as there are alerts, which the dispatcher bounds.
      sent.clear();
      for (const [key, one] of current) sent.set(key, one);
      return [...messages(news, false, now), ...messages(repeats, true, now)];
    },
  };

  function messages(alerts: readonly FeedAlert[], transient: boolean, now: Instant): readonly OutgoingMessage[] {
    const bodies = batches(alerts.map((alert) => JSON.stringify(apiAlert(alert, endOf(alert, now)))));
    return bodies.map((body) => ({
      id: `push_${stableId(receiver, now, body)}`,
      receiver,
      type: "alerts.push",
      data: {},
      body,
      lane: "push",
      ...(transient ? { transient } : {}),
    }));
  }

  function endOf(alert: FeedAlert, now: Instant): Instant {
    return isResolved(alert, now)
      ? alert.endsAt!
      : Math.min(alert.endsAt ?? Number.POSITIVE_INFINITY, now + 4 * resendMs);
  }
}

function batches(items: readonly string[]): readonly string[] {
  const found: string[] = [];
  let batch: string[] = [];
  let bytes = 0;
  const close = (): void => {
    if (batch.length > 0) found.push(`[${batch.join(",")}]`);
    batch = [];
    bytes = 0;
  };
  for (const item of items) {
    const size = Buffer.byteLength(item);
    if (batch.length >= batchMax || bytes + size > batchBytesMax) close();
    batch.push(item);
    bytes += size;
  }
  close();
  return found;
}
