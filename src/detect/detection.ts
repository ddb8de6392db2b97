// Detection: frames in, anomalies out. Scores at once, learns ten minutes behind, and never learns an outage.
import { fileURLToPath } from "node:url";
import type { Anomaly } from "../model/anomaly.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { Frame } from "../model/frame.ts";
import type { Exclusions } from "../model/ports/exclusions.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type SignalId, signals } from "../model/signal.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { createAcceptance } from "./acceptance.ts";
import { createCalibrator } from "./calibrator.ts";
import { createChangeBook } from "./change-book.ts";
import { createDecider, type OpenEpisode } from "./decider.ts";
import { lookMs } from "./episodes.ts";
import { createFeatures, type FrameBatches, hintOf, loadOf } from "./features.ts";
import type { DetectorState } from "./guarded.ts";
import { type Lane, poolsOf, type Vote } from "./lane.ts";
import { type LearnedScorer, type Scored, startLearned } from "./learned/learned.ts";
import { createLearning, type Lesson } from "./learning.ts";
import { createProfiles, type Profile } from "./profile.ts";
import { watches as allWatches, type Watch } from "./registry.ts";
import { createRoster } from "./roster.ts";
import { packParts, readParts, takeFacts } from "./snapshot.ts";
import { tellPart } from "./telling.ts";
import { createTurns } from "./turns.ts";
import { type Watched, watchOver } from "./watched.ts";

export interface DetectionOptions {
  /** Distance of the frames it will be given. */
  readonly stepMs: DurationMs;
  /** False episodes a week, all series of the fleet together. Default 1. */
  readonly falseEpisodesPerWeek?: number;
  /** Event time between judging a point and learning it. Default 10 minutes. */
  readonly learnDelayMs?: DurationMs;
  /** A departure that is bad neither high nor low, and no incident, is the new normal after this. Default 30 minutes. */
  readonly acceptAfterMs?: DurationMs;
  /** One that went the way that harms, and no incident, after this. Default 24 hours. */
  readonly acceptHarmfulAfterMs?: DurationMs;
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
  /** Absent: every detector of the registry. */
  readonly watches?: readonly Watch[];
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
   * only learned, if that was still to come. Gives the episodes that opened, changed materially or ended at it, and each
   * that goes on every ten minutes.
   */
  step(frame: Frame): Promise<readonly Anomaly[]>;
  /** Somebody says that these open episodes are normal. Gives them: over, or going on until an entity as a whole is learned. */
  accept(which: (anomaly: Anomaly) => boolean): Promise<readonly Anomaly[]>;
  /**
   * Something was changed about the entity: a shift that begins within ten minutes is learned as normal a quarter of an
   * hour later, unless an exclusion covers it by then; and whoever falls silent around it is not missed.
   */
  changed(entity: EntityId, at: Instant): void;
  baseline(): Baseline;
  detectors(): readonly DetectorState[];
  /** What kind of series a signal of an entity is, and who judges it; undefined while nothing was seen of it. */
  profile(entity: EntityId, signal: SignalId): Profile | undefined;
  /** What runs the learned detector, or why none does. */
  learnedBackend(): string;
  snapshot(): Promise<Uint8Array>;
}

const signalIds = signals.map((signal) => signal.id);
const joint = ["joint"] as const;
const signalsLane = "signals";
const jointLane = "joint";
/** What has a row for every signal of an entity. */
const signalFeatures: ReadonlySet<Watch["feature"]> = new Set(["levels", "relative", "peers"]);
const weekMs = 604_800_000;
/** Points a detector wants before it speaks. */
const readyPoints = 40;

