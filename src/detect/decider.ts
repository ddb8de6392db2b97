// Spends the budget of false episodes: turns calibrated scores into anomalies that open, change and end.
import type { Anomaly } from "../model/anomaly.ts";
import type { DetectorView } from "../model/detector.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import { stableId } from "../model/ids.ts";
import type { SignalId } from "../model/signal.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Calibrator } from "./calibrator.ts";
import { createTrack, type EpisodeOptions, heldScore, type Track, type Turn, turn } from "./episodes.ts";
import { createShadows, type Shadow } from "./shadows.ts";
import { createRecentValues, pushValue, type RecentValues, shapeOf } from "./shape.ts";
import { tellLevel, tellRun } from "./telling.ts";

export interface DeciderOptions {
  /** False episodes a week the whole fleet may have. */
  readonly falseEpisodesPerWeek: number;
  readonly stepMs: DurationMs;
  /** An episode nobody made an incident of becomes the new normal after so long. */
  readonly acceptAfterMs: DurationMs;
}

/** One score of one series, with what is needed to tell of it. */
export interface Verdict {
  readonly detector: string;
  readonly entity: Entity;
  readonly signal: SignalId | "joint";
  readonly value: number;
  readonly score: number;
  /** Called only when there is something to tell. */
  readonly explain: () => DetectorView;
}

export interface Decider {
  /** Tells how many series will be judged at this step: the budget is shared between them. */
  begin(looks: number): void;
  /** Judges one score; what it changes is added to `out`. Returns the held score, which is what is calibrated. */
  judge(verdict: Verdict, at: Instant, out: Anomaly[]): number;
  /** Whether an entity's points at `at` lie inside an episode of its own. */
  shadow(entity: EntityId, at: Instant): Shadow;
  /** Lets go of tracks not judged since `before`. */
  forget(before: Instant): void;
  /** Episodes as plain JSON, to go on after a restart. */
  snapshot(): unknown;
  restore(open: unknown): void;
}

interface Series {
  readonly track: Track;
  readonly recent: RecentValues;
  anomaly: Anomaly | undefined;
  /** Tail when it was last told. */
  toldTail: number;
  judgedAt: Instant;
}

const weekMs = 604_800_000;
/** Scores closer than this say the same thing twice. */
const lookMs = 60_000;
const openTailMax = 1e-4;
const tailMin = 1e-12;
/** An episode is told of again when its tail has fallen by this factor. */
const worseFactor = 1e-3;

