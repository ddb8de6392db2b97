// Detection: frames in, anomalies out. Scores at once, learns ten minutes behind, and never learns an outage.
import { fileURLToPath } from "node:url";
import type { Anomaly } from "../model/anomaly.ts";
import type { Detector } from "../model/detector.ts";
import type { Entity } from "../model/entity.ts";
import type { Frame } from "../model/frame.ts";
import type { Exclusions } from "../model/ports/exclusions.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type SignalId, signals } from "../model/signal.ts";
import type { DurationMs } from "../model/time.ts";
import { createCalibrator } from "./calibrator.ts";
import { createDecider, type Lane, poolsOf } from "./decider.ts";
import { createFeatures, type FrameBatches } from "./features.ts";
import { type LearnedScorer, startLearned } from "./learned/learned.ts";
import { createLearning, type Lesson } from "./learning.ts";
import { type Watch, watches } from "./registry.ts";
import { createRoster } from "./roster.ts";
import { packParts, unpackParts } from "./snapshot.ts";
import { tellPart } from "./telling.ts";

export interface DetectionOptions {
  /** Distance of the frames it will be given. */
  readonly stepMs: DurationMs;
  /** False episodes a week, all series of the fleet together. Default 1. */
  readonly falseEpisodesPerWeek?: number;
  /** Event time between judging a point and learning it. Default 10 minutes. */
  readonly learnDelayMs?: DurationMs;
  /** An episode that no exclusion confirms is the new normal after this. Default 30 minutes. */
  readonly acceptAfterMs?: DurationMs;
  /** Entities judged at most. Default 4096. */
  readonly maxEntities?: number;
  /** What an earlier run's `snapshot()` gave. One that does not fit is left alone, with a warning. */
  readonly snapshot?: Uint8Array;
}

export interface DetectionDependencies {
  readonly exclusions: Exclusions;
  readonly telemetry: Telemetry;
  /** Folder of the trained models. Absent: the one beside the product's code; an empty string: no learned detection. */
  readonly modelsDirectory?: string;
}

export interface Baseline {
  /** Entities of the last frame. */
  readonly entities: number;
  /** Event time learned of the one that was learned least. */
  readonly learnedMs: DurationMs;
  /** Whether every entity of the last frame can be judged. */
  readonly ready: boolean;
}

export interface Detection extends AsyncDisposable {
  /**
   * Judges the next frame, then learns what is old enough. A frame the detection it was restored from has judged before is
   * only learned, if that was still to come. Gives the episodes that opened, changed materially or ended at it.
   */
  step(frame: Frame): Promise<readonly Anomaly[]>;
  baseline(): Baseline;
  /** What runs the learned detector, or why none does. */
  learnedBackend(): string;
  snapshot(): Promise<Uint8Array>;
}

const signalIds = signals.map((signal) => signal.id);
const weekMs = 604_800_000;
/** Points a detector wants before it speaks. */
const readyPoints = 40;
const lookMs = 60_000;

