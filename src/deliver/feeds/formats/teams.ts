// Microsoft Teams: an adaptive card for the "post to a channel when a webhook request is received" workflow.
import { CLASS_LABEL, ORIGIN_LABEL } from "../alert.ts";
import { cardText } from "../text.ts";
import { type Format, type Json, saysOf, severityOf, titleOf } from "./format.ts";

const alertsMax = 10;
const factsMax = 12;

export const teams: Format = {
  // Teams refuses messages over 28 kB.
  bytesMax: 24_000,
  render(message) {
    const { alerts, notification, truncated, externalUrl } = message;
    const color =
      notification.status === "resolved" ? "Good" : severityOf(alerts) === "critical" ? "Attention" : "Warning";
    const more = truncated + Math.max(0, alerts.length - alertsMax);
    const title = cardText(titleOf(message), 600);
    return card(
      [
        { type: "TextBlock", size: "Large", weight: "Bolder", wrap: true, color, text: title },
        ...alerts.slice(0, alertsMax).flatMap((alert): Json[] => [
          { type: "TextBlock", wrap: true, separator: true, text: cardText(saysOf(alert), 600) },
          { type: "FactSet", facts: facts(alert.labels) },
        ]),
        ...(more === 0 ? [] : [{ type: "TextBlock", isSubtle: true, text: `… and ${more} more` }]),
      ],
      externalUrl,
    );
  },
  update(update, open) {
    const head = update.kind === "diagnosed" ? "Diagnosis" : "Repair under way";
    const title = cardText(`${head}: ${open.title}`, 600);
    return card(
      [
        { type: "TextBlock", weight: "Bolder", wrap: true, text: title },
        { type: "TextBlock", wrap: true, text: cardText(update.text, 4096) },
      ],
      update.url,
    );
  },
};

function facts(labels: Readonly<Record<string, string>>): readonly Json[] {
  return Object.entries(labels)
    .filter(([name]) => name !== ORIGIN_LABEL && name !== CLASS_LABEL)
    .slice(0, factsMax)
    .map(([name, value]) => ({ title: cardText(name, 64), value: cardText(value, 300) }));
}

function card(body: readonly Json[], url: string): Json {
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          msteams: { width: "Full" },
          body,
          actions: [{ type: "Action.OpenUrl", title: "Details", url }],
        },
      },
    ],
  };
}
