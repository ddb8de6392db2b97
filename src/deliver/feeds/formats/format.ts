// What a format is: how a notification, and news about one that is open, look to one kind of receiver.
import type { Labels } from "../../../model/labels.ts";
import type { FeedAlert } from "../alert.ts";
import type { Notification } from "../dispatcher.ts";

export type Json = { readonly [key: string]: JsonValue };
export type JsonValue = string | number | boolean | null | Json | readonly JsonValue[];

/** What is in a message, at most a page of it. */
export interface Message {
  readonly notification: Notification;
  /** The first alerts of the notification, as many as fit. */
  readonly alerts: readonly FeedAlert[];
  /** How many were left out. */
  readonly truncated: number;
  /** Names the thread, pager incident or group at the receiver. */
  readonly thread: string;
  readonly externalUrl: string;
}

/** Something learned about what was told already: it joins what is open and never opens anything. */
export interface Update {
  readonly kind: "diagnosed" | "mitigating";
  readonly text: string;
  readonly url: string;
}

/** What an update needs of the message it belongs to. */
export interface OpenThread {
  readonly thread: string;
  readonly title: string;
  readonly severity: Severity;
  readonly source: string;
}

export interface Format {
  /** JSON on the wire; larger ones are cut by leaving alerts out. */
  readonly bytesMax: number;
  render(message: Message): Json;
  /** Undefined where the receiver has no way to be told without being told anew. */
  update(update: Update, open: OpenThread): Json | undefined;
}

export type Severity = "critical" | "error" | "warning" | "info";

/** The worst of the alerts, in the words of pagers. */
export function severityOf(alerts: readonly FeedAlert[]): Severity {
  const order: readonly Severity[] = ["critical", "error", "warning", "info"];
  const words: Readonly<Record<string, Severity>> = {
    page: "critical",
    critical: "critical",
    error: "error",
    warning: "warning",
    ticket: "warning",
    info: "info",
    none: "info",
  };
  const found = alerts.map(({ labels, annotations }) => {
    const severity = words[labels["severity"] ?? ""] ?? words[annotations["severity"] ?? ""];
    return severity ?? (labels["homeostat_class"] === "page" ? "critical" : "warning");
  });
  return order.find((severity) => found.includes(severity)) ?? "warning";
}

/** `[FIRING:2] KvCacheFull`, plain text: what is in it still has to be escaped. */
export function titleOf({ notification }: Pick<Message, "notification">): string {
  const { status, alerts, groupLabels, commonLabels, commonAnnotations } = notification;
  const firing = alerts.filter(({ endsAt }) => endsAt === undefined).length;
  const name =
    groupLabels["alertname"] ?? commonLabels["alertname"] ?? (Object.values(groupLabels).join(" ") || "alerts");
  const says = alerts.length === 1 ? commonAnnotations["summary"] : undefined;
  return `[${status === "firing" ? `FIRING:${firing}` : "RESOLVED"}] ${name}${says === undefined ? "" : `: ${says}`}`;
}

export function saysOf(alert: FeedAlert): string {
  return alert.annotations["summary"] ?? alert.annotations["description"] ?? alert.labels["alertname"] ?? "";
}

export function entityOf(labels: Labels): string | undefined {
  return labels["entity"] ?? labels["instance"] ?? labels["pod"];
}

/** RFC 3339, as Go's zero time where there is none: that is how Alertmanager says "not over". */
export function time(at: number | undefined): string {
  return at === undefined ? "0001-01-01T00:00:00Z" : new Date(at).toISOString();
}
