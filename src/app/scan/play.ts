// A history played through the service's own way of thinking (Head, detection, rules, diagnosis), in its own time. Nobody is told,
// and nothing is repaired.
import { createDetection } from "../../detect/detection.ts";
import { createRules } from "../../detect/rules/engine.ts";
import { createSeriesDetection } from "../../detect/series/series-detection.ts";
import { createDiagnosis } from "../../diagnose/diagnose.ts";
import type { Alert } from "../../model/anomaly.ts";
import type { Entity, EntityId } from "../../model/entity.ts";
import type { Diagnosis, Incident } from "../../model/incident.ts";
import type { LogSource } from "../../model/ports/log-source.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { ColumnPage, TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import { createHead } from "../../observe/head.ts";
import { createWithout } from "../../observe/united.ts";
import { createWhole } from "../../observe/whole.ts";
import type { Chunk, ChunkReader } from "../../store/foreign/chunks.ts";
import type { Config } from "../config-schema.ts";
import { withDescendants } from "../descendants.ts";
import type { Knowledge } from "../knowledge.ts";
import { shipped } from "../paths.ts";
import { createPipeline } from "../pipeline.ts";
import { seriesShare } from "../series.ts";
import type { Reading } from "./look.ts";
import { createSeen, holeOf } from "./seen.ts";

export interface FoundIncident {
  /** As it was last. */
  readonly incident: Incident;
  /** What was thought of it last; undefined: nothing. */
  readonly diagnosis: Diagnosis | undefined;
}

/** A time that an alert of the rules in use fired. */
export interface Firing {
  readonly alert: Alert;
  readonly from: Instant;
  /** Undefined: it still did at the end. */
  readonly to: Instant | undefined;
}

export interface Played {
  readonly incidents: readonly FoundIncident[];
  readonly firings: readonly Firing[];
  /** Rules that could not be judged, with how often and why. */
  readonly failures: ReadonlyMap<string, { readonly times: number; readonly error: string }>;
  /** Everything telemetry told of, at any time. */
  readonly entities: ReadonlyMap<EntityId, Entity>;
  /** Canonical signals, and engines, that were there at some time. */
  readonly present: ReadonlySet<string>;
  readonly engines: ReadonlySet<string>;
  /** When detection knew enough to judge; undefined: never. */
  readonly learnedAt: Instant | undefined;
  readonly points: number;
  readonly series: number;
  readonly steps: number;
  /** First and last event time of what was there, and stretches without anything between. */
  readonly heard: TimeRange | undefined;
  readonly holes: readonly TimeRange[];
}

export interface Progress {
  readonly at: Instant;
  readonly points: number;
  readonly incidents: number;
}

interface Deps {
  readonly chunks: ChunkReader;
  readonly knowledge: Knowledge;
  readonly logs: LogSource | undefined;
  readonly telemetry: Telemetry;
  readonly progress: (progress: Progress) => void;
}

/** How far back the memory of a scan reaches at most; a rule that reads further cannot be judged. */
export const windowMax: DurationMs = 6 * 3_600_000;

