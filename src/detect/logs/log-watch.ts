// Log records as they arrive, tick by tick: to a miner for each tenant, to the sink as series, and out as findings.
import type { LogFinding } from "../../model/log-finding.ts";
import type { GpuDirectory } from "../../model/ports/gpu-directory.ts";
import type { LogOrigin, LogPage, LogReader } from "../../model/ports/log-reader.ts";
import type { MadeSample, SeriesSink } from "../../model/ports/series-sink.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { defaultTenant } from "../../model/tenant.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { packParts, unpackParts } from "../snapshot.ts";
import { kernelFinding, kernelKey } from "./kernel-finding.ts";
import { readLine } from "./line-readers.ts";
import { engineSamples, kernelSamples } from "./line-series.ts";
import { createLogMiner, type LogMiner, type TemplateView } from "./log-miner.ts";
import { type LogMinerOptions, logMinerDefaults } from "./miner-options.ts";
import { createRecentSamples } from "./recent-samples.ts";

export interface LogWatchOptions extends Partial<LogMinerOptions> {
  /** How far before `now` the first reading begins. Default 30 minutes. */
  readonly historyMs?: DurationMs;
  /** Silence of all logs after which their time goes on without them. Default 30 s. */
  readonly idleMs?: DurationMs;
  /** Pages a tick: further records wait for the next. Default 20. */
  readonly pagesPerTick?: number;
  /** Kernel events of one kind and place are told once in this time; all are counted. Default 5 minutes. */
  readonly repeatMs?: DurationMs;
  /** What an earlier run's `snapshot()` gave. */
  readonly snapshot?: Uint8Array;
}

export interface LogWatchDeps {
  readonly reader: LogReader;
  readonly sink: SeriesSink;
  readonly telemetry: Telemetry;
  /** Absent: GPUs go by their bus addresses. */
  readonly gpus?: GpuDirectory;
}

export interface LogTemplate extends TemplateView {
  readonly tenant?: string;
}

export interface LogWatch {
  /**
   * Reads what was stored since the last call. Never rejects: a failure is counted and told, and the next call reads on
   * from the same place.
   */
  step(now: Instant): Promise<readonly LogFinding[]>;
  /** Why records are not read at present; undefined while they are. */
  trouble(): string | undefined;
  templates(): readonly LogTemplate[];
  snapshot(): Uint8Array;
}

/** Clocks may run ahead this far; what is further would end everybody else's steps. */
const aheadMs = 60_000;
const tenantsMax = 100;
/** Beside the tenants' parts of a snapshot: no tenant has such a name. */
const recentPart = " recent samples";
const repeatsMax = 10_000;

