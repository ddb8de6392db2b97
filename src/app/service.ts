// The running service: every room opened in one straight line, closed last-in-first-out. It is deliberately one function:
// each step needs what the steps before it opened.
import { join, resolve } from "node:path";
import { remedyFor } from "../act/remedy.ts";
import { createDetection } from "../detect/detection.ts";
import { createLogWatch } from "../detect/logs/log-watch.ts";
import { createRules } from "../detect/rules/engine.ts";
import { createDiagnosis } from "../diagnose/diagnose.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { Clock } from "../model/clock.ts";
import type { Entity } from "../model/entity.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { createGpuNames } from "../observe/gpu-names.ts";
import { createHead } from "../observe/head.ts";
import { createHistory } from "../observe/history.ts";
import { createUnited, createWithout } from "../observe/united.ts";
import { createWhole } from "../observe/whole.ts";
import { createRedactText } from "../receive/privacy/redact-text.ts";
import { openReceive } from "../receive/receive.ts";
import { createEventFeed } from "../show/event-feed.ts";
import { startShow } from "../show/show.ts";
import { openStore, type Store } from "../store/store.ts";
import { createTune } from "../tune/tune.ts";
import { keepLease, openActing } from "./acting.ts";
import { openAlerting } from "./alerting.ts";
import { startAlertingJob } from "./alerting-job.ts";
import { announced } from "./announced-changes.ts";
import { openCode } from "./code.ts";
import { userError } from "./command.ts";
import { createComparing } from "./comparing.ts";
import { formatMistakes } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { makeDirectory } from "./data-directory.ts";
import { descendantsOf, withDescendants } from "./descendants.ts";
import { openFeedback } from "./feedback.ts";
import { foreignSources } from "./foreign-sources.ts";
import { loadKnowledge } from "./knowledge.ts";
import { latestSignals } from "./latest-signals.ts";
import { createLease } from "./lease.ts";
import { startNotifications } from "./notifications.ts";
import { shipped, version } from "./paths.ts";
import { createPipeline } from "./pipeline.ts";
import { openPrevention } from "./prevention-job.ts";
import { type ProbeWays, startProbes } from "./probes-job.ts";
import { prometheusDeps } from "./prometheus-deps.ts";
import { createReadiness } from "./readiness.ts";
import { privacyOf, receiveOptions } from "./receive-options.ts";
import { createRecordKeeper } from "./record-keeper.ts";
import { startSaving } from "./saving.ts";
import { openSeries, seriesShare } from "./series.ts";
import { openState } from "./state.ts";
import { storeOptions } from "./store-options.ts";
import type { AppTelemetry } from "./telemetry.ts";
import { createUndo } from "./undo.ts";
import { startUpkeep } from "./upkeep.ts";
import { webhookOptions } from "./webhook-options.ts";
import { createTellChanges, relatedTo } from "./what-changed.ts";

export interface Service extends AsyncDisposable {
  readonly feed: EventFeed;
  readonly store: Store;
  /** The Head, as detection and diagnosis see it. */
  readonly head: { readonly source: SeriesSource; entities(): readonly Entity[] };
  readonly otlpUrl: string;
  readonly grpcUrl: string;
  readonly apiUrl: string;
  /** One line for people: where it listens and where it stores. */
  readonly summary: string;
}