export async function createDetection(options: DetectionOptions, deps: DetectionDependencies): Promise<Detection> {
  const { telemetry, exclusions } = deps;
  const { stepMs, learnDelayMs = 600_000 } = options;
  const parts = options.snapshot === undefined ? undefined : unpackParts(options.snapshot);
  if (options.snapshot !== undefined && parts === undefined) {
    telemetry.count("homeostat.detect.dropped", 1, { reason: "snapshot-unreadable" });
    telemetry.log.warn("the detection snapshot cannot be read: baselines start anew", {
      bytes: options.snapshot.length,
    });
  }
  const calibrator = createCalibrator(parts?.bytes.get("calibrator"));
  const decider = createDecider(
    {
      falseEpisodesPerWeek: options.falseEpisodesPerWeek ?? 1,
      stepMs,
      acceptAfterMs: options.acceptAfterMs ?? 1_800_000,
    },
    calibrator,
  );
  const roster = createRoster(options.maxEntities ?? 4096, parts?.facts["roster"]);
  decider.restore(parts?.facts["episodes"]);
  const features = createFeatures();
  const detectors = watches.map((watch) => ({ watch, detector: watch.kind.create(parts?.bytes.get(watch.kind.kind)) }));
  // Neighbouring scores say nearly the same: a minute of them counts as one.
  const weight = Math.min(1, stepMs / lookMs);
  const learning = createLearning(decider.shadow, (pool, held, share) => calibrator.learn(pool, held, weight * share));
  const learned = await startLearned(
    deps.modelsDirectory ?? fileURLToPath(new URL("../../models/", import.meta.url)),
    parts?.bytes.get("learned"),
    telemetry,
  );
  let present: readonly string[] = [];
  let judgedTo = numberIn(parts?.facts["judgedTo"]) ?? Number.NEGATIVE_INFINITY;
  let judging = true;

  return {
    step,
    baseline,
    learnedBackend: () => learned.backend(),
    snapshot,
    [Symbol.asyncDispose]: () => learned[Symbol.asyncDispose](),
  };

  async function step(whole: Frame): Promise<readonly Anomaly[]> {
    const { frame, slots, refused } = roster.admit(whole);
    if (refused > 0) telemetry.count("homeostat.detect.dropped", refused, { reason: "entity-limit" });
    const batches = features.of(frame, slots);
    const out: Anomaly[] = [];
    // After a restart the Head tells the last half hour again: what was learned or judged before is not judged twice.
    if (frame.at <= judgedTo - learnDelayMs) return out;
    judging = frame.at > judgedTo;
    if (judging) judgedTo = frame.at;
    decider.begin(frame.entities.length * (signals.length + watches.length));
    const lessons = detectors.map(({ watch, detector }) => judge(watch, detector, batches, frame, out));
    const joint = await judgeJointly(learned, batches, frame, out);
    if (joint !== undefined) lessons.push(joint);
    learning.add({ at: frame.at, entities: frame.entities, lessons });
    learning.drain(frame.at - learnDelayMs, exclusions.current(), (entity) => roster.learned(entity.id));
    decider.forget(frame.at - weekMs);
    present = frame.entities.map((entity) => entity.id);
    if (out.length > 0) telemetry.count("homeostat.detect.anomalies", out.length);
    return out;
  }

  function judge(
    { kind, feature }: Watch,
    detector: Detector<"point">,
    batches: FrameBatches,
    frame: Frame,
    out: Anomaly[],
  ): Lesson {
    const batch = batches[feature];
    const scores = new Float64Array(batch.rows);
    detector.score(batch, frame.at, scores);
    const ids: readonly (SignalId | "joint")[] = feature === "levels" ? signalIds : ["joint"];
    const { slots, values } = batch;
    return lessonOf(
      { detector: kind.kind, signals: ids, slots, values, scores, explain: (row) => detector.explain(batch, row) },
      frame,
      out,
      {
        quality: batch.quality,
        qualityPerRow: 1,
        learn: () => detector.learn(batch),
      },
    );
  }

  /** Has the decider judge a detector's scores, and keeps what is to be learned of them. */
  function lessonOf(
    said: Omit<Lane, "entities" | "pools">,
    { entities, at }: Frame,
    out: Anomaly[],
    later: Pick<Lesson, "quality" | "qualityPerRow" | "learn">,
  ): Lesson {
    const held = new Float64Array(said.scores.length);
    const pools = poolsOf(said.detector, said.signals);
    if (judging) decider.judge({ ...said, entities, pools }, at, held, out);
    else held.fill(Number.NaN);
    return { rowsPerEntity: said.signals.length, held, pools, ...later };
  }

  async function judgeJointly(
    scorer: LearnedScorer,
    { core }: FrameBatches,
    frame: Frame,
    out: Anomaly[],
  ): Promise<Lesson | undefined> {
    const scored = await scorer.score(core);
    if (scored === undefined) return undefined;
    const explain = (row: number) => {
      const entity = frame.entities[row] as Entity;
      const evidence = scored.partsOf(row).map((part) => tellPart(entity, part, frame.at));
      return { expected: { low: 0, high: Number.NaN }, evidence };
    };
    const { scores } = scored;
    return lessonOf(
      { detector: scorer.kind, signals: ["joint"], slots: core.slots, values: scores, scores, explain },
      frame,
      out,
      {
        quality: core.quality,
        qualityPerRow: core.width,
        learn: () => scorer.learn(core),
      },
    );
  }

  function baseline(): Baseline {
    const points = present.map((id) => roster.pointsLearned(id));
    const least = points.length === 0 ? 0 : Math.min(...points);
    return { entities: present.length, learnedMs: least * stepMs, ready: present.length > 0 && least >= readyPoints };
  }

  async function snapshot(): Promise<Uint8Array> {
    const bytes = new Map(detectors.map(({ watch, detector }) => [watch.kind.kind, detector.snapshot()]));
    bytes.set("calibrator", calibrator.snapshot());
    const own = await learned.snapshot();
    if (own !== undefined) bytes.set("learned", own);
    return packParts({
      facts: { roster: roster.snapshot(), episodes: decider.snapshot(), judgedTo: finite(judgedTo) },
      bytes,
    });
  }
}

/** JSON has no infinity. */
function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
