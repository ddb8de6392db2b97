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

/** What one detector says of one frame: rows of an entity lie together, one for each of `signals`. */
export interface Lane {
  readonly detector: string;
  readonly entities: readonly Entity[];
  readonly signals: readonly (SignalId | "joint")[];
  /** Pool each of `signals` is calibrated in. */
  readonly pools: readonly string[];
  /** Stable numbers of the rows. */
  readonly slots: Int32Array;
  readonly values: Float64Array;
  readonly scores: Float64Array;
  /** Called only when there is something to tell. */
  explain(row: number): DetectorView;
}

export interface Decider {
  /** Tells how many series will be judged at this step: the budget is shared between them. */
  begin(looks: number): void;
  /** Judges every row; what that changes is added to `out`. Writes the held scores, which are what is calibrated, to `held`. */
  judge(lane: Lane, at: Instant, held: Float64Array, out: Anomaly[]): void;
  /** Whether an entity's points at `at` lie inside an episode of its own. */
  shadow(entity: EntityId, at: Instant): Shadow;
  /** Lets go of series not judged since `before`. */
  forget(before: Instant): void;
  /** Episodes as plain JSON, to go on after a restart. */
  snapshot(): unknown;
  restore(open: unknown): void;
}

/** One row, as the telling needs it. */
interface Verdict {
  readonly detector: string;
  readonly entity: Entity;
  readonly signal: SignalId | "joint";
  readonly value: number;
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
  const byDetector = new Map<string, (Series | undefined)[]>();
  const shadows = createShadows(options.acceptAfterMs);
  const limits = { openTail: openTailMax, calmTail: Math.sqrt(openTailMax) };
  const tails = { held: 1, now: 1 };

  return {
    begin(looks) {
      const budget = (options.falseEpisodesPerWeek * lookMs) / (weekMs * Math.max(1, looks));
      limits.openTail = Math.min(openTailMax, budget);
      limits.calmTail = Math.sqrt(limits.openTail);
    },
    judge(lane, at, held, out) {
      const all = seriesBy(lane.detector);
      const width = lane.signals.length;
      for (let row = 0; row < lane.entities.length * width; row++) {
        held[row] = judgeRow(lane, row, row % width, seriesAt(all, lane.detector, lane.slots[row] as number), at, out);
      }
    },
    shadow: shadows.at,
    forget(before) {
      for (const all of byDetector.values()) {
        for (let slot = 0; slot < all.length; slot++)
          if ((all[slot]?.judgedAt ?? before) < before) all[slot] = undefined;
      }
      shadows.forget(before);
    },
    snapshot: () =>
      [...byDetector].flatMap(([detector, all]) =>
        all.flatMap((series, slot) => (series?.track.open ? [{ detector, slot, anomaly: series.anomaly }] : [])),
      ),
    restore,
  };

  function judgeRow(lane: Lane, row: number, column: number, series: Series, at: Instant, out: Anomaly[]): number {
    const score = lane.scores[row] as number;
    const value = lane.values[row] as number;
    series.judgedAt = at;
    if (Number.isFinite(score)) pushValue(series.recent, value);
    const { track } = series;
    const held = heldScore(track, score, at);
    const pool = lane.pools[column] as string;
    tails.held = calibrator.tail(pool, held);
    tails.now = calibrator.tail(pool, score);
    const turned = turn(track, tails, limits, at, episodeOptions);
    if (turned === "none" && !track.open) return held;
    const entity = lane.entities[Math.floor(row / lane.signals.length)] as Entity;
    const verdict = { detector: lane.detector, entity, signal: lane.signals[column] ?? "joint", value };
    tell(series, verdict, () => lane.explain(row), turned, at, out);
    return held;
  }

  function seriesBy(detector: string): (Series | undefined)[] {
    let all = byDetector.get(detector);
    if (all === undefined) {
      all = [];
      byDetector.set(detector, all);
    }
    return all;
  }

  function seriesAt(all: (Series | undefined)[], detector: string, slot: number): Series {
    let series = all[slot];
    if (series === undefined) {
      const track = createTrack(isRun(detector) ? 1 : persistSteps);
      series = { track, recent: createRecentValues(), anomaly: undefined, toldTail: 1, judgedAt: Number.NaN };
      all[slot] = series;
    }
    return series;
  }

  function tell(
    series: Series,
    verdict: Verdict,
    explain: () => DetectorView,
    turned: Turn,
    at: Instant,
    out: Anomaly[],
  ): void {
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
    const tail = Math.max(tailMin, Math.min(tails.held, turned === "none" ? (series.anomaly?.tail ?? 1) : 1));
    const worse = tail < series.toldTail * worseFactor;
    if (turned === "none" && !worse) {
      if (series.anomaly !== undefined && track.lastHigh === at) series.anomaly = { ...series.anomaly, lastSeen: at };
      return;
    }
    const view = explain();
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
      const series = seriesAt(seriesBy(entry.detector), entry.detector, entry.slot);
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
export function poolsOf(detector: string, ids: readonly string[]): readonly string[] {
  return ids.map((id) => `${detector}/${id}`);
}

/** Detectors whose scores are lengths of runs: persistence is in the score already. */
function isRun(detector: string): boolean {
  return detector === "flat-line" || detector === "dropout";
}

function isOpenEpisode(value: unknown): value is { detector: string; slot: number; anomaly: Anomaly } {
  if (typeof value !== "object" || value === null) return false;
  if (!("detector" in value && typeof value.detector === "string")) return false;
  if (!("slot" in value && Number.isSafeInteger(value.slot) && Number(value.slot) >= 0)) return false;
  if (!("anomaly" in value && typeof value.anomaly === "object" && value.anomaly !== null)) return false;
  const { anomaly } = value;
  return "onset" in anomaly && typeof anomaly.onset === "number" && "lastSeen" in anomaly && "entity" in anomaly;
}
