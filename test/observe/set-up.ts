// A Head over a list of raw points, for tests.
import { readFileSync } from "node:fs";
import type { Frame } from "../../src/model/frame.ts";
import type { SpanReader } from "../../src/model/ports/span-reader.ts";
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import type { SignalId } from "../../src/model/signal.ts";
import { createHead, type Head, type HeadOptions } from "../../src/observe/head.ts";
import { parseMappings } from "../../src/observe/mapping.ts";
import { countingTelemetry, type ListReader, listReader, point } from "./raw.ts";

export const mappingPath = "rules/signals/vllm.yaml";
const { mappings } = parseMappings([{ path: mappingPath, text: readFileSync(mappingPath, "utf8") }]);
export const t0 = 1_800_000_000_000;
export const bounds = [0.1, 0.2, 0.4];

export function setUp(more: Partial<HeadOptions> = {}, reader: ListReader = listReader(), spans?: SpanReader) {
  const telemetry = countingTelemetry();
  const head = createHead(
    {
      windowMs: 1_800_000,
      stepMs: 5000,
      rateWindowMs: 20_000,
      latenessMs: 0,
      idleMs: 15_000,
      maxSeries: 1000,
      mappings,
      ...more,
    },
    { reader, telemetry, ...(spans === undefined ? {} : { spans }) },
  );
  return { head, reader, counts: telemetry.counts };
}

/** Sends `points`, then lets time pass until the step at `to` is complete. */
export async function framesOf(
  head: Head,
  reader: ListReader,
  series: readonly RawSeries[],
  points: readonly RawPoint[],
  now: number,
) {
  reader.push(series, points);
  const frames: Frame[] = [];
  for (let more = true; more; ) {
    more = (await head.refresh(now)).more;
    frames.push(...head.frames(now));
  }
  return frames;
}

export function read(frame: Frame, signal: SignalId, entity = "replica:vllm-0"): { value: number; quality: number } {
  const row = frame.entities.findIndex((one) => one.id === entity);
  const index = row * frame.signals.length + frame.signals.indexOf(signal);
  return { value: frame.values[index] ?? Number.NaN, quality: frame.quality[index] ?? -1 };
}

export function steps(series: RawSeries, values: readonly number[], everyMs = 5000, from = t0): RawPoint[] {
  return values.map((value, i) => point(series, from + i * everyMs, value));
}