export async function startService(
  config: Config,
  deps: { clock: Clock; telemetry: AppTelemetry; probing?: ProbeWays },
): Promise<Service> {
  const { clock, telemetry } = deps;
  const knowledge = loadKnowledge(config);
  if (knowledge.mistakes.length > 0) {
    throw userError(`the rules have mistakes, so nothing was started:\n${formatMistakes(knowledge.mistakes)}`);
  }
  const undo = createUndo(telemetry.log);
  try {
    const directory = resolve(config.dataDirectory);
    makeDirectory(directory);
    const store = await openStore(storeOptions(config, directory), telemetry);
    undo.push("store", () => store[Symbol.asyncDispose]());

    const { window: windowMs } = config.observe;
    const state = await openState(join(directory, "state"), telemetry);
    const gpus = createGpuNames(telemetry, await state.load("gpus"));
    const mapped = { ...headOptions(config), mappings: knowledge.mappings, gpus };
    const head = createHead(mapped, { reader: store.reader, spans: store.spans, telemetry });
    const history = createHistory(mapped, { stored: store.history, telemetry });
    const foreign = foreignSources(config.sources, mapped, { telemetry, undo });
    const past = createUnited([history, ...foreign]);
    const unrecorded = createWithout(history, knowledge.recorded);
    const live = createWhole(head, createUnited([unrecorded, ...foreign]), { windowMs, readers: "live" });
    const [baselines, alerts, incidents, mined] = await Promise.all(
      ["baselines", "alerts", "incidents", "logs"].map((name) => state.load(name)),
    );
    const exclusions = { current: () => withDescendants(diagnose.exclusions(), head.entities()) };
    const detection = await createDetection(
      {
        falseEpisodesPerWeek: config.detect.falseEpisodesPerWeek * (1 - seriesShare),
        stepMs: config.observe.step,
        ...(baselines === undefined ? {} : { snapshot: baselines }),
      },
      { exclusions, telemetry, modelsDirectory: config.detect.learned ? shipped.models : "" },
    );
    undo.push("detection", () => detection[Symbol.asyncDispose]());
    const series = await openSeries(config, { steps: head.steps, exclusions, telemetry, state });
    undo.push("series", () => series.detection[Symbol.asyncDispose]());
    const logs = createLogWatch(
      { historyMs: windowMs, ...(mined === undefined ? {} : { snapshot: mined }) },
      { reader: store.logReader, sink: head, telemetry, gpus },
    );
    const { externalUrl } = config.deliver;
    const rules = createRules(knowledge.ruleFiles, { source: live, telemetry, externalUrl }, text(alerts));
    const means = { records: store.records, head, state, telemetry, now: clock.now };
    const feedback = await openFeedback(knowledge.modes, createRedactText(privacyOf(config)), means);
    const code = await openCode(config, { stacks: store.stacks, entities: () => head.entities(), state, telemetry });
    undo.push("code", () => code.history[Symbol.asyncDispose]());
    const diagnose = createDiagnosis(knowledge.modes, {
      source: head,
      changes: store.changes,
      logs: store.logs,
      code: code.history,
      requests: store.tracedRequests,
      telemetry,
      learned: feedback.learned,
    });

    const openIncidents = text(incidents);
    if (openIncidents !== undefined) diagnose.restore(parseJson(openIncidents));

    const alerting = await openAlerting(config.deliver, { records: store.records, telemetry, state, now: clock.now });
    const { deliver, intake, silences } = alerting;
    undo.push("alerting", () => alerting[Symbol.asyncDispose]());
    const { connectors } = knowledge;
    const actMeans = { connectors, notifier: deliver, records: store.records, source: head, state, telemetry };
    const lease = createLease({ path: config.act.leaseFile ?? join(directory, "act.lease"), now: Date.now });
    undo.push("lease", keepLease(lease));
    const { act, desk } = await openActing(config.act, {
      ...{ ...actMeans, lease, entities: head.entities, now: clock.now },
      openIncidents: () => diagnose.snapshot().open.length,
    });
    const tune = createTune({ source: head, logs: store.logs, telemetry });
    const feed = createEventFeed(telemetry);

    const keeper = createRecordKeeper(store.records, telemetry);
    const pipeline = createPipeline({
      head,
      detection,
      series: series.detection,
      logs,
      rules,
      diagnose,
      act,
      tune,
      remedyFor,
      feed,
      telemetry,
      foreign: intake,
      modes: knowledge.modes,
      keeper,
    });
    undo.push(
      "notifications",
      startNotifications({ receivers: config.deliver.receivers, feed, notifier: deliver, telemetry }),
    );
    const changed = ({ target, at }: ChangeEvent): void => {
      for (const id of [target, ...descendantsOf(target, head.entities())]) {
        detection.changed(id, at);
        series.detection.changed(id, at);
      }
    };
    const upkeep = startUpkeep({ store, clock, feed, telemetry }, config.observe.lateness);
    undo.push("upkeep", () => upkeep.stop());
    const probes = startProbes(config.probes, knowledge.probes, { head, clock, feed, telemetry, ...deps.probing });
    undo.push("probes", () => probes[Symbol.asyncDispose]());
    const readiness = createReadiness({ store, upkeep, pipeline, now: Date.now });
    const show = await startShow(
      { host: config.show.host, port: config.show.port, tokens: config.show.tokens, version },
      {
        records: store.records,
        act: desk,
        outbox: deliver,
        changes: announced(store, feed, changed),
        webhooks: webhookOptions(config),
        reports: code.reports,
        alerting: { intake, silences, save: alerting.save, resolveTimeoutMs: config.deliver.resolveTimeout },
        feed,
        feedback,
        entities: () => head.entities(),
        prometheus: prometheusDeps({
          whole: createWhole(head, past, { windowMs, readers: "anytime" }),
          history,
          rules,
          clock,
        }),
        accept: pipeline.accept,
        signals: () => latestSignals(head, clock.now()),
        coverage: () => head.coverage(),
        compare: createComparing(mapped, store, { probes: live, entities: () => head.entities(), telemetry }),
        whatChanged: createTellChanges(store, head.entities),
        relatedTo: (entity) => relatedTo(entity, head.entities()),
        logTemplates: () => logs.templates(),
        status: () => ({
          version,
          store: store.info(),
          baseline: detection.baseline(),
          learnedBackend: detection.learnedBackend(),
          detectors: detection.detectors(),
          judgedThrough: pipeline.judgedThrough(),
          logs: logs.trouble() ?? "read",
          records: keeper.trouble() ?? "stored",
          probes: probes.status(),
          code: code.history.trouble() ?? "ready",
        }),
        metrics: () => telemetry.metricsText(),
        checks: readiness.checks,
        telemetry,
        now: Date.now,
      },
    );
    undo.push("show", () => show[Symbol.asyncDispose]());
    const receive = await openReceive(receiveOptions(config), { journal: store.journal, telemetry, now: Date.now });
    undo.push("receive", () => receive[Symbol.asyncDispose]());

    startSaving({ clock, state, detection, logs, gpus, rules, diagnose, series }, undo);
    const tick = clock.every(config.observe.tick, "tick", (now) => readiness.watch(() => pipeline.tick(now)));
    undo.push("tick", () => tick.stop());
    const foresight = { source: head, past: history, records: store.records, entities: () => head.entities(), act };
    const prevention = await openPrevention(config, knowledge.modes, { ...foresight, keeper, clock, feed, telemetry });
    undo.push("prevention", prevention.stop);
    const telling = startAlertingJob(
      { alerting, clock, feed, rules, diagnose: prevention.beside(diagnose), pipeline, readiness },
      config.deliver.watchdog.stuckAfter,
    );
    undo.push("telling", telling);

    const scheme = config.receive.tls === undefined ? "http" : "https";
    const otlpUrl = `${scheme}://${shownHost(config.receive.host)}:${receive.httpPort}`;
    const summary = `OTLP on ${otlpUrl} and ${receive.grpcPort < 0 ? "no gRPC" : `gRPC ${receive.grpcPort}`}, API on ${show.url}, ${describeStore(store, directory)}, learned detection on ${detection.learnedBackend()}`;
    feed.publish({ type: "started", at: clock.now(), text: summary, data: { otlpUrl, apiUrl: show.url } });
    const grpcUrl = `${scheme}://${shownHost(config.receive.host)}:${receive.grpcPort}`;
    return {
      feed,
      store,
      head: { source: head, entities: () => head.entities() },
      otlpUrl,
      grpcUrl,
      apiUrl: show.url,
      summary,
      [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose](),
    };
  } catch (error) {
    await undo[Symbol.asyncDispose]();
    throw error;
  }
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function headOptions(config: Config) {
  const { window, step, rateWindow, lateness, idle, maxSeries } = config.observe;
  return { windowMs: window, stepMs: step, rateWindowMs: rateWindow, latenessMs: lateness, idleMs: idle, maxSeries };
}

function shownHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function describeStore(store: Store, directory: string): string {
  const info = store.info();
  return info.mode === "embedded"
    ? `embedded ClickHouse ${info.engineVersion} in ${directory}`
    : `ClickHouse ${info.engineVersion}`;
}
