// Scrapes Prometheus pages at their intervals and hands each on as an OTLP metrics request, as a collector would.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { targetResource } from "../../model/prometheus.ts";
import { type Family, type Page, parseExposition, type Sample } from "./exposition.ts";
import { fetchPage } from "./fetch-page.ts";
import { createStartTimes, type StartTimes } from "./start-times.ts";
import { discover, type ScrapeJob, type Target } from "./targets.ts";
import { pageToOtlp, seriesKey, staleNaN } from "./to-otlp.ts";

export interface ScraperOptions {
  readonly jobs: readonly ScrapeJob[];
  readonly discoveryMs: number;
  readonly pageBytesMax: number;
  readonly samplesMax: number;
}

export interface Scraper extends AsyncDisposable {
  /** Targets known now, with what their last scrape came to. */
  targets(): readonly { readonly target: Target; readonly up: boolean; readonly detail: string }[];
}

/** Takes a metrics request; rejects when it cannot be promised now. A lost scrape is counted, not repeated: the next one follows. */
export type Accept = (request: Uint8Array) => Promise<void>;

interface Watch {
  readonly target: Target;
  readonly job: ScrapeJob;
  readonly starts: StartTimes;
  /** Series of the last good page, to mark those that vanish as stale. */
  before: Map<string, { family: Family; sample: Sample }>;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void>;
  stopped: boolean;
  up: boolean;
  detail: string;
  /** What the log says of it, so that only a change is written. */
  told: "up" | "down";
}

