// Probes of the running service: woken by the clock and after repairs; what they cost is measured by what is served.
import { randomInt } from "node:crypto";
import type { Random } from "../math/random.ts";
import type { LedgerEntry } from "../model/action.ts";
import type { Clock } from "../model/clock.ts";
import type { Entity } from "../model/entity.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { SeriesSink } from "../model/ports/series-sink.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { AskEngine } from "../probe/exchange.ts";
import { createProbes, type ProbesStatus } from "../probe/probes.ts";
import type { ProbeResult } from "../probe/result.ts";
import { targetEntity } from "../probe/target.ts";
import { factsOf } from "../receive/privacy/text-facts.ts";
import type { Probes } from "./config-probes.ts";
import type { ProbeKnowledge } from "./probe-files.ts";

export interface ProbesJob extends AsyncDisposable {
  /** For the API: what it costs, what it can see, and what does not pass, a hundred at most. */
  status(): ProbesStatus | "off";
}

/** What is different where engines are simulated. */
export interface ProbeWays {
  /** How engines are asked; unset = over HTTP. */
  readonly exchange?: AskEngine;
  /** Unset = a source nobody can foresee. */
  readonly random?: Random;
}

interface Deps extends ProbeWays {
  readonly head: SeriesSink &
    SeriesSource & {
      entities(): readonly Entity[];
      newestAt(): Instant | undefined;
    };
  readonly clock: Clock;
  readonly feed: EventFeed;
  readonly telemetry: Telemetry;
}

const tokenSignals = ["llm:generated_tokens:rate", "llm:prompt_tokens:rate"];
const lookBackMs = 5 * 60_000;
const shownMax = 100;
const silentMs = 60_000;

export function startProbes(config: Probes, knowledge: ProbeKnowledge, deps: Deps): ProbesJob {
  const { targets, tokenShare, floorTokensPerDay } = config;
  const { head, clock, feed, telemetry } = deps;
  if (targets.length === 0 && knowledge.manifests.length === 0)
    return { status: () => "off", [Symbol.asyncDispose]: () => Promise.resolve() };
  const budget = { share: tokenShare, floorPerDay: floorTokensPerDay * targets.length };
  const probes = createProbes(
    { probes: knowledge.probes, manifests: knowledge.manifests, targets, budget },
    {
      ...{
        sink: head,
        entities: head.entities,
        eventTime,
        readFacts: factsOf,
        random: deps.random ?? random,
        telemetry,
        tell: teller(telemetry),
        ...(deps.exchange === undefined ? {} : { exchange: deps.exchange }),
      },
    },
  );
  /** With the telemetry as long as there is any, else with the clock. */
  function eventTime(now: Instant): Instant {
    const newest = head.newestAt() ?? now;
    return now - newest > silentMs ? now : Math.min(now, newest);
  }
  const asked = new Set(targets.map(targetEntity));
  const job = clock.every("*/15 * * * * *", "probes", (now) => probes.step(now, servedPerSecond(head, asked, now)));
  const unfollow = feed.follow(({ type, data }) => {
    if (type !== "recovered") return;
    const { target } = (data as unknown as LedgerEntry).action;
    probes.run(clock.now(), target).catch((error: unknown) => {
      telemetry.log.error("the probes after a repair could not be run", { error: String(error) });
    });
  });
  return {
    status() {
      const status = probes.status();
      const bad = status.results.filter(({ outcome }) => outcome !== "passed");
      return { ...status, results: bad.slice(0, shownMax) };
    },
    async [Symbol.asyncDispose]() {
      unfollow();
      await job.stop();
      await probes[Symbol.asyncDispose]();
    },
  };
}

/** Uniform in [0, 1), from a source nobody can foresee: secrets are made of it. */
export const random = (): number => randomInt(2 ** 32) / 2 ** 32;

/** Prompt and generated tokens a second of all targets, as their telemetry last said; undefined if it said nothing of late. */
function servedPerSecond(source: SeriesSource, asked: ReadonlySet<string>, now: Instant): number | undefined {
  let sum: number | undefined;
  for (const value of tokenSignals) {
    const range = { from: now - lookBackMs, to: now + lookBackMs };
    const views = source.select([{ name: METRIC_NAME, op: "=", value }], range);
    if (views instanceof Promise) return undefined;
    for (const { labels, values, length } of views) {
      const last = values[length - 1] ?? Number.NaN;
      if (asked.has(labels["entity"] ?? "") && last >= 0) sum = (sum ?? 0) + last;
    }
  }
  return sum;
}

/** Only what changes is written. */
function teller(telemetry: Telemetry): (result: ProbeResult) => void {
  const told = new Map<string, string>();
  return ({ probe, case: name, target, entity, outcome, reason, says }) => {
    const key = `${probe} ${name} ${target}`;
    if (outcome === "skipped" || (told.get(key) ?? "passed") === outcome) return;
    told.set(key, outcome);
    const fields = { probe, case: name, entity, reason, says };
    if (outcome === "passed") telemetry.log.info("a probe passes again", fields);
    else telemetry.log.warn(`a probe ${outcome === "failed" ? "failed" : "has no answer"}`, fields);
  };
}
