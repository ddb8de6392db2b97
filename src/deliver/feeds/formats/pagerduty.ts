// PagerDuty Events API v2: one incident a group, found again by its dedup_key. The routing key is added on the wire.
import { labelLine, oneLine } from "../text.ts";
import { entityOf, type Format, type Json, saysOf, severityOf, time, titleOf } from "./format.ts";

const client = "Homeostat";
const summaryMax = 1024;

export const pagerduty: Format = {
  // PagerDuty refuses events over 512 kB.
  bytesMax: 200_000,
  render(message) {
    const { notification, alerts, truncated, thread, externalUrl } = message;
    const resolved = notification.status === "resolved";
    if (resolved) return { event_action: "resolve", dedup_key: thread };
    const first = alerts[0]!;
    return {
      event_action: "trigger",
      dedup_key: thread,
      client,
      client_url: externalUrl,
      payload: {
        summary: oneLine(titleOf(message), summaryMax),
        source: oneLine(entityOf(notification.commonLabels) ?? entityOf(first.labels) ?? "homeostat", 255),
        severity: severityOf(alerts),
        timestamp: time(Math.min(...alerts.map(({ startsAt }) => startsAt))),
        group: oneLine(labelLine(notification.groupLabels), 255),
        class: oneLine(first.labels["failure_mode"] ?? first.labels["alertname"] ?? "alert", 255),
        custom_details: {
          alerts: alerts.map((alert) => ({
            status: alert.endsAt === undefined ? "firing" : "resolved",
            says: oneLine(saysOf(alert), summaryMax),
            labels: alert.labels,
          })),
          left_out: truncated,
        },
      },
      links: [{ href: first.url, text: "Alert in Homeostat" }],
    };
  },
  update(update, open): Json {
    if (update.kind === "mitigating") return { event_action: "acknowledge", dedup_key: open.thread };
    return {
      event_action: "trigger",
      dedup_key: open.thread,
      client,
      payload: {
        summary: open.title,
        source: open.source,
        severity: open.severity,
        custom_details: { diagnosis: oneLine(update.text, 4096) },
      },
      links: [{ href: update.url, text: "Diagnosis in Homeostat" }],
    };
  },
};