/** `windowMs`: how far back rules and diagnosis can look. Rejects as the source does. */
export async function play(
  config: Config,
  { range, reading, windowMs }: { readonly range: TimeRange; readonly reading: Reading; readonly windowMs: DurationMs },
  { chunks, knowledge, logs, telemetry, progress }: Deps,
): Promise<Played> {
  const { stepMs, tickMs, chunkMs } = reading;
  const { rateWindow, lateness, idle, maxSeries } = config.observe;
  const { reader, hand } = handing();
  const head = createHead(
    {
      windowMs,
      stepMs,
      rateWindowMs: Math.max(rateWindow, 4 * stepMs),
      latenessMs: lateness,
      idleMs: idle,
      maxSeries,
      mappings: knowledge.mappings,
    },
    { reader, telemetry },
  );
  const live = createWhole(head, createWithout(beyond(windowMs), knowledge.recorded), { windowMs, readers: "live" });
  const exclusions = { current: () => withDescendants(diagnose.exclusions(), head.entities()) };
  const budget = config.detect.falseEpisodesPerWeek;
  await using detection = await createDetection(
    { falseEpisodesPerWeek: budget * (1 - seriesShare), stepMs },
    { exclusions, telemetry, modelsDirectory: config.detect.learned ? shipped.models : "" },
  );
  await using series = await createSeriesDetection(
    { falseEpisodesPerWeek: budget * seriesShare, stepMs, threads: 0 },
    { steps: head.steps, exclusions, telemetry },
  );
  const rules = createRules(knowledge.ruleFiles, { source: live, telemetry });
  const diagnose = createDiagnosis(knowledge.modes, {
    source: head,
    // What is not on record is not known, which is not the same as "nothing was changed".
    changes: { add: () => Promise.resolve(), within: () => Promise.reject(new Error("no changes are on record")) },
    logs: logs ?? { search: () => Promise.reject(new Error("no logs are on record")) },
    telemetry,
  });

  const incidents = new Map<string, { incident: Incident; diagnosis: Diagnosis | undefined }>();
  const fired = createFirings();
  let steps = 0;
  let learnedAt: Instant | undefined;
  const pipeline = createPipeline({
    head,
    detection,
    series,
    logs: { step: () => Promise.resolve([]) },
    rules: {
      all: rules.all,
      async evaluate(at) {
        const changed = await rules.evaluate(at);
        fired.note(rules.all(), at);
        steps++;
        return changed;
      },
    },
    diagnose,
    act: { propose: () => Promise.resolve([]), step: () => Promise.resolve([]) },
    tune: { recommend: () => Promise.resolve([]) },
    remedyFor: () => undefined,
    // Alerts that fired then are what it is compared with: as evidence they would explain themselves.
    foreign: { firing: () => [], changed: () => [] },
    modes: knowledge.modes,
    keeper: {
      trouble: () => undefined,
      keep(kind, found) {
        if (kind === "incidents")
          for (const incident of found as readonly Incident[])
            incidents.set(incident.id, { diagnosis: incidents.get(incident.id)?.diagnosis, incident });
        if (kind === "diagnoses")
          for (const diagnosis of found as readonly Diagnosis[]) {
            const known = incidents.get(diagnosis.incident);
            if (known !== undefined) known.diagnosis = diagnosis;
          }
        return Promise.resolve();
      },
    },
    feed: {
      publish: ({ type, at }) => {
        if (type === "baseline-learned") learnedAt ??= at;
      },
      follow: () => () => {},
    },
    telemetry,
  });

  const seen = createSeen(holeOf(reading));
  let points = 0;
  let known = 0;
  let next: Promise<Chunk> | undefined;
  const read = (from: Instant): Promise<Chunk> => {
    const chunk = chunks.read({ from, to: Math.min(range.to, from + chunkMs) }, tickMs);
    // Awaited a chunk later: until then nobody listens to its failure.
    chunk.catch(() => {});
    return chunk;
  };
  for (let from = range.from; from < range.to; from += chunkMs) {
    const chunk = await (next ?? read(from));
    next = from + chunkMs < range.to ? read(from + chunkMs) : undefined;
    points += chunk.points;
    known += chunk.series.length;
    for (const [i, slice] of chunk.slices.entries()) {
      const now = Math.min(range.to, from + (i + 1) * tickMs);
      seen.times(slice.times.subarray(0, slice.rows));
      hand({ series: i === 0 ? chunk.series : [], columns: slice.rows === 0 ? [] : [slice] });
      await pipeline.tick(now);
    }
    seen.world(head);
    progress({ at: Math.min(range.to, from + chunkMs), points, incidents: incidents.size });
  }
  return {
    incidents: [...incidents.values()].toSorted((a, b) => a.incident.onset - b.incident.onset),
    firings: fired.all(),
    failures: fired.failures,
    learnedAt,
    points,
    series: known,
    steps,
    ...seen.told(),
  };
}

/** A reader that gives what was handed to it, once. */
function handing(): { readonly reader: TelemetryReader; hand(page: Omit<ColumnPage, "cursor">): void } {
  let waiting: Omit<ColumnPage, "cursor"> | undefined;
  let count = 0;
  return {
    hand(page) {
      waiting = page;
      count++;
    },
    reader: {
      columnsAfter() {
        const page = waiting ?? { series: [], columns: [] };
        waiting = undefined;
        return Promise.resolve({ ...page, cursor: String(count) });
      },
      metricsAfter: () => Promise.reject(new Error("a scan reads columns")),
    },
  };
}

function beyond(windowMs: DurationMs): SeriesSource & { labelSets: () => Promise<never> } {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error(`it looks back further than the ${windowMs / 3_600_000} h that a scan keeps in memory`));
  return { select: refuse, labelSets: refuse };
}

function createFirings() {
  const open = new Map<string, Firing>();
  const ended: Firing[] = [];
  const failures = new Map<string, { times: number; error: string }>();
  return {
    failures,
    note(all: readonly Alert[], at: Instant): void {
      const now = new Set<string>();
      for (const alert of all) {
        if (alert.state === "unknown")
          failures.set(alert.rule, { times: (failures.get(alert.rule)?.times ?? 0) + 1, error: alert.error ?? "" });
        if (alert.state !== "firing" && !(alert.state === "unknown" && open.has(alert.id))) continue;
        now.add(alert.id);
        if (!open.has(alert.id)) open.set(alert.id, { alert, from: at, to: undefined });
      }
      for (const [id, firing] of open) {
        if (now.has(id)) continue;
        open.delete(id);
        ended.push({ ...firing, to: at });
      }
    },
    all: (): readonly Firing[] => [...ended, ...open.values()].toSorted((a, b) => a.from - b.from),
  };
}
