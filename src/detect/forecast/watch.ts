// Watches what can run out, a look a minute, and says what will: a forecast has to hold for some minutes before it counts.
import type { EntityId } from "../../model/entity.ts";
import type { Labels } from "../../model/labels.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { UNUSABLE } from "../../model/series.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { type Forecast, forecast } from "./forecast.ts";
import { createMinutes, type Minutes } from "./minutes.ts";
import { certificateMetrics, type Resource, resourcesOf } from "./resources.ts";

export interface WatchOptions {
  readonly horizonMs: DurationMs;
  /** Share of cases in which the end is to be within the interval. */
  readonly coverage: number;
  readonly queueLimit: number;
  /** A certificate that ends within this time is told. */
  readonly certificatesMs: DurationMs;
}

/** Something that runs out within the horizon. Instants; `latest` is absent where no end of the interval can be told. */
export interface Foreseen {
  /** The same as long as it is foreseen. */
  readonly key: string;
  readonly resource: Pick<Resource, "id" | "name" | "metric" | "failureMode" | "advice">;
  readonly entity: EntityId;
  readonly labels: Labels;
  /** Of the limit, or what is left where it falls. */
  readonly share: number;
  readonly earliest: Instant;
  readonly likely: Instant;
  readonly latest?: Instant;
  /** Minutes of its past that the trend was fitted to; 0 where no fit was needed. */
  readonly fittedMinutes: number;
}

export interface ForecastWatch {
  /** Reads the last minutes, and gives what is foreseen now, the soonest first. Rejects as the source does. */
  step(now: Instant): Promise<readonly Foreseen[]>;
  /** Takes up the past, once; what is known already stays. */
  remember(source: SeriesSource, now: Instant): Promise<void>;
}

interface Watched {
  readonly entity: EntityId;
  readonly labels: Labels;
  readonly own: Minutes;
  readonly load: Minutes | undefined;
  /** Looks in a row at which it was foreseen, and at which not. */
  foreseen: number;
  quiet: number;
}

const minuteMs = 60_000;
/** Looks in a row before it counts, and before it is over: one odd minute is neither. */
const foreseenMin = 3;
const quietMin = 10;
const seriesMax = 20_000;
const forgetMinutes = 60;
const pastMs = 30 * 3_600_000;

export function createForecastWatch(
  options: WatchOptions,
  deps: { readonly source: SeriesSource; readonly telemetry: Telemetry },
): ForecastWatch {
  const { source, telemetry } = deps;
  const resources = resourcesOf(options);
  const horizon = Math.ceil(options.horizonMs / minuteMs);
  const books = new Map<string, Map<string, Watched>>(resources.map(({ id }) => [id, new Map()]));
  const standing = new Map<string, Foreseen>();
  let series = 0;

  async function read(resource: Resource, from: SeriesSource, range: { from: Instant; to: Instant }): Promise<void> {
    const book = books.get(resource.id)!;
    const select = async (metric: string) =>
      minutesOf(await from.select([{ name: "__name__", op: "=", value: metric }], range));
    const used = await select(resource.metric);
    if (used.size === 0) return;
    const whole = resource.per === undefined ? undefined : await select(resource.per);
    const load = resource.load === undefined ? undefined : await select(resource.load);
    for (const [key, { labels, points }] of used) {
      let watched = book.get(key);
      if (watched === undefined) {
        if (series >= seriesMax) {
          telemetry.count("homeostat.detect.dropped", 1, { reason: "forecast-series" });
          continue;
        }
        series++;
        const entity = entityOf(labels);
        watched = { entity, labels, own: createMinutes(), load: load && createMinutes(), foreseen: 0, quiet: 0 };
        book.set(key, watched);
      }
      const limits = whole?.get(key);
      const limit = limits === undefined ? Number.NaN : ([...limits.points.values()].at(-1) ?? Number.NaN);
      for (const [minute, value] of points) {
        const share = whole === undefined ? value : limit > 0 ? value / limit : Number.NaN;
        watched.own.put(minute, resource.direction === "falls" ? 1 - share : share);
        watched.load?.put(minute, load?.get(key)?.points.get(minute) ?? Number.NaN);
      }
    }
  }

  function judge(resource: Resource, key: string, watched: Watched, now: Instant): void {
    const { limit, refills } = resource;
    const values = watched.own.values();
    const told = forecast({ values, limit, horizon, coverage: options.coverage, refills });
    const isForeseen =
      told.kind === "exhausts" && told.likely <= horizon && !followsLoad(watched, Math.max(15, told.model.window));
    watched.foreseen = isForeseen ? watched.foreseen + 1 : 0;
    watched.quiet = isForeseen ? 0 : watched.quiet + 1;
    const id = `forecast:${resource.id}:${key}`;
    if (watched.quiet >= quietMin) standing.delete(id);
    if (told.kind !== "exhausts" || !isForeseen || (watched.foreseen < foreseenMin && !standing.has(id))) return;
    standing.set(id, foreseenOf(id, resource, watched, told, values.at(-1)! / limit, now));
  }

  async function certificates(now: Instant): Promise<readonly Foreseen[]> {
    const found: Foreseen[] = [];
    for (const metric of certificateMetrics) {
      const range = { from: now - 10 * minuteMs, to: now };
      for (const [key, { labels, points }] of minutesOf(
        await source.select([{ name: "__name__", op: "=", value: metric }], range),
      )) {
        const ends = 1000 * ([...points.values()].at(-1) ?? Number.NaN);
        // 0 and the like is an exporter that read none.
        if (!(ends > 86_400_000) || ends - now > options.certificatesMs) continue;
        const advice = "renew it, and have a look at what should have";
        const resource = { id: "certificate", name: "validity of the certificate", metric, advice };
        const times = { earliest: ends, likely: ends, latest: ends };
        const entity = entityOf(labels);
        found.push({
          key: `forecast:${metric}:${key}`,
          resource,
          entity,
          labels,
          share: 1,
          fittedMinutes: 0,
          ...times,
        });
      }
    }
    return found;
  }

  return {
    async step(now) {
      for (const resource of resources) {
        await read(resource, source, { from: now - 3 * minuteMs, to: now });
        const book = books.get(resource.id)!;
        for (const [key, watched] of book) {
          if (Math.floor(now / minuteMs) - watched.own.newest() > forgetMinutes) {
            book.delete(key);
            series--;
            standing.delete(`forecast:${resource.id}:${key}`);
          } else judge(resource, key, watched, now);
        }
      }
      return [...standing.values(), ...(await certificates(now))].toSorted((a, b) => a.likely - b.likely);
    },
    async remember(past, now) {
      for (const resource of resources) await read(resource, past, { from: now - pastMs, to: now });
    },
  };
}

