// Grafana's webhook payload: Alertmanager's, with what Grafana's own contact points add.

import { labelLine, oneLine } from "../text.ts";
import { alertmanagerWebhook, webhookAlert, webhookPayload } from "./alertmanager.ts";
import { type Format, saysOf, titleOf } from "./format.ts";

export const grafana: Format = {
  ...alertmanagerWebhook,
  render(message) {
    const { notification, alerts, externalUrl } = message;
    return {
      ...webhookPayload(message),
      version: "1",
      orgId: 1,
      state: notification.status === "firing" ? "alerting" : "ok",
      title: oneLine(titleOf(message), 1000),
      message: alerts
        .map((alert) => `${oneLine(saysOf(alert), 500)} (${oneLine(labelLine(alert.labels), 500)})`)
        .join("\n"),
      alerts: alerts.map((alert) => ({
        ...webhookAlert(alert),
        values: {},
        valueString: "",
        silenceURL: `${externalUrl}/api/v1/silences`,
        dashboardURL: "",
        panelURL: "",
        imageURL: "",
      })),
    };
  },
};
