// Chunks of an exporter's tables: their pages by event time, cut into slices.
import type { RawSeries, TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import { type HashHalves, halvesOf } from "../../model/series-hash.ts";
import type { Instant } from "../../model/time.ts";
import { type ChunkReader, createSliceBuilder } from "./chunks.ts";
import type { ForeignSource } from "./open.ts";

/** Points a page aims at: every page looks through its days anew, so fewer are quicker. */
const pagePoints = 250_000;

/** `metrics`: only these; undefined: all. One read at a time: the reader behind it knows one end. */
export function createClickHouseChunks(
  source: Pick<ForeignSource, "readerOf">,
  { metrics, seriesMax }: { readonly metrics: readonly string[] | undefined; readonly seriesMax: number },
): ChunkReader {
  const halves = new Map<string, HashHalves>();
  let end: Instant = 0;
  let left = 0;
  const reader: TelemetryReader = source.readerOf({
    metrics,
    pagePoints,
    windowMs: Number.MAX_SAFE_INTEGER,
    latenessMs: 0,
    now: () => end,
    seriesMax,
  });

  return {
    left: () => left,
    async read(range, sliceMs) {
      end = range.to;
      const builder = createSliceBuilder(range, sliceMs);
      const found: RawSeries[] = [];
      const refused = new Set<string>();
      for (let cursor = String(range.from), before = ""; cursor !== before; ) {
        const page = await reader.metricsAfter(cursor, range.from);
        before = cursor;
        cursor = page.cursor;
        for (const one of page.series) {
          if (halves.has(one.hash) || halves.size >= seriesMax) continue;
          halves.set(one.hash, halvesOf(one.hash));
          found.push(one);
        }
        for (const point of page.points) {
          const { low, high } = halves.get(point.hash) ?? {};
          if (low !== undefined && high !== undefined) builder.add(low, high, point);
          else refused.add(point.hash);
        }
      }
      left = Math.max(left, refused.size);
      return { series: found, ...builder.finish() };
    },
  };
}