function foreseenOf(
  key: string,
  { id, name, metric, failureMode, advice }: Resource,
  { entity, labels }: Watched,
  { earliest, likely, latest, model }: Extract<Forecast, { kind: "exhausts" }>,
  share: number,
  now: Instant,
): Foreseen {
  const resource = { id, name, metric, advice, ...(failureMode === undefined ? {} : { failureMode }) };
  const at = (minutes: number): Instant => now + minutes * minuteMs;
  const end = Number.isFinite(latest) ? { latest: at(latest) } : {};
  const times = { earliest: at(earliest), likely: at(likely), ...end };
  return { key, resource, entity, labels, share, fittedMinutes: model.window, ...times };
}

/** Whether the load climbs at least half as fast, each relative to where it was. */
function followsLoad({ own, load }: Watched, window: number): boolean {
  if (load === undefined) return false;
  const growth = (values: Float64Array): number => {
    const [before, after] = [meanOf(values, window, window - 5), meanOf(values, 5, 0)];
    return before > 0 ? after / before - 1 : 0;
  };
  return growth(load.values()) >= 0.5 * growth(own.values());
}

function meanOf(values: Float64Array, from: number, to: number): number {
  const some = values
    .subarray(Math.max(0, values.length - from), values.length - to)
    .filter((one) => !Number.isNaN(one));
  return some.reduce((sum, one) => sum + one, 0) / some.length;
}

interface Read {
  readonly labels: Labels;
  /** By minute since the epoch; the last of each, and the largest of several series of one key. */
  readonly points: Map<number, number>;
}

/** By entity, or by all labels where there is none. */
function minutesOf(views: Awaited<ReturnType<SeriesSource["select"]>>): Map<string, Read> {
  const found = new Map<string, Read>();
  for (const { labels, length, times, values, quality } of views) {
    const key = entityOf(labels);
    const points = new Map<number, number>();
    for (let i = 0; i < length; i++) {
      if (((quality?.[i] ?? 0) & UNUSABLE) === 0 && Number.isFinite(values[i]!))
        points.set(Math.floor(times[i]! / minuteMs), values[i]!);
    }
    const before = found.get(key);
    if (before === undefined) found.set(key, { labels, points });
    else
      for (const [minute, value] of points)
        before.points.set(minute, Math.max(value, before.points.get(minute) ?? value));
  }
  return found;
}

/** What a series is about; of one without an entity its labels say it. */
function entityOf(labels: Labels): EntityId {
  const { __name__: _, entity, ...rest } = labels;
  if (entity !== undefined) return entity;
  const told = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `service:${told.map(([name, value]) => `${name}=${value}`).join(",") || "everything"}`;
}
