// The service's rooms that think, on telemetry handed to them: no wire, no database, no saved state, nothing sent. An order of
// magnitude faster than the real service. Blind to what only those do: privacy rules, late and lost inserts, attributes of single
// requests, code evidence, feedback.

import { setImmediate as drained } from "node:timers/promises";
import type { Act } from "../../../act/act.ts";
import { remedyFor } from "../../../act/remedy.ts";
import { createDetection } from "../../../detect/detection.ts";
import { createLogWatch } from "../../../detect/logs/log-watch.ts";
import { createRules } from "../../../detect/rules/engine.ts";
import { createSeriesDetection } from "../../../detect/series/series-detection.ts";
import { createDiagnosis } from "../../../diagnose/diagnose.ts";
import type { Study } from "../../../diagnose/study.ts";
import type { ChangeEvent } from "../../../model/change.ts";
import type { EventFeed } from "../../../model/ports/event-feed.ts";
import { silentTelemetry } from "../../../model/ports/telemetry.ts";
import type { Instant } from "../../../model/time.ts";
import { createGpuNames } from "../../../observe/gpu-names.ts";
import { createHead } from "../../../observe/head.ts";
import { createEventFeed } from "../../../show/event-feed.ts";
import { createSteppedClock } from "../../clock/stepped.ts";
import { Config } from "../../config-schema.ts";
import { descendantsOf, withDescendants } from "../../descendants.ts";
import { type Knowledge, loadKnowledge } from "../../knowledge.ts";
import { createPipeline } from "../../pipeline.ts";
import { startProbes } from "../../probes-job.ts";
import { seriesShare } from "../../series.ts";
import { createUndo } from "../../undo.ts";
import type { RehearsalMeans } from "../acting/rehearsal.ts";
import { type Probing, withTargets } from "../probing.ts";
import type { Subject } from "../subject.ts";
import { createLogBook } from "./log-book.ts";
import { createMetricPages } from "./metric-pages.ts";
import { createSpanGroups } from "./span-groups.ts";

export interface MemoryDeps {
  /** Hears of each look through the catalogue. */
  readonly studied?: (study: Study) => void;
  /** The engines that probes ask; without it, none is asked. */
  readonly probing?: Probing;
  /** Gives the room that acts; without one, proposals are only told. */
  readonly acting?: (means: RehearsalMeans) => Pick<Act, "propose" | "step">;
}

/** `settings` are merged into the configuration as for the real service; a Config that makes no sense throws. */
export async function openMemorySubject(
  startAt: Instant,
  settings: object,
  { studied, acting, probing }: MemoryDeps = {},
): Promise<Subject> {
  const telemetry = silentTelemetry;
  const config = Config.parse(withTargets({ dataDirectory: "unused", ...settings }, probing));
  const knowledge = knowledgeOf(config);
  const [pages, spans, logBook] = [createMetricPages(), createSpanGroups(), createLogBook()];
  const { window: windowMs, step: stepMs, rateWindow, lateness, idle, maxSeries } = config.observe;
  const gpus = createGpuNames(telemetry);
  const head = createHead(
    {
      windowMs,
      stepMs,
      rateWindowMs: rateWindow,
      latenessMs: lateness,
      idleMs: idle,
      maxSeries,
      mappings: knowledge.mappings,
      gpus,
    },
    { reader: pages, spans, telemetry },
  );
  const undo = createUndo(telemetry.log);
  const exclusions = { current: () => withDescendants(diagnose.exclusions(), head.entities()) };
  const budget = config.detect.falseEpisodesPerWeek;
  const detection = await createDetection(
    { falseEpisodesPerWeek: budget * (1 - seriesShare), stepMs },
    { exclusions, telemetry, modelsDirectory: "" },
  );
  undo.push("detection", () => detection[Symbol.asyncDispose]());
  const series = await createSeriesDetection(
    { falseEpisodesPerWeek: budget * seriesShare, stepMs, threads: 0 },
    { steps: head.steps, exclusions, telemetry },
  );
  undo.push("series", () => series[Symbol.asyncDispose]());
  const changes: ChangeEvent[] = [];
  const diagnose = createDiagnosis(knowledge.modes, {
    source: head,
    changes: {
      add: async (change) => void changes.push(change),
      within: async ({ from, to }) => changes.filter(({ at }) => at >= from && at < to),
    },
    logs: logBook,
    telemetry,
    ...(studied === undefined ? {} : { studied }),
  });
  const feed = createEventFeed(telemetry);
  const open = new Set<unknown>();
  feed.follow(({ type, data }) => {
    if (type === "incident") open.add(data["id"]);
    else if (type === "resolved") open.delete(data["id"]);
  });
  const pipeline = createPipeline({
    head,
    detection,
    series,
    logs: createLogWatch({ historyMs: windowMs }, { reader: logBook, sink: head, telemetry, gpus }),
    rules: createRules(knowledge.ruleFiles, { source: head, telemetry }),
    diagnose,
    act:
      acting?.({
        source: head,
        connectors: knowledge.connectors,
        modes: knowledge.modes,
        entities: () => head.entities(),
        openIncidents: () => open.size,
      }) ?? tellsOnly(feed),
    tune: { recommend: () => Promise.resolve([]) },
    remedyFor,
    foreign: { firing: () => [], changed: () => [] },
    modes: knowledge.modes,
    keeper: { keep: () => Promise.resolve(), trouble: () => undefined },
    feed,
    telemetry,
  });

  const clock = createSteppedClock(startAt);
  const probes = startProbes(config.probes, knowledge.probes, { head, clock, feed, telemetry, ...probing });
  undo.push("probes", () => probes[Symbol.asyncDispose]());

  return {
    feed,
    head: { source: head, entities: () => head.entities() },
    async take({ metrics, spans: finished, logs }, told) {
      for (const { data } of metrics) pages.add(data);
      spans.add(finished);
      logBook.add(logs);
      for (const change of told) {
        changes.push(change);
        for (const id of [change.target, ...descendantsOf(change.target, head.entities())]) {
          detection.changed(id, change.at);
          series.changed(id, change.at);
        }
      }
    },
    async step(at) {
      // What came while time went on is worked off first, up to the next question.
      await drained();
      await clock.step(at);
      await pipeline.tick(at);
    },
    [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose](),
  };
}

function tellsOnly(feed: EventFeed): Pick<Act, "propose" | "step"> {
  return {
    propose({ action }, now) {
      const text = `${action.kind} of ${action.target} proposed: ${action.why}`;
      feed.publish({ type: "action", at: now, text, data: { ...action } });
      return Promise.resolve([]);
    },
    step: () => Promise.resolve([]),
  };
}

let last: { readonly key: string; readonly knowledge: Knowledge } | undefined;

/** Reading all rules takes longer than some scenarios: kept while the configuration stays. */
function knowledgeOf(config: Config): Knowledge {
  const key = JSON.stringify([config.rules, { ...config.probes, targets: [] }]);
  if (last?.key !== key) last = { key, knowledge: loadKnowledge(config) };
  const { knowledge } = last;
  if (knowledge.mistakes.length > 0) throw new Error(knowledge.mistakes.map(({ says }) => says).join("; "));
  return knowledge;
}
