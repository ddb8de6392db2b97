// Alert feeds out: from what fires and what is open to messages in each receiver's own format, through the outbox.
import type { Alert } from "../../model/anomaly.ts";
import { stableId } from "../../model/ids.ts";
import type { Diagnosis, Incident } from "../../model/incident.ts";
import type { Labels } from "../../model/labels.ts";
import type { DeliveryOutcome, Notifier, OutgoingMessage } from "../../model/ports/notifier.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import {
  type AlertClass,
  CLASS_LABEL,
  type FeedAlert,
  fromAlert,
  fromIncident,
  isResolved,
  type Origin,
  watchdogAlert,
} from "./alert.ts";
import { createDispatcher, type DispatchSnapshot, type Notification } from "./dispatcher.ts";
import { entityOf, type Format, type Json, severityOf, titleOf } from "./formats/format.ts";
import { type FormatName, formatOf, renderFitting } from "./formats/formats.ts";
import { readSlackAnswer } from "./formats/slack.ts";
import { createPusher } from "./pusher.ts";
import type { Routing } from "./routing.ts";
import type { SilenceBook } from "./silences.ts";
import { clip, oneLine } from "./text.ts";
import { type Thread, type Threads, threadOf } from "./threads.ts";

export interface FeedReceiver {
  readonly name: string;
  readonly format: FormatName;
  /** Classes it takes; none = no alerts. */
  readonly classes: readonly AlertClass[];
  readonly sendResolved: boolean;
  /** Slack channel of chat.postMessage. */
  readonly channel?: string | undefined;
}

export interface FeedsOptions {
  readonly receivers: readonly FeedReceiver[];
  /** Undefined where no receiver wants alerts in groups. */
  readonly routing: Routing | undefined;
  readonly origin: Origin;
  readonly resendMs: DurationMs;
  /** Keeps the alert HomeostatWatchdog firing for as long as looks are healthy. */
  readonly watchdogAlert: boolean;
}

export interface FeedsDeps {
  readonly notifier: Notifier;
  readonly silences: SilenceBook;
  readonly threads: Threads;
  readonly telemetry: Telemetry;
}

/** What is wrong by the last look. */
export interface Situation {
  /** All that rules say now; firing ones go out, unknown ones stay as they were. */
  readonly alerts: readonly Alert[];
  readonly incidents: readonly { readonly incident: Incident; readonly diagnosis: Diagnosis | undefined }[];
}

export interface Feeds {
  /** Takes over what a look found. What is not in it any more is over. */
  observe(situation: Situation, now: Instant): void;
  /** A repair of this incident was accepted by its receiver. */
  mitigating(incident: string, text: string): void;
  /** Sends what is due. `healthy`: looks happen as they should. */
  step(now: Instant, healthy: boolean): void;
  /** To be called with the end of every message of the notifier. */
  ended(
    message: { readonly id: string; readonly receiver: string; readonly lane?: string },
    outcome: DeliveryOutcome,
  ): void;
  snapshot(): FeedsSnapshot;
  restore(snapshot: FeedsSnapshot, now: Instant): void;
}

/** Plain JSON. */
export interface FeedsSnapshot {
  readonly dispatch: DispatchSnapshot;
  readonly threads: readonly Thread[];
  readonly silences: ReturnType<SilenceBook["list"]>;
}

const annotationMax = 4096;
const newsMax = 1000;
const watchdogMs = 180_000;

/** Something learned about an incident, to be told once in every thread it concerns. */
interface News {
  readonly key: string;
  readonly kind: "diagnosed" | "mitigating";
  readonly incident: string;
  readonly text: string;
}

