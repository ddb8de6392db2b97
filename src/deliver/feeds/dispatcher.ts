// Groups alerts, keeps the quiet ones quiet, and says when a receiver is told what: Alertmanager's dispatcher and
// pipeline as a state machine that is handed the time.
import type { Labels } from "../../model/labels.ts";
import type { Instant } from "../../model/time.ts";
import { type FeedAlert, isResolved } from "./alert.ts";
import type { Route, Routing } from "./routing.ts";
import { common, labelLine } from "./text.ts";
import { isNews, type Told } from "./told.ts";

export interface DispatcherOptions {
  readonly routing: Routing;
  readonly receivers: readonly DispatchReceiver[];
  /** Whether a silence keeps these labels quiet. */
  readonly silenced: (labels: Labels, now: Instant) => boolean;
  /** Most alerts kept, default 20,000, and groups, default 5000. What comes beyond is refused. */
  readonly alertsMax?: number;
  readonly groupsMax?: number;
  /** Tells of what was let go. */
  readonly dropped: (reason: string) => void;
}

export interface DispatchReceiver {
  readonly name: string;
  readonly sendResolved: boolean;
  readonly takes: (labels: Labels) => boolean;
}

/** One message a receiver is to get. */
export interface Notification {
  readonly receiver: string;
  /** Identity of the group: the same from its first message to its last. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly commonLabels: Labels;
  readonly commonAnnotations: Labels;
  readonly status: "firing" | "resolved";
  /** Sorted by their labels. Firing ones have no `endsAt`. */
  readonly alerts: readonly FeedAlert[];
  readonly at: Instant;
  /** What the receiver was told before; undefined for a group's first message. */
  readonly before: Told | undefined;
}

export interface Dispatcher {
  /** Takes an alert as it is now. The later word about the same labels counts. */
  put(alert: FeedAlert, now: Instant): void;
  /** What is to be told by `now`. Call it about once a second. */
  step(now: Instant): readonly Notification[];
  /** Takes back that this was told: the next look at the group tells it again. */
  failed(notification: Notification): void;
  /** What keeps the alert quiet, for receivers that do their own grouping. */
  quiet(alert: FeedAlert, now: Instant): "silenced" | "inhibited" | undefined;
  /** All that fire or ended lately. */
  alerts(): readonly FeedAlert[];
  snapshot(): DispatchSnapshot;
  restore(snapshot: DispatchSnapshot, now: Instant): void;
}

/** Plain JSON. */
export interface DispatchSnapshot {
  readonly alerts: readonly FeedAlert[];
  readonly groups: readonly (Omit<Group, "route" | "alerts"> & {
    readonly route: string;
    readonly alerts: readonly string[];
  })[];
  readonly told: readonly (readonly [string, Told])[];
}

interface Group {
  readonly key: string;
  readonly route: Route;
  readonly labels: Labels;
  readonly alerts: Map<string, FeedAlert>;
  nextAt: Instant;
  flushed: boolean;
  /** Since when nothing is in it; it is kept for an interval, so that one that comes back keeps its pace. */
  emptyAt?: Instant;
}

/** Whether one of the sources is not a target of the same rule. */
interface Sources {
  readonly pure: boolean;
}

