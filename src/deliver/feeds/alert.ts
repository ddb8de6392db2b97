// What the feeds carry: an alert as the outside sees it, and the class that decides whether it may wake somebody.
import type { Alert } from "../../model/anomaly.ts";
import { stableId } from "../../model/ids.ts";
import type { Incident } from "../../model/incident.ts";
import { type Labels, labelsKey } from "../../model/labels.ts";
import type { Instant } from "../../model/time.ts";
import { clip, clipLabels } from "./text.ts";

/** A page wakes somebody; a ticket waits until morning. */
export type AlertClass = "page" | "ticket";

/** Labels every outgoing alert carries: whose it is, and its class. Intake knows its own alerts by the first. */
export const ORIGIN_LABEL = "homeostat";
export const CLASS_LABEL = "homeostat_class";

export interface FeedAlert {
  /** Equal for equal label sets: the identity of an alert. */
  readonly key: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: Instant;
  /** Over from then on; undefined while nobody said so. */
  readonly endsAt?: Instant;
  /** Id of the alert or incident of the model behind it. */
  readonly ref: string;
  /** Where to read about it. */
  readonly url: string;
}

/** What of a label or annotation goes out; longer values end in a mark that tells how much is missing. */
const labelMax = 1024;
const annotationMax = 4096;

const pagingKinds = new Set(["slo-burn", "error-budget-burn", "forecast-exhaustion", "data-exposure"]);

/**
 * Only error-budget burn (label `slo`), a forecast exhaustion or a data exposure (label `kind`) pages; a rule's own
 * `severity: page` or `severity: ticket` overrides both. Everything else is a ticket, however critical it calls itself:
 * symptoms that no user feels yet do not wake anybody.
 */
export function classOf(labels: Labels): AlertClass {
  const severity = labels["severity"];
  if (severity === "page" || severity === "ticket") return severity;
  if ((labels["slo"] ?? "") !== "") return "page";
  return pagingKinds.has(labels["kind"] ?? "") ? "page" : "ticket";
}

/** `page` alerts besides those of {@link classOf} are the operator's choice, by matchers. */
export type ClassOf = (labels: Labels) => AlertClass;

export interface Origin {
  /** Tells Homeostats apart that feed the same Alertmanager. */
  readonly instance: string;
  /** Where people reach the API and the console; no trailing slash. */
  readonly externalUrl: string;
  readonly classOf: ClassOf;
}

export function fromAlert(alert: Alert, origin: Origin): FeedAlert {
  const entity = alert.entity === undefined ? {} : { entity: alert.entity };
  const own = { ...entity, ...alert.labels, alertname: alert.labels["alertname"] ?? alert.rule };
  const labels = outgoing(own, origin.classOf(alert.labels), origin);
  return {
    key: labelsKey(labels),
    labels,
    annotations: clipLabels(alert.annotations, annotationMax),
    startsAt: alert.activeAt,
    ref: alert.id,
    url: `${origin.externalUrl}/api/v1/alerts/${encodeURIComponent(alert.id)}`,
  };
}

/** An open incident as an alert: its labels never change, so that every update is the same alert to the outside. */
export function fromIncident(incident: Incident, says: string | undefined, origin: Origin): FeedAlert {
  const labels = outgoing({ alertname: "HomeostatIncident", incident: incident.id }, "ticket", origin);
  const annotations: Record<string, string> = {
    summary: clip(incident.title, annotationMax),
    severity: incident.severity,
    entities: clip(incident.entities.join(", "), annotationMax),
  };
  if (says !== undefined) annotations["description"] = clip(says, annotationMax);
  return {
    key: labelsKey(labels),
    labels,
    annotations,
    startsAt: incident.onset,
    ref: incident.id,
    url: `${origin.externalUrl}/api/v1/incidents/${encodeURIComponent(incident.id)}`,
  };
}

/** Fires for as long as Homeostat looks: whoever misses it knows that nobody is watching. */
export function watchdogAlert(startsAt: Instant, endsAt: Instant, origin: Origin): FeedAlert {
  const labels = outgoing({ alertname: "HomeostatWatchdog", severity: "none" }, "ticket", origin);
  const summary = "Always firing while Homeostat looks at telemetry. Alert on its absence.";
  return {
    key: labelsKey(labels),
    labels,
    annotations: { summary },
    startsAt,
    endsAt,
    ref: "watchdog",
    url: origin.externalUrl,
  };
}

export function isResolved(alert: FeedAlert, now: Instant): boolean {
  return alert.endsAt !== undefined && alert.endsAt <= now;
}

/**
 * The alert's fingerprint as Alertmanager writes it: FNV-1a over names and values in order, each followed by byte 0xff.
 * Blind to text outside Latin-1, where Alertmanager hashes UTF-8 bytes; there it is still stable, only not the same.
 */
export function fingerprint(labels: Labels): string {
  const names = Object.keys(labels).sort((a, b) => (a < b ? -1 : 1));
  return stableId(names.map((name) => `${name}\u00ff${labels[name]}\u00ff`).join(""));
}

/** Label names as Prometheus takes them; others are rewritten, since Alertmanager would refuse the whole batch. */
function outgoing(labels: Labels, alertClass: AlertClass, origin: Origin): Labels {
  const named = Object.entries(labels).map(([name, value]) => [name.replace(/[^\w]|^(?=\d)/g, "_"), value] as const);
  const own = Object.fromEntries(named.filter(([name, value]) => name !== "" && value !== ""));
  return clipLabels({ ...own, [ORIGIN_LABEL]: origin.instance, [CLASS_LABEL]: alertClass }, labelMax);
}
