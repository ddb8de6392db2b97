// The states of one alert rule's label sets: inactive, pending, firing, on event time, as Prometheus moves them.
import type { Alert } from "../../model/anomaly.ts";
import { stableId } from "../../model/ids.ts";
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { Instant } from "../../model/time.ts";
import type { Sample } from "../../promql/evaluate.ts";
import type { AlertRule } from "./rule.ts";
import type { TemplateFacts } from "./template.ts";

/** What is remembered of one label set; plain JSON, so that it can be a snapshot. */
export interface ActiveAlert {
  readonly labels: Labels;
  annotations: Labels;
  state: "pending" | "firing";
  value: number;
  readonly activeAt: Instant;
  /** Since when it only fires because of `keep_firing_for`. */
  keptSince?: Instant;
}

export type ActiveAlerts = Map<string, ActiveAlert>;

/** The two or more results of one rule that would be the same alert. */
export const duplicateAlerts = "vector contains metrics with the same labelset after applying alert labels";

/** What templates know beside the sample they tell of. */
export type Surroundings = Pick<TemplateFacts, "externalLabels" | "externalUrl" | "query">;

/**
 * Moves the rule's alerts on by one result. Gives the alerts that ended. Throws {@link duplicateAlerts} as an error.
 */
export function advance(
  rule: AlertRule,
  active: ActiveAlerts,
  samples: readonly Sample[],
  at: Instant,
  surroundings: Surroundings = {},
): ActiveAlert[] {
  const seen = new Map<string, ActiveAlert>();
  for (const { labels, value } of samples) {
    const facts: TemplateFacts = { ...surroundings, labels, value };
    const named: Record<string, string> = {};
    for (const name of Object.keys(labels)) if (name !== "__name__") named[name] = labels[name]!;
    for (const [name, template] of Object.entries(rule.labels)) named[name] = template.render(facts);
    named["alertname"] = rule.name;
    const own = Object.fromEntries(Object.entries(named).filter(([, text]) => text !== ""));
    const key = labelsKey(own);
    if (seen.has(key)) throw new Error(duplicateAlerts);
    const annotations = Object.fromEntries(
      Object.entries(rule.annotations).map(([name, template]) => [name, template.render(facts)]),
    );
    const known = active.get(key);
    const alert: ActiveAlert = known ?? { labels: own, annotations, state: "pending", value, activeAt: at };
    seen.set(key, alert);
    alert.annotations = annotations;
    alert.value = value;
  }
  const ended: ActiveAlert[] = [];
  for (const [key, alert] of active) {
    if (seen.has(key)) continue;
    if (alert.state === "firing" && rule.keepFiringForMs > 0) {
      alert.keptSince ??= at;
      if (at - alert.keptSince < rule.keepFiringForMs) continue;
    }
    active.delete(key);
    ended.push(alert);
  }
  for (const [key, alert] of seen) {
    delete alert.keptSince;
    if (alert.state === "pending" && at - alert.activeAt >= rule.forMs) alert.state = "firing";
    active.set(key, alert);
  }
  return ended;
}

/** Says what an alert is to the outside. */
export function toAlert(
  place: { readonly file: string; readonly group: string; readonly rule: string },
  alert: Pick<ActiveAlert, "labels" | "annotations" | "activeAt" | "value">,
  state: Alert["state"],
  more: { readonly resolvedAt?: Instant; readonly error?: string } = {},
): Alert {
  const { labels, annotations, activeAt, value } = alert;
  const failureMode = labels["failure_mode"];
  const { entity } = labels;
  return {
    id: stableId("alert", place.file, place.group, place.rule, labelsKey(labels)),
    rule: place.rule,
    group: place.group,
    state,
    labels,
    annotations,
    activeAt,
    value,
    ...(failureMode === undefined ? {} : { failureMode }),
    ...(entity === undefined ? {} : { entity }),
    ...more,
  };
}