/** An ended alert is kept so long, to be told and to be known when it comes again. */
const endedMs = 15 * 60_000;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { routing, silenced, dropped, alertsMax = 20_000, groupsMax = 5000 } = options;
  const receivers = new Map(options.receivers.map((receiver) => [receiver.name, receiver]));
  const alerts = new Map<string, FeedAlert>();
  const groups = new Map<string, Group>();
  const told = new Map<string, Told>();
  let sources: { at: Instant; byRule: readonly ReadonlyMap<string, Sources>[] } | undefined;

  function place(alert: FeedAlert, now: Instant, onlyMissing = false): void {
    for (const route of routing.match(alert.labels)) {
      const labels = groupLabels(route, alert.labels);
      const key = `${route.receiver}:${route.key}:{${labelLine(labels)}}`;
      let group = groups.get(key);
      if (group === undefined) {
        if (isResolved(alert, now)) continue;
        if (groups.size >= groupsMax) {
          dropped("too-many-groups");
          continue;
        }
        group = { key, route, labels, alerts: new Map(), nextAt: now + route.groupWaitMs, flushed: false };
        groups.set(key, group);
      }
      if (onlyMissing && group.alerts.has(alert.key)) continue;
      group.alerts.set(alert.key, alert);
      delete group.emptyAt;
      // Fires for longer than a group waits already: nothing is gained by waiting again.
      if (!group.flushed && alert.startsAt + route.groupWaitMs < now) group.nextAt = Math.min(group.nextAt, now);
    }
  }

  function inhibited(alert: FeedAlert, now: Instant): boolean {
    return routing.inhibitions.some(({ source, target, equal }, rule) => {
      if (!target(alert.labels)) return false;
      const sources = sourcesAt(now)[rule]!.get(equalKey(equal, alert.labels));
      // What is source and target at once is not inhibited by its like, itself included.
      return source(alert.labels) ? sources?.pure === true : sources !== undefined;
    });
  }

  /** For each rule, the values of its `equal` labels that firing sources have: made once for a look at all groups. */
  function sourcesAt(now: Instant): readonly ReadonlyMap<string, Sources>[] {
    if (sources?.at === now) return sources.byRule;
    const byRule = routing.inhibitions.map(({ source, target, equal }) => {
      const found = new Map<string, Sources>();
      for (const { labels, endsAt } of alerts.values()) {
        if ((endsAt !== undefined && endsAt <= now) || !source(labels)) continue;
        const key = equalKey(equal, labels);
        found.set(key, { pure: found.get(key)?.pure === true || !target(labels) });
      }
      return found;
    });
    sources = { at: now, byRule };
    return byRule;
  }

  const quiet = (alert: FeedAlert, now: Instant): "silenced" | "inhibited" | undefined =>
    inhibited(alert, now) ? "inhibited" : silenced(alert.labels, now) ? "silenced" : undefined;

  function flush(group: Group, now: Instant): Notification | undefined {
    const receiver = receivers.get(group.route.receiver);
    const all = [...group.alerts.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const alert of all) if (isResolved(alert, now)) group.alerts.delete(alert.key);
    if (receiver === undefined || resting(group.route, now)) return undefined;
    const heard = all
      .filter((alert) => receiver.takes(alert.labels) && quiet(alert, now) === undefined)
      .map((alert) => (isResolved(alert, now) ? alert : withoutEnd(alert)));
    if (heard.length === 0) return undefined;
    const firing = heard.filter(({ endsAt }) => endsAt === undefined);
    const resolved = heard.filter(({ endsAt }) => endsAt !== undefined);
    const before = told.get(group.key);
    const { repeatIntervalMs: repeatMs } = group.route;
    const { sendResolved } = receiver;
    const keys = { firing: firing.map(({ key }) => key), resolved: resolved.map(({ key }) => key) };
    if (!isNews(before, keys.firing, keys.resolved, { now, repeatMs, sendResolved })) return undefined;
    told.set(group.key, { ...keys, at: now, expiresAt: now + 2 * repeatMs });
    const sent = sendResolved ? heard : firing;
    if (sent.length === 0) return undefined;
    return {
      receiver: receiver.name,
      groupKey: group.key,
      groupLabels: group.labels,
      commonLabels: common(sent.map(({ labels }) => labels)),
      commonAnnotations: common(sent.map(({ annotations }) => annotations)),
      status: firing.length > 0 ? "firing" : "resolved",
      alerts: sent,
      at: now,
      before,
    };
  }

  function forget(now: Instant): void {
    for (const [key, alert] of alerts)
      if (alert.endsAt !== undefined && alert.endsAt + endedMs <= now) alerts.delete(key);
    for (const [key, { emptyAt, route }] of groups)
      if (emptyAt !== undefined && emptyAt + route.groupIntervalMs <= now) groups.delete(key);
    for (const [key, { expiresAt }] of told) if (expiresAt <= now && !groups.has(key)) told.delete(key);
  }

  return {
    put(alert, now) {
      const known = alerts.get(alert.key);
      if (known === undefined && alerts.size >= alertsMax) {
        forget(now);
        if (alerts.size >= alertsMax) return dropped("too-many-alerts");
      }
      // The same trouble told again began when it began first.
      const goesOn = known !== undefined && !isResolved(known, alert.startsAt) && known.startsAt < alert.startsAt;
      const merged = goesOn ? { ...alert, startsAt: known.startsAt } : alert;
      alerts.set(alert.key, merged);
      sources = undefined;
      place(merged, now);
    },
    step(now) {
      const found: Notification[] = [];
      for (const group of groups.values()) {
        if (group.nextAt > now) continue;
        group.nextAt = now + group.route.groupIntervalMs;
        group.flushed = true;
        const notification = flush(group, now);
        if (notification !== undefined) found.push(notification);
        if (group.alerts.size === 0) group.emptyAt ??= now;
      }
      forget(now);
      return found;
    },
    failed({ groupKey, at, before, alerts: sent }) {
      if (told.get(groupKey)?.at !== at) return;
      if (before === undefined) told.delete(groupKey);
      else told.set(groupKey, before);
      const group = groups.get(groupKey);
      // Ends were let go when they were told.
      for (const alert of sent)
        if (group !== undefined && !group.alerts.has(alert.key)) group.alerts.set(alert.key, alert);
      delete group?.emptyAt;
    },
    quiet,
    alerts: () => [...alerts.values()],
    snapshot: () => ({
      alerts: [...alerts.values()],
      groups: [...groups.values()].map((group) => ({
        ...group,
        route: group.route.key,
        alerts: [...group.alerts.keys()],
      })),
      told: [...told],
    }),
    restore(snapshot, now) {
      for (const alert of snapshot.alerts.slice(0, alertsMax)) alerts.set(alert.key, alert);
      for (const { route: routeKey, alerts: inside, ...kept } of snapshot.groups.slice(0, groupsMax)) {
        const route = routing.byKey(routeKey);
        if (route === undefined || !kept.key.startsWith(`${route.receiver}:`)) continue;
        const found = inside.flatMap((key) => alerts.get(key) ?? []);
        groups.set(kept.key, { ...kept, route, alerts: new Map(found.map((alert) => [alert.key, alert])) });
      }
      for (const [key, entry] of snapshot.told.slice(0, groupsMax)) told.set(key, entry);
      // Routes may be others now: what fires and is in no group of theirs is placed anew.
      for (const alert of alerts.values()) if (!isResolved(alert, now)) place(alert, now, true);
    },
  };
}

/** Labels the alert is grouped by; what it has not is not in them. */
function groupLabels(route: Route, labels: Labels): Labels {
  if (route.groupBy === undefined) return labels;
  return Object.fromEntries(
    route.groupBy.filter((name) => labels[name] !== undefined).map((name) => [name, labels[name]!]),
  );
}

function resting(route: Route, now: Instant): boolean {
  if (route.activeIn.length > 0 && !route.activeIn.some((within) => within(now))) return true;
  return route.muteIn.some((within) => within(now));
}

function withoutEnd({ endsAt: _, ...alert }: FeedAlert): FeedAlert {
  return alert;
}

function equalKey(equal: readonly string[], labels: Labels): string {
  return JSON.stringify(equal.map((name) => labels[name] ?? ""));
}
