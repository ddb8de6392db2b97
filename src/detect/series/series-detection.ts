// Detection over every series in memory: a step in, anomalies out. Judges at once, learns ten minutes behind, never an outage.
import type { Anomaly } from "../../model/anomaly.ts";
import type { EntityId } from "../../model/entity.ts";
import type { Exclusions } from "../../model/ports/exclusions.ts";
import type { SeriesSteps } from "../../model/ports/series-steps.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { createCalibrator } from "../calibrator.ts";
import { createChangeBook } from "../change-book.ts";
import { type Parts, packParts, takeFacts, unpackParts } from "../snapshot.ts";
import { createTurns } from "../turns.ts";
import type { Band } from "./block.ts";
import { createEpisodeBook, type Look } from "./episode-book.ts";
import { createSeriesLimits, type PoolLimits } from "./limits.ts";
import { startThread, type Thread } from "./lines.ts";
import { pools } from "./profile.ts";
import { createProfiles } from "./profiles.ts";
import { packSteps, restoreSteps } from "./ring-snapshot.ts";
import type { Share, StepScores } from "./shard.ts";
import { createShards } from "./shards.ts";
import { binOf, createStepRing, noBin, type RingStep } from "./step-ring.ts";

export interface SeriesDetectionOptions {
  /** Distance of the steps it will be asked for. */
  readonly stepMs: DurationMs;
  /** False episode groups a week, all series together. */
  readonly falseEpisodesPerWeek: number;
  /** Threads; 0 = the caller's. */
  readonly threads: number;
  /** Event time between judging a point and learning it. Default 10 minutes. */
  readonly learnDelayMs?: DurationMs;
  /** An episode that no exclusion confirms is the new normal after this. Default 30 minutes. */
  readonly acceptAfterMs?: DurationMs;
  /** What an earlier run's `snapshot()` gave. One that does not fit is left alone, with a warning. */
  readonly snapshot?: Uint8Array;
}

export interface SeriesDetectionDependencies {
  readonly steps: SeriesSteps;
  readonly exclusions: Exclusions;
  readonly telemetry: Telemetry;
  /** What was saved last of `snapshot()`: where a thread that died goes on. Absent: it starts anew. */
  readonly saved?: () => Promise<Uint8Array | undefined>;
  readonly start?: (share: Share) => Thread;
}

export interface SeriesDetection extends AsyncDisposable {
  /** Judges every series at the step. One judged before, by the run this was restored from, is not judged again. */
  step(at: Instant): Promise<readonly Anomaly[]>;
  /** Somebody says that these open episodes are normal: they end, and their series are learned anew from the onset on. */
  accept(which: (anomaly: Anomaly) => boolean): Promise<readonly Anomaly[]>;
  /** Something was changed about the entity: a shift that begins soon after is learned as normal sooner. */
  changed(entity: EntityId, at: Instant): void;
  /** Series it has a place for, and those of them that could not be judged at the last step. */
  state(): { readonly series: number; readonly unknown: number };
  /** Undefined while part of the state is out of reach. */
  snapshot(): Promise<Uint8Array | undefined>;
}

/** Steps kept to be learned: with more in ten minutes only some are learned, evenly. */
const ringMax = 60;
const recentValues = 15;

