// Alertmanager's own formats: the webhook payload, version 4, and the alerts of its API, version 2.
import { type FeedAlert, fingerprint } from "../alert.ts";
import { type Format, type Json, type Message, time } from "./format.ts";

export const alertmanagerWebhook: Format = { bytesMax: 200_000, render: webhookPayload, update: () => undefined };

export function webhookPayload({ notification, alerts, truncated, externalUrl }: Message) {
  return {
    version: "4",
    groupKey: notification.groupKey,
    truncatedAlerts: truncated,
    status: notification.status,
    receiver: notification.receiver,
    groupLabels: notification.groupLabels,
    commonLabels: notification.commonLabels,
    commonAnnotations: notification.commonAnnotations,
    externalURL: externalUrl,
    alerts: alerts.map(webhookAlert),
  } satisfies Json;
}

export function webhookAlert(alert: FeedAlert) {
  return {
    status: alert.endsAt === undefined ? "firing" : "resolved",
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: time(alert.startsAt),
    endsAt: time(alert.endsAt),
    generatorURL: alert.url,
    fingerprint: fingerprint(alert.labels),
  } satisfies Json;
}

/** An alert as `POST /api/v2/alerts` takes it. A firing one is over at `endsAt` unless it is sent again before. */
export function apiAlert(alert: FeedAlert, endsAt: number): Json {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: time(alert.startsAt),
    endsAt: time(endsAt),
    generatorURL: alert.url,
  };
}