export function createLogWatch(options: LogWatchOptions, { reader, sink, telemetry, gpus }: LogWatchDeps): LogWatch {
  const minerOptions: LogMinerOptions = { ...logMinerDefaults, ...options };
  const { historyMs = 1_800_000, idleMs = 30_000, pagesPerTick = 20, repeatMs = 300_000 } = options;
  const miners = new Map<string, LogMiner>();
  const told = new Map<string, Instant>();
  let cursor = "";
  let newest = Number.NEGATIVE_INFINITY;
  let lastArrival: Instant | undefined;
  let begun = false;
  let failure: string | undefined;
  const recent = createRecentSamples(historyMs);
  let toldRecent = true;
  if (options.snapshot !== undefined && !restore(options.snapshot)) {
    telemetry.count("homeostat.detect.dropped", 1, { reason: "log-snapshot-unreadable" });
    telemetry.log.warn("the snapshot of log templates cannot be read: they are found anew");
  }

  return { step, trouble: () => failure, templates, snapshot };

  async function step(now: Instant): Promise<readonly LogFinding[]> {
    const findings: LogFinding[] = [];
    try {
      if (!toldRecent) sink.put(recent.since(now - historyMs), now);
      toldRecent = true;
      for (let pages = 0; pages < pagesPerTick; pages++) {
        const page = await reader.logsAfter(cursor, notBefore(now));
        if (page.beyond) tellBeyond(page.cursor);
        take(page, now, findings);
        cursor = page.cursor;
        begun = true;
        if (!page.more) break;
        if (pages === pagesPerTick - 1) telemetry.count("homeostat.detect.log_backlog");
      }
      if (newest > Number.NEGATIVE_INFINITY) lastArrival ??= now;
      if (lastArrival !== undefined && now - lastArrival >= idleMs) {
        for (const miner of miners.values()) miner.advance(now - idleMs - minerOptions.latenessMs);
        drain(now, findings);
      }
      if (failure !== undefined) telemetry.log.info("log records are read again");
      failure = undefined;
    } catch (error) {
      const says = error instanceof Error ? error.message : String(error);
      telemetry.count("homeostat.detect.failures", 1, { part: "logs" });
      if (failure === undefined)
        telemetry.log.error("log records cannot be read or judged: metrics go on", { error: says });
      failure = says;
    }
    if (newest > Number.NEGATIVE_INFINITY) telemetry.gauge("homeostat.detect.log_lag_seconds", (now - newest) / 1000);
    return findings;
  }

  function tellBeyond(from: string): void {
    telemetry.count("homeostat.detect.dropped", 1, { reason: "log-cursor-beyond" });
    const says = "log records were read further than there are any: the store was replaced by an older copy, it seems";
    telemetry.log.warn(`${says}; reading goes on at its end`, { cursor, from });
  }

  /** At first only the near past is of use; from then on whatever arrives, even if it tells of long ago. */
  function notBefore(now: Instant): Instant {
    if (newest > Number.NEGATIVE_INFINITY) return newest - historyMs;
    return begun ? 0 : now - historyMs;
  }

  function take(page: LogPage, now: Instant, findings: LogFinding[]): void {
    const sources = page.origins.map((origin) => ({ origin, miner: minerOf(origin), names: namesOf(origin) }));
    const samples: MadeSample[] = [];
    let future = 0;
    let broken = 0;
    for (let i = 0; i < page.records; i++) {
      const at = page.at[i]!;
      const { origin, miner, names } = sources[page.origin[i]!]!;
      if (at > now + aheadMs) future++;
      else if (miner === undefined) telemetry.count("homeostat.detect.dropped", 1, { reason: "log-tenants" });
      else {
        if (at > newest) newest = at;
        try {
          const { message, engine, kernel } = readLine(page.bodies[i]!);
          if (engine !== undefined) samples.push(...engineSamples(engine, at, origin));
          if (kernel !== undefined) {
            samples.push(...kernelSamples(kernel, at, origin));
            const found = kernelFinding(kernel, at, origin, message.slice(0, minerOptions.maxExample), gpus);
            if (isNews(`${found.entity} ${kernelKey(kernel)}`, at)) findings.push(found);
          }
          miner.take({ at, severity: page.severity[i]!, text: message, ...names });
        } catch (error) {
          // One bad line spoils nothing: it would come again and again if the page were refused.
          if (broken++ === 0) telemetry.log.error("a log line cannot be judged", { error: String(error) });
        }
      }
    }
    if (future > 0) telemetry.count("homeostat.detect.dropped", future, { reason: "log-future" });
    if (broken > 0) telemetry.count("homeostat.detect.failures", broken, { part: "log-line" });
    if (page.records > 0) lastArrival = now;
    telemetry.count("homeostat.detect.log_records", page.records);
    if (samples.length > 0) give(samples, now);
    drain(now, findings);
  }

  function drain(now: Instant, findings: LogFinding[]): void {
    for (const miner of miners.values()) {
      const drained = miner.drain();
      if (drained.samples.length > 0) give(drained.samples, now);
      findings.push(...drained.findings);
    }
  }

  function give(samples: readonly MadeSample[], now: Instant): void {
    const dropped = recent.add(samples);
    if (dropped > 0) telemetry.count("homeostat.detect.dropped", dropped, { reason: "log-recent-samples" });
    sink.put(samples, now);
  }

  function minerOf({ tenant }: LogOrigin): LogMiner | undefined {
    const key = tenant ?? defaultTenant;
    const known = miners.get(key);
    if (known !== undefined || miners.size >= tenantsMax) return known;
    const made = createLogMiner(minerOptions, telemetry, tenant);
    miners.set(key, made);
    return made;
  }

  function isNews(key: string, at: Instant): boolean {
    const last = told.get(key);
    if (last !== undefined && Math.abs(at - last) < repeatMs) return false;
    told.delete(key);
    told.set(key, at);
    if (told.size > repeatsMax) {
      const oldest = told.keys().next();
      if (!oldest.done) told.delete(oldest.value);
    }
    return true;
  }

  function templates(): readonly LogTemplate[] {
    return [...miners].flatMap(([tenant, miner]) =>
      miner.templates().map((one) => (miners.size === 1 && tenant === defaultTenant ? one : { ...one, tenant })),
    );
  }

  function snapshot(): Uint8Array {
    const bytes = new Map([...miners].map(([tenant, miner]) => [tenant, miner.snapshot()]));
    bytes.set(recentPart, recent.snapshot());
    const when = newest === Number.NEGATIVE_INFINITY ? {} : { newest };
    return packParts({ facts: { logWatch: 1, cursor, told: [...told], ...when }, bytes });
  }

  function restore(all: Uint8Array): boolean {
    const parts = unpackParts(all);
    const { logWatch, cursor: place, told: repeats, newest: at } = parts?.facts ?? {};
    if (parts === undefined || logWatch !== 1 || typeof place !== "string" || !Array.isArray(repeats)) return false;
    const made = parts.bytes.get(recentPart);
    const restored = [...parts.bytes]
      .filter(([name]) => name !== recentPart)
      .map(([tenant, bytes]) => {
        const miner = createLogMiner(minerOptions, telemetry, tenant === defaultTenant ? undefined : tenant);
        return [tenant, miner, miner.restore(bytes)] as const;
      });
    if (restored.some(([, , taken]) => !taken)) return false;
    for (const [tenant, miner] of restored) miners.set(tenant, miner);
    for (const entry of repeats as unknown[])
      if (Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number")
        told.set(entry[0], entry[1]);
    // Series of an earlier release's snapshot begin anew.
    toldRecent = made === undefined || !recent.restore(made);
    cursor = place;
    if (typeof at === "number") newest = at;
    return true;
  }
}

function namesOf({ service, resource }: LogOrigin) {
  const version = resource["service.version"];
  const deployment = resource["k8s.deployment.name"];
  const instance = resource["service.instance.id"] ?? resource["k8s.pod.name"] ?? resource["host.name"];
  return {
    service,
    ...(version === undefined ? {} : { version }),
    ...(deployment === undefined ? {} : { deployment }),
    ...(instance === undefined ? {} : { instance }),
  };
}
