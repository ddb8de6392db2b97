// Receivers are told what they asked for, and nothing of what telemetry said.
import { expect, test } from "vitest";
import { startNotifications } from "../../src/app/notifications.ts";
import type { OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";

test("each receiver hears of the events it named, with stable ids and no evidence", async () => {
  const sent: OutgoingMessage[] = [];
  const feed = createEventFeed();
  const stop = startNotifications({
    receivers: [
      { name: "oncall", events: ["incident", "diagnosed"] },
      { name: "quiet", events: [] },
    ],
    feed,
    telemetry: silentTelemetry,
    notifier: {
      send(message) {
        sent.push(message);
        return Promise.resolve({ kind: "delivered", status: 200, attempts: 1 });
      },
    },
  });
  const event = {
    type: "diagnosed",
    at: 1000,
    text: "it is full",
    data: { id: "d1", incident: "i1", failureMode: "kv", causes: [{ for: ["secret prompt"] }] },
  } as const;
  feed.publish(event);
  feed.publish(event);
  feed.publish({ type: "resolved", at: 2000, text: "over", data: { id: "i1" } });
  stop();
  feed.publish({ type: "incident", at: 3000, text: "after stop", data: { id: "i2" } });
  expect(sent.map(({ receiver, type, data }) => [receiver, type, data["text"], data["failureMode"]])).toEqual([
    ["oncall", "incident.diagnosed", "it is full", "kv"],
    ["oncall", "incident.diagnosed", "it is full", "kv"],
  ]);
  expect(sent[0]?.id).toBe(sent[1]?.id);
  expect(JSON.stringify(sent)).not.toContain("secret prompt");
});
