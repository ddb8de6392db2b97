// Detection over telemetry that is stored already: the same Head, detectors and decider as live, step by step in event time.
import { createDetection } from "../detect/detection.ts";
import { createSeriesDetection } from "../detect/series/series-detection.ts";
import type { Anomaly, Exclusion } from "../model/anomaly.ts";
import type { Incident } from "../model/incident.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { TelemetryReader } from "../model/ports/telemetry-reader.ts";
import type { Instant, TimeRange } from "../model/time.ts";
import { createHead } from "../observe/head.ts";
import type { Config } from "./config-schema.ts";
import { withDescendants } from "./descendants.ts";
import { loadKnowledge } from "./knowledge.ts";
import { shipped } from "./paths.ts";
import { seriesShare } from "./series.ts";

export interface Rejudged {
  /** As each was told last, by onset. */
  readonly anomalies: readonly Anomaly[];
  readonly points: number;
  readonly steps: number;
  readonly series: number;
}

/** An exclusion is listed from its incident's opening on: what was learned before was learned. */
const beforeMs = 60_000;
const afterMs = 120_000;

/**
 * Judges the metrics from `learnFrom` to `range.to` (exclusive) and gives the anomalies told from `range.from` on. Incidents that
 * were open at the time keep out of baselines what they kept out of them then. Spans and log records are not looked at.
 */
export async function rejudge(
  config: Config,
  input: { readonly range: TimeRange; readonly learnFrom: Instant; readonly incidents: readonly Incident[] },
  deps: { readonly reader: TelemetryReader; readonly telemetry: Telemetry },
): Promise<Rejudged> {
  const { range, learnFrom, incidents } = input;
  const { telemetry } = deps;
  const { window, step, rateWindow, lateness, idle, maxSeries } = config.observe;
  const reader = within(deps.reader, learnFrom, range.to);
  const head = createHead(
    {
      windowMs: window,
      historyMs: range.to - learnFrom,
      stepMs: step,
      rateWindowMs: rateWindow,
      latenessMs: lateness,
      idleMs: idle,
      maxSeries,
      mappings: loadKnowledge(config).mappings,
    },
    { reader, telemetry },
  );
  let at = Number.NEGATIVE_INFINITY;
  const near = incidents.filter(
    ({ onset, resolvedAt }) => onset - beforeMs < range.to && (resolvedAt ?? range.to) + afterMs >= learnFrom,
  );
  const exclusions = {
    current: () =>
      withDescendants(
        near.flatMap((one) => exclusionsOf(one, at)),
        head.entities(),
      ),
  };
  const budget = config.detect.falseEpisodesPerWeek;
  await using detection = await createDetection(
    { falseEpisodesPerWeek: budget * (1 - seriesShare), stepMs: step },
    { exclusions, telemetry, modelsDirectory: config.detect.learned ? shipped.models : "" },
  );
  await using series = await createSeriesDetection(
    { falseEpisodesPerWeek: budget * seriesShare, stepMs: step, threads: 0 },
    { steps: head.steps, exclusions, telemetry },
  );
  const told = new Map<string, Anomaly>();
  let steps = 0;

  for (let more = true; more; ) {
    const before = reader.cursor();
    await head.refresh(range.to);
    more = reader.cursor() !== before;
    await judge(range.to);
  }
  // As if nothing more came: what is left is complete. Silence after the last point is nobody's fault.
  const last = (head.newestAt() ?? Number.NEGATIVE_INFINITY) - lateness;
  await head.refresh(range.to + idle + lateness);
  await judge(range.to + idle + lateness, last);
  return {
    anomalies: [...told.values()].sort((a, b) => a.onset - b.onset || (a.id < b.id ? -1 : 1)),
    points: reader.points(),
    steps,
    series: series.state().series,
  };

  async function judge(now: Instant, until = Number.POSITIVE_INFINITY): Promise<void> {
    for (const frame of head.frames(now)) {
      if (frame.at > until) break;
      at = frame.at;
      steps++;
      const known = frame.entities.length === 0 ? [] : await detection.step(frame);
      for (const anomaly of [...known, ...(await series.step(at))])
        if (at >= range.from || told.has(anomaly.id)) told.set(anomaly.id, anomaly);
    }
  }
}

function exclusionsOf({ entities, onset, openedAt, resolvedAt, title }: Incident, at: Instant): readonly Exclusion[] {
  if (openedAt > at) return [];
  const over = resolvedAt !== undefined && resolvedAt <= at;
  return entities.map((entity) => ({
    entity,
    from: onset - beforeMs,
    ...(over ? { to: resolvedAt + afterMs } : {}),
    reason: title,
  }));
}

interface BoundedReader extends TelemetryReader {
  cursor(): string;
  points(): number;
}

/** The reader without the points outside. */
function within(reader: TelemetryReader, from: Instant, to: Instant): BoundedReader {
  let cursor = "";
  let points = 0;
  return {
    cursor: () => cursor,
    points: () => points,
    async metricsAfter(after) {
      const page = await reader.metricsAfter(after, from);
      cursor = page.cursor;
      const kept = page.points.filter(({ at }) => at >= from && at < to);
      points += kept.length;
      return { ...page, points: kept };
    },
  };
}