export async function createDetection(options: DetectionOptions, deps: DetectionDependencies): Promise<Detection> {
  const { telemetry, exclusions } = deps;
  const { stepMs, learnDelayMs = 600_000 } = options;
  const parts = options.snapshot === undefined ? undefined : readParts(options.snapshot, telemetry);
  const calibrator = createCalibrator(parts?.bytes.get("calibrator"));
  const { acceptAfterMs = 1_800_000, acceptHarmfulAfterMs = 86_400_000, falseEpisodesPerWeek = 1 } = options;
  const roster = createRoster(options.maxEntities ?? 4096, parts?.facts["roster"]);
  const knownMs = (entity: EntityId): DurationMs => roster.pointsLearned(entity) * stepMs;
  const decider = createDecider({ falseEpisodesPerWeek, stepMs, shadeMs: acceptHarmfulAfterMs, knownMs }, calibrator);
  const changes = createChangeBook(() => telemetry.count("homeostat.detect.dropped", 1, { reason: "old-change" }));
  const acceptance = createAcceptance({ acceptAfterMs, acceptHarmfulAfterMs }, changes);
  const features = createFeatures(changes);
  const profiles = createProfiles(stepMs, hintOf, parts?.bytes.get("profiles"));
  const persistSteps = Math.min(3, Math.max(2, Math.round(15_000 / stepMs)));
  const watched = (deps.watches ?? allWatches).map((watch) =>
    watchOver(watch, parts?.bytes.get(watch.kind.kind), { stepMs, persistSteps, weight: profiles.weight }, telemetry),
  );
  const ofSignals = watched.filter(({ watch }) => signalFeatures.has(watch.feature));
  const ofJoint = watched.filter(({ watch }) => watch.feature === "core");
  const ofEntities = watched.filter((one) => !ofSignals.includes(one) && !ofJoint.includes(one));
  // One decision a series: each signal of an entity, and what is told of it as a whole.
  const looksPerEntity = signals.length + ofEntities.length + 1;
  // Neighbouring scores say nearly the same: a minute of them counts as one.
  const weight = Math.min(1, stepMs / lookMs);
  const calibrate = (pool: string, held: number, share: number): void => calibrator.learn(pool, held, weight * share);
  const learning = createLearning(decider.shadow, calibrate, weight);
  const restores = { episodes: decider.restore, changes: changes.restore, accepted: learning.restore };
  takeFacts(parts, restores, telemetry);
  const learned = await startLearned(
    deps.modelsDirectory ?? fileURLToPath(new URL("../../models/", import.meta.url)),
    parts?.bytes.get("learned"),
    telemetry,
  );
  let present: readonly Entity[] = [];
  const before = parts?.facts["judgedTo"];
  let judgedTo = typeof before === "number" ? before : Number.NEGATIVE_INFINITY;
  let takenTo = Number.NEGATIVE_INFINITY;
  let judging = true;
  const inTurn = createTurns();

  return {
    step: (frame) => inTurn(() => step(frame)),
    accept: (which) =>
      inTurn(async () => {
        const wanted = [...decider.open()].filter(({ anomaly }) => which(anomaly));
        return wanted.map((episode) => acceptOne(episode, judgedTo)[0] ?? episode.anomaly);
      }),
    changed: changes.changed,
    baseline,
    detectors: () => watched.map(({ detector }) => detector.state()),
    profile(entity, signal) {
      const slot = roster.slotOf(entity);
      return slot === undefined ? undefined : profiles.read(slot * signals.length + signalIds.indexOf(signal));
    },
    learnedBackend: () => learned.backend(),
    snapshot: () => inTurn(snapshot),
    [Symbol.asyncDispose]: () => learned[Symbol.asyncDispose](),
  };

  async function step(whole: Frame): Promise<readonly Anomaly[]> {
    if (whole.at <= takenTo) {
      telemetry.count("homeostat.detect.dropped", whole.entities.length, { reason: "frame-out-of-order" });
      return [];
    }
    takenTo = whole.at;
    const { frame, slots, refused } = roster.admit(whole);
    if (refused > 0) telemetry.count("homeostat.detect.dropped", refused, { reason: "entity-limit" });
    const batches = features.of(frame, slots);
    const out: Anomaly[] = [];
    // After a restart the Head tells the last half hour again: what was learned or judged before is not judged twice.
    if (frame.at <= judgedTo - learnDelayMs) return out;
    judging = frame.at > judgedTo;
    if (judging) judgedTo = frame.at;
    decider.begin(frame.entities.length * looksPerEntity);
    const lessons = [
      ...judgeSignals(batches, frame, out),
      ...ofEntities.flatMap((one) => judgeEntities(one, batches, frame, out)),
    ];
    lessons.push(...(await judgeJointly(learned, batches, frame, out)));
    learning.add({ at: frame.at, entities: frame.entities, lessons });
    learning.drain(frame.at - learnDelayMs, exclusions.current(), (entity) => roster.learned(entity.id));
    for (const due of acceptance.due(decider.open(), frame.entities, exclusions.current(), frame.at)) {
      out.push(...acceptOne(due, frame.at));
    }
    decider.forget(frame.at - weekMs);
    present = frame.entities;
    if (out.length > 0) telemetry.count("homeostat.detect.anomalies", out.length);
    return out;
  }

  function judgeSignals(batches: FrameBatches, frame: Frame, out: Anomaly[]): readonly Lesson[] {
    if (judging) profiles.follow(batches.levels, (row) => loadOf(batches.levels, row));
    const votes = ofSignals.map((one) => one.vote(batches, frame.at, signalIds, judging));
    const { slots, values } = batches.levels;
    judge({ name: signalsLane, signals: signalIds, slots, values, votes }, frame, out);
    return lessonsOf(ofSignals, votes, batches, frame.at);
  }

  function judgeEntities(one: Watched, batches: FrameBatches, frame: Frame, out: Anomaly[]): readonly Lesson[] {
    const votes = [one.vote(batches, frame.at, joint, judging)];
    const { feature } = one.watch;
    const { slots, values } = batches[feature === "silence" || feature === "absence" ? feature : "stillness"];
    judge({ name: one.watch.kind.kind, signals: joint, slots, values, votes }, frame, out);
    return lessonsOf([one], votes, batches, frame.at);
  }

  /** All signals of an entity at once: by what was learned here and, where a model runs, by what was learned elsewhere. */
  async function judgeJointly(
    scorer: LearnedScorer,
    batches: FrameBatches,
    frame: Frame,
    out: Anomaly[],
  ): Promise<readonly Lesson[]> {
    const { core } = batches;
    const own = ofJoint.map((one) => one.vote(batches, frame.at, joint, judging));
    // Present even where nothing scores, for the votes of a lane are the same at every step.
    const model = voteOfModel(scorer.kind, await scorer.score(core), frame, persistSteps);
    const votes = [...own, model];
    const values = firstKnown(votes.map(({ scores }) => scores));
    judge({ name: jointLane, signals: joint, slots: core.slots, values, votes }, frame, out);
    const lessons = lessonsOf(ofJoint, own, batches, frame.at);
    const { held, pools } = model;
    const learn = () => scorer.learn(core);
    return [...lessons, { rowsPerEntity: 1, held, pools, quality: core.quality, qualityPerRow: core.width, learn }];
  }

  function judge(said: Omit<Lane, "entities">, { entities, at }: Frame, out: Anomaly[]): void {
    if (judging) decider.judge({ ...said, entities }, at, out);
  }

  function acceptOne(episode: OpenEpisode, at: Instant): readonly Anomaly[] {
    // What is told of an entity as a whole learns, and ends when it has.
    if (episode.lane !== signalsLane) {
      if (episode.lane === jointLane) for (const { detector } of ofJoint) detector.accept(episode.slot);
      decider.lift(episode);
      return [];
    }
    for (const { detector } of ofSignals) detector.accept(episode.slot);
    learning.discard(episode.anomaly.entity, at);
    return [decider.accept(episode, at)];
  }

  function baseline(): Baseline {
    const points = present.map(({ id }) => roster.pointsLearned(id));
    const least = points.length === 0 ? 0 : Math.min(...points);
    return { entities: present.length, learnedMs: least * stepMs, ready: present.length > 0 && least >= readyPoints };
  }

  async function snapshot(): Promise<Uint8Array> {
    const bytes = new Map(watched.map(({ watch, detector }) => [watch.kind.kind, detector.snapshot()]));
    bytes.set("profiles", profiles.snapshot());
    bytes.set("calibrator", calibrator.snapshot());
    const own = await learned.snapshot();
    if (own !== undefined) bytes.set("learned", own);
    const [episodes, accepted] = [decider.snapshot(), learning.snapshot()];
    const facts = { roster: roster.snapshot(), episodes, changes: changes.snapshot(), accepted };
    return packParts({ facts: { ...facts, ...(judgedTo > 0 ? { judgedTo } : {}) }, bytes });
  }
}

function lessonsOf(
  by: readonly Watched[],
  votes: readonly Vote[],
  batches: FrameBatches,
  at: Instant,
): readonly Lesson[] {
  return by.map((one, i) => one.lesson(batches, at, votes[i] as Vote));
}

function voteOfModel(
  detector: string,
  scored: Scored | undefined,
  { entities, at }: Frame,
  persistSteps: number,
): Vote {
  const rows = entities.length;
  return {
    detector,
    scores: scored?.scores ?? new Float64Array(rows).fill(Number.NaN),
    held: new Float64Array(rows).fill(Number.NaN),
    pools: poolsOf(detector, joint),
    persistSteps,
    weight: () => 1,
    sameUnit: true,
    explain(row) {
      const evidence = scored?.partsOf(row).map((part) => tellPart(entities[row] as Entity, part, at)) ?? [];
      return { expected: { low: 0, high: Number.NaN }, evidence };
    },
  };
}

/** Of each row the first number that is one. */
function firstKnown(all: readonly Float64Array[]): Float64Array {
  const [first = new Float64Array(0), ...others] = all;
  return first.map((own, row) =>
    Number.isNaN(own) ? (others.find((other) => !Number.isNaN(other[row]))?.[row] ?? own) : own,
  );
}
