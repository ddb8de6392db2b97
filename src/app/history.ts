// A stretch of stored metrics as a source of series: the Head, filled once with all of it.
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { RawSeries, TelemetryReader } from "../model/ports/telemetry-reader.ts";
import type { TimeRange } from "../model/time.ts";
import { createHead } from "../observe/head.ts";
import { metricName } from "../observe/selection.ts";
import { userError } from "./command.ts";
import type { Config } from "./config-schema.ts";
import { loadKnowledge } from "./knowledge.ts";

/** Most points held in memory at once: some 3 GB. */
const pointsMax = 60_000_000;

/**
 * Points from `range.from` to `range.to`, of the series named `wanted` alone if that is given. Canonical signals are measured
 * where one of them is wanted. Rejects with a user's error if there are too many points.
 */
export async function openHistory(
  config: Config,
  range: TimeRange,
  wanted: ReadonlySet<string> | undefined,
  deps: { readonly reader: TelemetryReader; readonly telemetry: Telemetry },
): Promise<{ readonly source: SeriesSource; readonly points: number }> {
  const canonical = wanted === undefined || [...wanted].some((name) => name.startsWith("llm:"));
  const reader = only(deps.reader, range, canonical ? undefined : wanted);
  const { step, rateWindow, lateness, idle, maxSeries } = config.observe;
  const windowMs = range.to - range.from + step;
  const head = createHead(
    {
      windowMs,
      historyMs: windowMs,
      stepMs: step,
      rateWindowMs: rateWindow,
      latenessMs: lateness,
      idleMs: idle,
      maxSeries,
      mappings: loadKnowledge(config).mappings,
    },
    { reader, telemetry: deps.telemetry },
  );
  for (;;) {
    const before = reader.cursor();
    await head.refresh(range.to);
    if (reader.cursor() === before) break;
  }
  if (canonical) for (const _ of head.frames(range.to));
  return { source: head, points: reader.points() };
}

interface CountingReader extends TelemetryReader {
  cursor(): string;
  points(): number;
}

function only(reader: TelemetryReader, range: TimeRange, wanted: ReadonlySet<string> | undefined): CountingReader {
  const dropped = new Set<string>();
  let cursor = "";
  let points = 0;
  return {
    cursor: () => cursor,
    points: () => points,
    async metricsAfter(after) {
      const page = await reader.metricsAfter(after, range.from);
      cursor = page.cursor;
      const series = page.series.filter((each) => {
        const keep = isWanted(each, wanted);
        if (!keep) dropped.add(each.hash);
        return keep;
      });
      const kept = page.points.filter(({ hash, at }) => !dropped.has(hash) && at >= range.from && at <= range.to);
      points += kept.length;
      if (points > pointsMax) {
        throw userError(`the range has more than ${pointsMax} points of what the rules read; choose a shorter one`);
      }
      return { ...page, series, points: kept };
    },
  };
}

function isWanted({ metric, kind }: RawSeries, wanted: ReadonlySet<string> | undefined): boolean {
  if (wanted === undefined) return true;
  const name = metricName(metric);
  if (kind !== "histogram") return wanted.has(name);
  return ["_bucket", "_sum", "_count"].some((suffix) => wanted.has(name + suffix));
}
