// Holes of a scanned history: time without anything, measured by how often there is something.
import { describe, expect, test } from "vitest";
import { lookAt, readingOf } from "../../src/app/scan/look.ts";
import { createSeen, holeOf } from "../../src/app/scan/seen.ts";
import { type ChunkReader, createSliceBuilder } from "../../src/store/foreign/chunks.ts";

const minute = 60_000;
const from = 1_800_000_000_000;
const range = { from, to: from + 48 * 60 * minute };

/** Some series with a sample every so often. */
function sampledEvery(everyMs: number, series = 3): ChunkReader {
  return {
    left: () => 0,
    read(part, sliceMs) {
      const builder = createSliceBuilder(part, sliceMs);
      const point = { start: 0, value: 1, count: 0, buckets: [], flags: 0 };
      for (let at = Math.ceil((part.from - from) / everyMs) * everyMs + from; at < part.to; at += everyMs)
        for (let i = 1; i <= series; i++) builder.add(i, 0, { ...point, at });
      return Promise.resolve({ series: [], ...builder.finish() });
    },
  };
}

async function readingFor(everyMs: number, askedMs: number | undefined, thins: boolean) {
  const looked = await lookAt(sampledEvery(everyMs), range);
  return readingOf(looked, range.to - range.from, { askedMs, stepMs: 15_000, thins });
}

describe("a hole", () => {
  test.each([
    ["samples a quarter of an hour apart", 15 * minute, undefined, false, 15 * minute],
    ["samples asked for every hour", minute / 4, 60 * minute, true, 60 * minute],
    ["samples as they are scraped", minute / 4, undefined, true, minute / 4],
  ])("is none between %s", async (_, everyMs, askedMs, thins, comesMs) => {
    const reading = await readingFor(everyMs, askedMs, thins);
    expect(reading.intervalMs).toBe(comesMs);
    const seen = createSeen(holeOf(reading));
    for (let i = 0; i < 20; i++) seen.times(Float64Array.of(from + i * comesMs));
    expect(seen.told().holes).toEqual([]);
    const last = from + 19 * comesMs;
    const next = last + Math.max(3 * comesMs, 11 * minute);
    seen.times(Float64Array.of(next));
    expect(seen.told().holes).toEqual([{ from: last, to: next }]);
  });
});