export async function startScraper(
  options: ScraperOptions,
  deps: { accept: Accept; telemetry: Telemetry; now: () => number },
): Promise<Scraper> {
  const watches = new Map<string, Watch>();

  async function rediscover(): Promise<void> {
    for (const job of options.jobs) {
      const { targets, problems } = await discover(job);
      for (const problem of problems) deps.telemetry.log.warn(`scrape discovery: ${problem}`);
      const current = new Set(targets.map((target) => `${job.job} ${target.url}`));
      for (const target of targets) {
        const key = `${job.job} ${target.url}`;
        if (!watches.has(key)) watches.set(key, begin(target, job));
      }
      // A list that could not be read says nothing about what is gone.
      if (problems.length > 0) continue;
      for (const [key, watch] of watches) {
        if (watch.job !== job || current.has(key)) continue;
        watches.delete(key);
        await end(watch);
      }
    }
  }

  function begin(target: Target, job: ScrapeJob): Watch {
    const starts = createStartTimes(options.samplesMax);
    const watch: Watch = {
      target,
      job,
      starts,
      before: new Map(),
      timer: undefined,
      running: Promise.resolve(),
      stopped: false,
      up: false,
      detail: "not scraped yet",
      told: "up",
    };
    // Spread over the interval by the target's name, so that a hundred pages are not fetched in the same instant.
    const offset = [...target.url].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1_000_003, 7) / 1_000_003;
    schedule(watch, offset * Math.min(job.intervalMs, 5000));
    return watch;
  }

  function schedule(watch: Watch, delayMs: number): void {
    watch.timer = setTimeout(() => {
      const due = deps.now();
      watch.running = scrape(watch).finally(() => {
        if (!watch.stopped) schedule(watch, Math.max(0, due + watch.job.intervalMs - deps.now()));
      });
    }, delayMs);
    watch.timer.unref();
  }

  async function scrape(watch: Watch): Promise<void> {
    const { target, job } = watch;
    const atMs = deps.now();
    let page: Page | undefined;
    try {
      const text = await fetchPage({
        url: target.url,
        timeoutMs: job.timeoutMs,
        maxBytes: options.pageBytesMax,
        authorization: job.authorization,
      });
      page = parseExposition(text, { samplesMax: options.samplesMax, labelsMax: 128, labelBytesMax: 4096 });
      watch.detail =
        page.badLines === 0
          ? `${page.samples} samples`
          : `${page.samples} samples, ${page.badLines} bad lines: ${page.problems[0]}`;
      if (page.badLines > 0)
        deps.telemetry.count("homeostat.receive.dropped", page.badLines, { reason: "scrape-bad-line" });
    } catch (error) {
      watch.detail = error instanceof Error ? error.message : String(error);
    }
    watch.up = page !== undefined;
    const outcome = watch.up ? "up" : "down";
    deps.telemetry.count("homeostat.receive.scrapes", 1, { job: job.job, outcome });
    if (outcome !== watch.told) tell(watch, outcome);
    const own = { up: page === undefined ? 0 : 1, seconds: (deps.now() - atMs) / 1000, samples: page?.samples ?? 0 };
    await hand(watch, page, atMs, own);
    watch.starts.sweep(atMs - 10 * job.intervalMs);
  }

  function tell(watch: Watch, outcome: Watch["told"]): void {
    const { job, instance } = watch.target;
    watch.told = outcome;
    if (outcome === "up") deps.telemetry.log.info("scrape: the target answers again", { job, instance });
    else deps.telemetry.log.warn("scrape: the target gives no page", { job, instance, why: watch.detail });
  }

  async function hand(watch: Watch, page: Page | undefined, atMs: number, own: OwnSeries): Promise<void> {
    const { target, starts } = watch;
    const families = [...(page?.families ?? []), ...vanished(watch, page), ...ownFamilies(own)];
    const resource = {
      ...targetResource(target.job, target.instance),
      "url.scheme": target.url.split(":")[0]!,
      ...target.labels,
    };
    try {
      await deps.accept(pageToOtlp({ families, resource, atMs, starts }));
    } catch {
      deps.telemetry.count("homeostat.receive.dropped", page?.samples ?? 1, { reason: "scrape-not-accepted" });
    }
  }

  async function end(watch: Watch): Promise<void> {
    watch.stopped = true;
    clearTimeout(watch.timer);
    await watch.running;
    // Who was taken off the list is not down.
    await hand(watch, undefined, deps.now(), { up: staleNaN, seconds: staleNaN, samples: staleNaN });
  }

  await rediscover();
  const discovery = setInterval(() => {
    rediscover().catch((error: unknown) =>
      deps.telemetry.log.error("scrape discovery failed", { error: String(error) }),
    );
  }, options.discoveryMs);
  discovery.unref();

  return {
    targets: () => [...watches.values()].map(({ target, up, detail }) => ({ target, up, detail })),
    async [Symbol.asyncDispose]() {
      clearInterval(discovery);
      for (const watch of watches.values()) {
        watch.stopped = true;
        clearTimeout(watch.timer);
      }
      await Promise.all([...watches.values()].map((watch) => watch.running));
    },
  };
}

/** Families that end the series which were there in the last page and are not in this one (or all, when the target is down). */
function vanished(watch: Watch, page: Page | undefined): readonly Family[] {
  const now = new Map<string, { family: Family; sample: Sample }>();
  for (const family of page?.families ?? []) {
    for (const sample of family.samples) now.set(seriesKey(sample.name, sample.labels), { family, sample });
  }
  const ended = new Map<string, Family>();
  for (const [key, { family, sample }] of watch.before) {
    if (now.has(key)) continue;
    const stale = ended.get(family.name) ?? { ...family, samples: [] };
    const { timestampMs: _unused, ...rest } = sample;
    stale.samples.push({ ...rest, value: staleNaN });
    ended.set(family.name, stale);
  }
  watch.before = now;
  return [...ended.values()];
}

interface OwnSeries {
  readonly up: number;
  readonly seconds: number;
  readonly samples: number;
}

/** What Prometheus itself adds to every scrape. */
function ownFamilies({ up, seconds, samples }: OwnSeries): readonly Family[] {
  const gauge = (name: string, value: number): Family => ({
    name,
    type: "gauge",
    help: "",
    unit: "",
    samples: [{ name, labels: [], value }],
  });
  return [gauge("up", up), gauge("scrape_duration_seconds", seconds), gauge("scrape_samples_scraped", samples)];
}
