// Tells receivers what happened, as far as they asked to be told: one signed message an event, by the same outbox as repairs.
import type { EventType, TimelineEvent } from "../model/event.ts";
import { stableId } from "../model/ids.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Notifier } from "../model/ports/notifier.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";

/** Events a receiver can ask for, and the message type each becomes. */
export const notifiable = {
  incident: "incident.opened",
  diagnosed: "incident.diagnosed",
  recovered: "action.verified",
  resolved: "incident.resolved",
  self: "homeostat.alarm",
} as const satisfies Partial<Record<EventType, string>>;

export type Notifiable = keyof typeof notifiable;

interface Parts {
  readonly receivers: readonly { readonly name: string; readonly events: readonly Notifiable[] }[];
  readonly feed: EventFeed;
  readonly notifier: Notifier;
  readonly telemetry: Telemetry;
}

/** Follows the feed until the result is called. */
export function startNotifications({ receivers, feed, notifier, telemetry }: Parts): () => void {
  return feed.follow((event) => {
    for (const { name, events } of receivers) {
      const wanted = events.find((one) => one === event.type);
      if (wanted !== undefined) void tell(name, wanted, event);
    }
  });

  async function tell(receiver: string, wanted: Notifiable, event: TimelineEvent): Promise<void> {
    const type = notifiable[wanted];
    const id = `msg_${stableId(receiver, type, String(event.data["id"] ?? ""), event.at, event.text)}`;
    try {
      const outcome = await notifier.send({ id, receiver, type, data: content(event) });
      telemetry.count("homeostat.app.notifications", 1, { outcome: outcome.kind, type });
    } catch (error) {
      telemetry.count("homeostat.app.notifications", 1, { outcome: "error", type });
      telemetry.log.error(`could not tell ${receiver} of ${type}`, { error: String(error) });
    }
  }
}

/** The sentence and the names in it. Evidence and anything else that came with telemetry stays here; the id leads to it. */
function content({ at, text, data }: TimelineEvent): Readonly<Record<string, unknown>> {
  const named = ["id", "incident", "severity", "state", "failureMode", "entities", "onset"] as const;
  const kept = named.filter((name) => data[name] !== undefined).map((name) => [name, data[name]] as const);
  return { at: new Date(at).toISOString(), text, ...Object.fromEntries(kept) };
}