export function createDecider(options: DeciderOptions, calibrator: Calibrator): Decider {
  const persistSteps = Math.min(3, Math.max(2, Math.round(15_000 / options.stepMs)));
  const episodeOptions: EpisodeOptions = { persistSteps, calmMs: 60_000, mergeMs: 120_000, forgetMs: 300_000 };
  const byKey = new Map<string, Series>();
  const shadows = createShadows(options.acceptAfterMs);
  const limits = { openTail: openTailMax, calmTail: Math.sqrt(openTailMax) };

  return {
    begin(looks) {
      const budget = (options.falseEpisodesPerWeek * lookMs) / (weekMs * Math.max(1, looks));
      limits.openTail = Math.min(openTailMax, budget);
      limits.calmTail = Math.sqrt(limits.openTail);
    },
    judge,
    shadow: shadows.at,
    forget(before) {
      for (const [key, series] of byKey) if (series.judgedAt < before) byKey.delete(key);
      shadows.forget(before);
    },
    snapshot: () =>
      [...byKey].filter(([, series]) => series.track.open).map(([key, series]) => ({ key, anomaly: series.anomaly })),
    restore,
  };

  function judge(verdict: Verdict, at: Instant, out: Anomaly[]): number {
    const series = seriesOf(`${verdict.detector} ${verdict.entity.id} ${verdict.signal}`, verdict.detector);
    series.judgedAt = at;
    if (Number.isFinite(verdict.score)) pushValue(series.recent, verdict.value);
    const { track } = series;
    const held = heldScore(track, verdict.score, at);
    const pool = poolOf(verdict.detector, verdict.signal);
    const tails = { held: calibrator.tail(pool, held), now: calibrator.tail(pool, verdict.score) };
    const turned = turn(track, tails, limits, at, episodeOptions);
    if (turned !== "none" || track.open) tell(series, verdict, tails.held, turned, at, out);
    return held;
  }

  function seriesOf(key: string, detector: string): Series {
    let series = byKey.get(key);
    if (series === undefined) {
      const track = createTrack(isRun(detector) ? 1 : persistSteps);
      series = { track, recent: createRecentValues(), anomaly: undefined, toldTail: 1, judgedAt: Number.NaN };
      byKey.set(key, series);
    }
    return series;
  }

  function tell(series: Series, verdict: Verdict, heldTail: number, turned: Turn, at: Instant, out: Anomaly[]): void {
    const { track } = series;
    const { detector, entity, signal } = verdict;
    if (turned === "ended") {
      if (series.anomaly === undefined) return;
      const lastedMs = track.lastHigh - track.onset;
      const shape = isRun(detector) || signal === "joint" ? series.anomaly.shape : finalShape(series, lastedMs);
      series.anomaly = { ...series.anomaly, shape, lastSeen: track.lastHigh, endedAt: at };
      shadows.put(entity.id, series.anomaly);
      out.push(series.anomaly);
      return;
    }
    const tail = Math.max(tailMin, Math.min(heldTail, turned === "none" ? (series.anomaly?.tail ?? 1) : 1));
    const worse = tail < series.toldTail * worseFactor;
    if (turned === "none" && !worse) {
      if (series.anomaly !== undefined && track.lastHigh === at) series.anomaly = { ...series.anomaly, lastSeen: at };
      return;
    }
    const view = verdict.explain();
    series.toldTail = tail;
    const told: Anomaly = {
      id: stableId(detector, entity.id, signal, track.onset),
      entity: entity.id,
      signal,
      onset: track.onset,
      lastSeen: at,
      tail,
      ...looksOf(series, verdict, view),
      observed: verdict.value,
      expected: view.expected,
      detector,
      evidence: evidenceOf(verdict, view, at, track.onset),
    };
    series.anomaly = told;
    shadows.put(entity.id, told);
    out.push(told);
  }

  function looksOf(
    { recent }: Series,
    { detector, signal, value }: Verdict,
    view: DetectorView,
  ): Pick<Anomaly, "shape" | "direction"> {
    if (detector === "dropout") return { shape: "dropout", direction: "down" };
    if (detector === "flat-line") return { shape: "flatline", direction: "both" };
    if (signal === "joint") return { shape: "joint", direction: "both" };
    const rising = value > (view.expected.low + view.expected.high) / 2;
    return { shape: shapeOf(recent, value, rising), direction: rising ? "up" : "down" };
  }

  function finalShape({ anomaly, recent }: Series, lastedMs: DurationMs): Anomaly["shape"] {
    if (anomaly === undefined || anomaly.shape === "dropout") return anomaly?.shape ?? "level-shift";
    return shapeOf(recent, anomaly.observed, anomaly.direction === "up", lastedMs) === "spike"
      ? "spike"
      : anomaly.shape;
  }

  function evidenceOf(verdict: Verdict, view: DetectorView, at: Instant, onset: Instant): readonly Evidence[] {
    const { detector, entity, signal, value } = verdict;
    if (detector === "flat-line" || detector === "dropout")
      return [tellRun(entity, detector, at, value * options.stepMs)];
    if (signal !== "joint") return [tellLevel(entity, signal, at, value, view.expected), ...view.evidence];
    return view.evidence.length > 0
      ? view.evidence
      : [
          {
            kind: "anomaly",
            says: `The signals of ${entity.name} together are unlike any seen since ${new Date(onset).toISOString()}.`,
            at,
            entity: entity.id,
          },
        ];
  }

  function restore(open: unknown): void {
    if (!Array.isArray(open)) return;
    for (const entry of open) {
      if (!isOpenEpisode(entry)) continue;
      const series = seriesOf(entry.key, entry.anomaly.detector);
      series.anomaly = entry.anomaly;
      series.toldTail = entry.anomaly.tail;
      series.judgedAt = entry.anomaly.lastSeen;
      const { track } = series;
      track.open = true;
      track.onset = entry.anomaly.onset;
      track.lastHigh = entry.anomaly.lastSeen;
      track.lastScored = entry.anomaly.lastSeen;
      shadows.put(entry.anomaly.entity, entry.anomaly);
    }
  }
}

/** Scores of one detector on one signal share a pool, whatever the entity. */
export function poolOf(detector: string, signal: string): string {
  return `${detector}/${signal}`;
}

/** Detectors whose scores are lengths of runs: persistence is in the score already. */
function isRun(detector: string): boolean {
  return detector === "flat-line" || detector === "dropout";
}

function isOpenEpisode(value: unknown): value is { key: string; anomaly: Anomaly } {
  if (typeof value !== "object" || value === null || !("key" in value) || !("anomaly" in value)) return false;
  const { anomaly } = value;
  if (typeof value.key !== "string" || typeof anomaly !== "object" || anomaly === null) return false;
  return "onset" in anomaly && typeof anomaly.onset === "number" && "detector" in anomaly && "entity" in anomaly;
}
