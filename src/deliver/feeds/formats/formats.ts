// The formats there are, and a message cut to what its receiver takes.
import type { Notification } from "../dispatcher.ts";
import { alertmanagerWebhook } from "./alertmanager.ts";
import { cloudEvents } from "./cloudevents.ts";
import type { Format, Json } from "./format.ts";
import { grafana } from "./grafana.ts";
import { pagerduty } from "./pagerduty.ts";
import { slack } from "./slack.ts";
import { teams } from "./teams.ts";

/** `homeostat` is the signed envelope of Standard Webhooks; `alertmanager` pushes to an Alertmanager's API, ungrouped. */
export const formatNames = [
  "homeostat",
  "alertmanager",
  "alertmanager-webhook",
  "grafana",
  "slack",
  "slack-api",
  "pagerduty",
  "teams",
  "cloudevents",
] as const;
export type FormatName = (typeof formatNames)[number];

export function formatOf(
  name: Exclude<FormatName, "alertmanager">,
  options: { readonly channel?: string | undefined; readonly externalUrl: string },
): Format {
  switch (name) {
    case "homeostat":
    case "alertmanager-webhook":
      return alertmanagerWebhook;
    case "grafana":
      return grafana;
    case "slack":
      return slack(undefined);
    case "slack-api":
      return slack(options.channel ?? "");
    case "pagerduty":
      return pagerduty;
    case "teams":
      return teams;
    case "cloudevents":
      return cloudEvents(options.externalUrl);
  }
}

/** The notification in the format, with as many alerts, firing ones first, as the format's limit lets through. */
export function renderFitting(format: Format, notification: Notification, thread: string, externalUrl: string): Json {
  const firstFiring = [...notification.alerts].sort(
    (a, b) => Number(a.endsAt !== undefined) - Number(b.endsAt !== undefined),
  );
  for (let count = firstFiring.length; ; count = Math.floor(count / 2)) {
    // Common labels can be as large as the alerts themselves; the last resort is a message without them.
    const lean =
      count === 0 ? { ...notification, commonLabels: {}, commonAnnotations: {}, groupLabels: {} } : notification;
    const alerts = firstFiring.slice(0, Math.max(1, count));
    const message = { notification: lean, alerts, truncated: firstFiring.length - alerts.length, thread, externalUrl };
    const rendered = format.render(message);
    if (count === 0 || Buffer.byteLength(JSON.stringify(rendered)) <= format.bytesMax) return rendered;
  }
}