export async function createSeriesDetection(
  options: SeriesDetectionOptions,
  deps: SeriesDetectionDependencies,
): Promise<SeriesDetection> {
  const { steps, telemetry, exclusions } = deps;
  const { stepMs, learnDelayMs = 600_000, acceptAfterMs = 1_800_000 } = options;
  const learnEvery = Math.max(1, Math.ceil(learnDelayMs / stepMs / ringMax));
  const parts = options.snapshot === undefined ? undefined : fitting(options.snapshot, stepMs);
  if (options.snapshot !== undefined && parts === undefined) {
    telemetry.count("homeostat.detect.dropped", 1, { reason: "snapshot-unreadable" });
    telemetry.log.warn("the snapshot of the series cannot be read, or is of another step: their baselines start anew");
  }
  const calibrator = createCalibrator(parts?.bytes.get("calibrator"));
  const limits = createSeriesLimits({ stepMs, falseEpisodesPerWeek: options.falseEpisodesPerWeek }, calibrator);
  const changes = createChangeBook(() => telemetry.count("homeostat.detect.dropped", 1, { reason: "old-change" }));
  const episodes = createEpisodeBook({ stepMs, acceptAfterMs, changes });
  const profiles = createProfiles();
  const shards = createShards({
    threads: options.threads,
    start: deps.start ?? startThread,
    saved: lastSaved,
    telemetry,
  });
  const ring = createStepRing(shards.share, shards.drop);
  let scores: StepScores = { now: new Float32Array(0), held: new Float32Array(0) };
  let judgedTo = numberIn(parts?.facts["judgedTo"]) ?? Number.NEGATIVE_INFINITY;
  let stepsJudged = numberIn(parts?.facts["stepsJudged"]) ?? 0;
  let unknown = 0;
  if (parts !== undefined) restore(parts);

  // A snapshot in the middle of a step would hold some of what the step does.
  const inTurn = createTurns();

  return {
    step: (at) => inTurn(() => step(at)),
    accept: (which) => inTurn(async () => accept(which)),
    changed: changes.changed,
    state: () => ({ series: profiles.count(), unknown }),
    snapshot: () => inTurn(snapshot),
    [Symbol.asyncDispose]: () => shards[Symbol.asyncDispose](),
  };

  async function step(at: Instant): Promise<readonly Anomaly[]> {
    const gone = takeChanges(at);
    if (at <= judgedTo) return gone;
    judgedTo = at;
    const slots = steps.slots();
    const current = ring.begin(at, slots);
    makeRoom(current.bins.length);
    steps.measure(at, current.entry);
    unknown = await shards.score(current.entry, slots, at);
    const out = [...gone, ...(await decide(current))];
    stepsJudged++;
    if (stepsJudged % learnEvery !== 0) ring.dropNewest();
    learn(at - learnDelayMs);
    report(out);
    return out.sort((a, b) => (a.entity === b.entity ? (a.id < b.id ? -1 : 1) : a.entity < b.entity ? -1 : 1));
  }

  /** Gives the episodes of series that are gone for good. */
  function takeChanges(at: Instant): readonly Anomaly[] {
    const forgotten: number[] = [];
    const gone: Anomaly[] = [];
    steps.changes(
      (slot, facts) => profiles.give(slot, facts),
      (slot) => {
        profiles.free(slot, at);
        episodes.drop(slot, at, gone);
        forgotten.push(slot);
      },
    );
    if (forgotten.length > 0) shards.forget(forgotten);
    return gone;
  }

  function accept(which: (anomaly: Anomaly) => boolean): readonly Anomaly[] {
    const accepted = episodes.accept(which, judgedTo);
    for (const { slot, anomaly } of accepted) profiles.renew(slot, anomaly.onset);
    if (accepted.length > 0) shards.forget(accepted.map(({ slot }) => slot));
    return accepted.map(({ anomaly }) => anomaly);
  }

  function makeRoom(length: number): void {
    if (scores.now.length >= length) return;
    scores = {
      now: new Float32Array(new SharedArrayBuffer(4 * length)),
      held: new Float32Array(new SharedArrayBuffer(4 * length)),
    };
    shards.scores(scores);
  }

  /** Notes each held score for the calibrator, and moves the episodes of those that are odd, or were. */
  async function decide(current: RingStep): Promise<Anomaly[]> {
    const { held } = scores;
    const { bins, slots } = current;
    const of = limits.now(profiles.count());
    const odd: number[] = [];
    for (let slot = 0; slot < slots; slot++) {
      const score = held[slot] as number;
      bins[slot] = binOf(score);
      // NaN is below no threshold.
      if (score >= (of.openScore[profiles.limitOf(slot)] as number) && !episodes.open(slot)) odd.push(slot);
    }
    const out: Anomaly[] = [];
    for (const slot of episodes.openSlots()) follow(slot, current, of, out);
    // The worst first: they are the ones that are told of.
    odd.sort((a, b) => (held[b] as number) - (held[a] as number) || profiles.order(a, b));
    const bands = odd.length === 0 ? [] : await shards.bands(odd);
    // What only says how much is asked for joins groups; it begins none.
    for (const joining of [false, true])
      for (const [i, slot] of odd.entries())
        if (profiles.at(slot)?.load === joining) follow(slot, current, of, out, bands[i]);
    return out;
  }

  function follow(slot: number, current: RingStep, of: PoolLimits, out: Anomaly[], band?: Band): void {
    const profile = profiles.at(slot);
    if (profile === undefined) {
      episodes.unseen(slot, current.at, out);
      return;
    }
    const pool = pools[profile.pool] as string;
    const look: Look = {
      slot,
      profile,
      value: current.entry.values[slot] as number,
      score: scores.now[slot] as number,
      tails: {
        held: calibrator.tail(pool, scores.held[slot] as number),
        now: calibrator.tail(pool, scores.now[slot] as number),
      },
      limits: of.tails[profiles.limitOf(slot)] as Look["limits"],
      recent: () => recentOf(slot),
    };
    episodes.turn(look, band ?? { low: Number.NaN, high: Number.NaN }, current.at, out);
  }

  function recentOf(slot: number): readonly number[] {
    return ring.steps
      .slice(-recentValues - 1, -1)
      .filter((one) => slot < one.slots)
      .map((one) => one.entry.values[slot] as number)
      .filter(Number.isFinite);
  }

  function learn(until: Instant): void {
    for (let oldest = ring.steps[0]; oldest !== undefined && oldest.at <= until; oldest = ring.steps[0]) {
      const { at, slots, bins } = oldest;
      const { hidden, silent } = profiles.hidden(at, slots, exclusions.current(), episodes.shadows(at));
      for (const slot of silent) bins[slot] = noBin;
      limits.calibrate(bins, slots, profiles.poolOf);
      shards.learn(oldest.entry, slots, hidden);
      ring.release();
      profiles.forget(at);
      episodes.forget(at);
    }
  }

  function report(out: readonly Anomaly[]): void {
    telemetry.gauge("homeostat.detect.series", profiles.count());
    telemetry.gauge("homeostat.detect.series_unknown", unknown);
    if (unknown > 0) telemetry.count("homeostat.detect.dropped", unknown, { reason: "series-unknown" });
    const folded = episodes.takeFolded();
    if (folded > 0) telemetry.count("homeostat.detect.folded", folded);
    if (out.length > 0) telemetry.count("homeostat.detect.anomalies", out.length);
  }

  async function snapshot(): Promise<Uint8Array | undefined> {
    const blocks = await shards.snapshot();
    if (blocks === undefined) return undefined;
    const bytes = new Map<string, Uint8Array>([["calibrator", calibrator.snapshot()]]);
    for (const [number, block] of blocks) bytes.set(`block ${number}`, block);
    const waiting = packSteps(ring.steps, bytes);
    const finite = Number.isFinite(judgedTo) ? judgedTo : undefined;
    const facts = {
      judgedTo: finite,
      stepsJudged,
      stepMs,
      keys: profiles.keys(steps.slots()),
      born: profiles.born(),
      episodes: episodes.snapshot(),
      changes: changes.snapshot(),
      waiting,
    };
    return packParts({ facts, bytes });
  }

  function restore(saved: Parts): void {
    const keys = keysOf(saved);
    steps.reserve(keys);
    profiles.restore(keys, saved.facts["born"]);
    takeFacts(saved, { episodes: episodes.restore, changes: changes.restore }, telemetry);
    shards.restore(blocksOf(saved.bytes));
    restoreSteps(ring, saved.facts["waiting"], saved.bytes);
  }

  async function lastSaved() {
    const bytes = await deps.saved?.().catch(() => undefined);
    const saved = bytes === undefined ? undefined : unpackParts(bytes);
    if (saved === undefined) return { blocks: new Map<number, Uint8Array>(), stale: [] };
    return { blocks: blocksOf(saved.bytes), stale: profiles.otherThan(keysOf(saved)) };
  }
}

function fitting(snapshot: Uint8Array, stepMs: DurationMs): Parts | undefined {
  const parts = unpackParts(snapshot);
  return parts?.facts["stepMs"] === stepMs && Array.isArray(parts.facts["keys"]) ? parts : undefined;
}

function keysOf({ facts: { keys } }: Parts): readonly string[] {
  return Array.isArray(keys) ? keys.map(String) : [];
}

function blocksOf(bytes: ReadonlyMap<string, Uint8Array>): ReadonlyMap<number, Uint8Array> {
  const blocks = new Map<number, Uint8Array>();
  for (const [name, block] of bytes) if (name.startsWith("block ")) blocks.set(Number(name.slice(6)), block);
  return blocks;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