export function createFeeds(options: FeedsOptions, deps: FeedsDeps): Feeds {
  const { origin } = options;
  const { notifier, silences, threads, telemetry } = deps;
  const dropped = (reason: string): void => telemetry.count("homeostat.deliver.dropped", 1, { reason });
  const routed = new Map<string, { readonly receiver: FeedReceiver; readonly format: Format }>();
  for (const receiver of options.receivers) {
    const { format, channel } = receiver;
    if (format === "alertmanager" || receiver.classes.length === 0) continue;
    routed.set(receiver.name, { receiver, format: formatOf(format, { channel, externalUrl: origin.externalUrl }) });
  }
  const pushers = options.receivers
    .filter(({ format, classes }) => format === "alertmanager" && classes.length > 0)
    .map((receiver) => ({ takes: takesOf(receiver), pusher: createPusher(receiver.name, options.resendMs) }));
  const dispatcher = createDispatcher({
    routing: options.routing ?? { match: () => [], byKey: () => undefined, inhibitions: [] },
    receivers: [...routed.values()].map(({ receiver }) => ({ ...receiver, takes: takesOf(receiver) })),
    silenced: (labels, now) => silences.mutes(labels, now) !== undefined,
    dropped,
  });
  const onTheirWay = new Map<string, Notification>();
  const news = new Map<string, News>();
  let incidents: ReadonlyMap<string, Incident> = new Map();

  function tell(notification: Notification): void {
    const { receiver, format } = routed.get(notification.receiver)!;
    const lane = threadOf(notification);
    const alerts = notification.alerts.map((alert) => `${alert.key} ${alert.endsAt ?? ""}`);
    // The same news after a crash has the same id, so that a receiver, or the outbox, knows it again.
    const id = `alert_${stableId(lane, notification.status, notification.before?.at ?? 0, ...alerts)}`;
    threads.follow(notification, id, aboutOf(notification));
    onTheirWay.set(id, notification);
    send(
      { id, receiver: receiver.name, lane, type: `alert.${notification.status}` },
      receiver,
      renderFitting(format, notification, lane, origin.externalUrl),
    );
  }

  function send(message: Omit<OutgoingMessage, "data">, receiver: FeedReceiver, body: Json): void {
    const content = receiver.format === "homeostat" ? { data: body } : { data: {}, body: JSON.stringify(body) };
    telemetry.count("homeostat.deliver.notifications", 1, { format: receiver.format, type: message.type });
    void notifier.send({ ...message, ...content });
  }

  /** News joins what is open: a thread that opens later hears it then. */
  function tellNews(): void {
    for (const one of news.values()) {
      const refs = new Set([one.incident, ...(incidents.get(one.incident)?.symptoms ?? [])]);
      for (const thread of threads.waiting(refs, one.key)) {
        threads.markTold(thread.thread, one.key);
        const to = routed.get(thread.receiver);
        const url = `${origin.externalUrl}/api/v1/incidents/${encodeURIComponent(one.incident)}`;
        const body = to?.format.update({ kind: one.kind, text: one.text, url }, thread);
        if (to === undefined || body === undefined) continue;
        const { thread: lane, receiver } = thread;
        send(
          { id: `alert_${stableId(lane, one.key, thread.at)}`, receiver, lane, type: `alert.${one.kind}` },
          to.receiver,
          body,
        );
      }
    }
  }

  function learn(one: News): void {
    news.delete(one.key);
    news.set(one.key, one);
    if (news.size > newsMax) news.delete(news.keys().next().value!);
  }

  return {
    observe({ alerts, incidents: open }, now) {
      incidents = new Map(open.map(({ incident }) => [incident.id, incident]));
      const thought = new Map<string, string>();
      for (const { incident, diagnosis } of open) {
        if (diagnosis === undefined) continue;
        learn({ key: diagnosis.id, kind: "diagnosed", incident: incident.id, text: diagnosis.summary });
        for (const symptom of incident.symptoms) thought.set(symptom, diagnosis.summary);
      }
      for (const [key, { incident }] of news) if (!incidents.has(incident)) news.delete(key);
      const found = [
        ...alerts
          .filter(({ state }) => state === "firing")
          .map((alert) => withDiagnosis(fromAlert(alert, origin), thought.get(alert.id))),
        ...open.map(({ incident, diagnosis }) => fromIncident(incident, diagnosis?.summary, origin)),
      ];
      const still = new Set(found.map(({ key }) => key));
      const unknown = new Set(alerts.filter(({ state }) => state === "unknown").map(({ rule }) => rule));
      for (const alert of found) dispatcher.put(alert, now);
      for (const alert of dispatcher.alerts()) {
        if (still.has(alert.key) || alert.endsAt !== undefined) continue;
        // A rule that cannot be evaluated says nothing about the end of what it found.
        if (!unknown.has(alert.labels["alertname"] ?? "")) dispatcher.put({ ...alert, endsAt: now }, now);
      }
    },
    mitigating(incident, text) {
      learn({ key: stableId("mitigating", incident), kind: "mitigating", incident, text });
    },
    step(now, healthy) {
      silences.forget(now);
      if (healthy && options.watchdogAlert) {
        dispatcher.put(watchdogAlert(now, now + watchdogMs, origin), now);
      }
      for (const notification of dispatcher.step(now)) tell(notification);
      tellNews();
      for (const { takes, pusher } of pushers) {
        const heard = dispatcher
          .alerts()
          .filter((alert) => takes(alert.labels) && dispatcher.quiet(alert, now) === undefined);
        for (const message of pusher.step(heard, now)) void notifier.send(message);
      }
      telemetry.gauge(
        "homeostat.deliver.alerts",
        dispatcher.alerts().filter((alert) => !isResolved(alert, now)).length,
      );
    },
    ended({ id, receiver, lane }, outcome) {
      if (lane === undefined) return;
      const notification = onTheirWay.get(id);
      onTheirWay.delete(id);
      if (outcome.kind === "delivered") {
        const slack = routed.get(receiver)?.receiver.format === "slack-api";
        threads.delivered(lane, id, slack ? readSlackAnswer(outcome.answer ?? "").ts : undefined);
        return;
      }
      threads.failed(lane, id);
      if (notification !== undefined) dispatcher.failed(notification);
    },
    snapshot: () => ({ dispatch: dispatcher.snapshot(), threads: threads.snapshot(), silences: silences.list() }),
    restore(snapshot, now) {
      silences.restore(snapshot.silences);
      threads.restore(snapshot.threads);
      dispatcher.restore(snapshot.dispatch, now);
    },
  };
}

function takesOf({ classes }: FeedReceiver): (labels: Labels) => boolean {
  return (labels) => (classes as readonly string[]).includes(labels[CLASS_LABEL] ?? "ticket");
}

function aboutOf(notification: Notification): Omit<Thread, "thread" | "receiver" | "refs" | "at" | "told"> {
  const source = entityOf(notification.commonLabels) ?? "homeostat";
  return {
    title: oneLine(titleOf({ notification }), 1024),
    severity: severityOf(notification.alerts),
    source: oneLine(source, 255),
  };
}

function withDiagnosis(alert: FeedAlert, diagnosis: string | undefined): FeedAlert {
  if (diagnosis === undefined) return alert;
  return { ...alert, annotations: { ...alert.annotations, diagnosis: clip(diagnosis, annotationMax) } };
}
