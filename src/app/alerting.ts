// Alerting wired: receivers in their formats, the feeds, silences, foreign alerts and the watchdog, driven by one job.
import { cloudEventOf } from "../deliver/cloud-event.ts";
import { createDeliver, type Deliver } from "../deliver/deliver.ts";
import { type AlertClass, classOf } from "../deliver/feeds/alert.ts";
import { createFeeds, type Feeds, type FeedsSnapshot, type Situation } from "../deliver/feeds/feeds.ts";
import { readSlackAnswer } from "../deliver/feeds/formats/slack.ts";
import { createHeartbeat } from "../deliver/feeds/heartbeat.ts";
import { createIntake, type ForeignKept, type IntakeBook } from "../deliver/feeds/intake.ts";
import { parseMatchers } from "../deliver/feeds/matchers.ts";
import { createSilences, type SilenceBook } from "../deliver/feeds/silences.ts";
import { createThreads, type Threads } from "../deliver/feeds/threads.ts";
import type { ReceiverOptions } from "../deliver/receiver.ts";
import type { Labels } from "../model/labels.ts";
import type { OutgoingMessage } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { compileMatchers } from "../promql/matcher.ts";
import { type DeliverConfig, type ReceiverConfig, routingOf } from "./config-deliver.ts";
import type { State } from "./state.ts";

export interface Alerting {
  readonly deliver: Deliver;
  readonly feeds: Feeds;
  readonly silences: SilenceBook;
  readonly intake: IntakeBook;
  /** Once a second: sends what is due. `now` is the clock's time; `healthy` as the watchdog wants to know it. */
  step(now: Instant, healthy: boolean, situation: Situation | undefined): Promise<void>;
  save(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const stateName = "alerting";

/** Plain JSON of the state file. */
interface Saved {
  readonly version: 1;
  readonly feeds: FeedsSnapshot;
  readonly foreign: readonly ForeignKept[];
}

export async function openAlerting(
  config: DeliverConfig,
  deps: {
    readonly records: Records;
    readonly telemetry: Telemetry;
    readonly state: State;
    readonly now: () => Instant;
  },
): Promise<Alerting> {
  const { records, telemetry, state } = deps;
  const threads = createThreads((reason) => telemetry.count("homeostat.deliver.dropped", 1, { reason }));
  const silences = createSilences();
  const intake = createIntake(config.instance, telemetry);
  const externalUrl = config.externalUrl.replace(/\/+$/, "");
  const deliver = createDeliver(
    { receivers: config.receivers.map((one) => receiverOf(one, threads, externalUrl)), allow: config.allow },
    {
      records,
      telemetry,
      now: Date.now,
      random: Math.random,
      ended: (message, outcome) => feeds.ended(message, outcome),
    },
  );
  const feeds = createFeeds(
    {
      receivers: config.receivers,
      routing: routingOf(config),
      origin: { instance: config.instance, externalUrl, classOf: classifier(config.page) },
      resendMs: config.resend,
      watchdogAlert: config.watchdog.alert,
    },
    { notifier: deliver, silences, threads, telemetry },
  );
  const stop = new AbortController();
  const { url, method, interval } = config.watchdog;
  const heartbeat =
    url === undefined
      ? undefined
      : createHeartbeat({ url, method, everyMs: interval, allow: config.allow }, { telemetry, signal: stop.signal });
  let saved = "";

  const saving: Alerting["save"] = async () => {
    const content: Saved = { version: 1, feeds: feeds.snapshot(), foreign: intake.snapshot() };
    const text = JSON.stringify(content);
    if (text === saved) return;
    await state.save(stateName, new TextEncoder().encode(text));
    saved = text;
  };

  const bytes = await state.load(stateName);
  if (bytes !== undefined) restore(new TextDecoder().decode(bytes));
  await deliver.resume();

  function restore(text: string): void {
    try {
      const kept = JSON.parse(text) as Saved;
      if (kept.version !== 1) throw new Error("another version wrote it");
      feeds.restore(kept.feeds, deps.now());
      intake.restore(kept.foreign);
    } catch (error) {
      telemetry.count("homeostat.app.state_failed", 1, { name: stateName });
      telemetry.log.warn("the state of alerting cannot be read, so it starts anew", { error: String(error) });
    }
  }

  return {
    deliver,
    feeds,
    silences,
    intake,
    async step(now, healthy, situation) {
      if (situation !== undefined) feeds.observe(situation, now);
      feeds.step(now, healthy);
      await saving();
      // Not waited for: a switch that does not answer must not hold up alerts.
      void heartbeat?.step(now, healthy);
    },
    save: saving,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await deliver[Symbol.asyncDispose]();
      await saving();
    },
  };
}

function receiverOf(receiver: ReceiverConfig, threads: Threads, externalUrl: string): ReceiverOptions {
  const { name, url, format, secret, authorization, token, routingKey } = receiver;
  const bearer = format === "slack-api" ? `Bearer ${token}` : authorization;
  const headers = bearer === undefined ? {} : { authorization: bearer };
  const base = { name, url, headers, ...(secret === undefined ? {} : { secret }) };
  switch (format) {
    case "pagerduty":
      return { ...base, complete: (body) => withFields(body, { routing_key: routingKey }) };
    case "slack-api":
      return {
        ...base,
        complete(body, lane) {
          const thread = threads.tsOf(lane);
          return thread === undefined ? body : withFields(body, { thread_ts: thread });
        },
        judge(answer) {
          const { error } = readSlackAnswer(answer);
          if (error === undefined) return undefined;
          const passing = ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"];
          return { kind: passing.includes(error) ? "retry" : "final", reason: `Slack answered ${error}` };
        },
      };
    case "slack":
    case "teams":
      return { ...base, urlIsSecret: true };
    case "cloudevents": {
      const type = { "content-type": "application/cloudevents+json; charset=utf-8" };
      const envelope = (message: OutgoingMessage, at: number): string => cloudEventOf(message, at, externalUrl);
      return { ...base, headers: { ...headers, ...type }, envelope };
    }
    default:
      return base;
  }
}

function withFields(body: string, fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(body) as object), ...fields });
}

export function classifier(pages: readonly string[]): (labels: Labels) => AlertClass {
  const also = pages.map((text) => compileMatchers(parseMatchers(text)));
  return (labels) => (also.some((matches) => matches(labels)) ? "page" : classOf(labels));
}
