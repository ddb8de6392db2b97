// Spends the budget of false episodes: turns calibrated scores into anomalies that open, change and end.
import { z } from "zod";
import type { Anomaly } from "../model/anomaly.ts";
import type { DetectorView } from "../model/detector.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import { stableId } from "../model/ids.ts";
import type { SignalId } from "../model/signal.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Calibrator } from "./calibrator.ts";
import {
  createHolds,
  createTrack,
  episodeOptions,
  heldScore,
  openTailOf,
  raisedSince,
  retellMs,
  type Track,
  type Turn,
  tailMin,
  turn,
  worseFactor,
} from "./episodes.ts";
import { createVerdict, type Lane, type Vote } from "./lane.ts";
import { evidenceOf, finalShape, looksOf } from "./looks.ts";
import { anomalyShape, slotShape } from "./plain-anomaly.ts";
import { createShadows, type Shadow } from "./shadows.ts";
import { createRecentValues, pushValue, type RecentValues } from "./shape.ts";

export interface DeciderOptions {
  /** False episodes a week the whole fleet may have. */
  readonly falseEpisodesPerWeek: number;
  readonly stepMs: DurationMs;
  /** Longest time an episode keeps points from being learned. */
  readonly shadeMs: DurationMs;
  /** Event time learned of an entity. */
  readonly knownMs: (entity: EntityId) => DurationMs;
}

export interface Decider {
  /** Tells how many series will be judged at this step: the budget is shared between them. */
  begin(looks: number): void;
  /** Judges every row; what that changes is added to `out`. Writes the held scores of every vote. */
  judge(lane: Lane, at: Instant, out: Anomaly[]): void;
  /** Episodes that are open, as last told. */
  open(): Iterable<OpenEpisode>;
  /** Ends an episode, because what it was about is normal now: its points may be learned. Gives it as it ended. */
  accept(episode: OpenEpisode, at: Instant): Anomaly;
  /** Lets the points of an episode be learned, which goes on. */
  lift(episode: OpenEpisode): void;
  /** Whether an entity's points at `at` lie inside an episode of its own. */
  shadow(entity: EntityId, at: Instant): Shadow;
  /** Lets go of series not judged since `before`. */
  forget(before: Instant): void;
  /** Episodes as plain JSON, to go on after a restart. */
  snapshot(): unknown;
  /** False for what is no snapshot: nothing is taken of it. */
  restore(saved: unknown): boolean;
}

export interface OpenEpisode {
  readonly lane: string;
  readonly slot: number;
  readonly anomaly: Anomaly;
  /** Its points are learned although it goes on. */
  readonly lifted: boolean;
}

/** One row, as the telling needs it. */
interface Row {
  readonly lane: Lane;
  readonly index: number;
  /** The vote that decided. */
  readonly vote: Vote;
  readonly entity: Entity;
  readonly signal: SignalId | "joint";
  readonly value: number;
}

interface Series {
  readonly track: Track;
  /** A hold for every vote. */
  readonly holds: Float64Array;
  readonly recent: RecentValues;
  anomaly: Anomaly | undefined;
  /** Tail when it was last told. */
  toldTail: number;
  toldAt: Instant;
  judgedAt: Instant;
}

const lookBackMs = 43_200_000;
const savedShape = z.array(
  z.object({ lane: z.string(), slot: slotShape, anomaly: anomalyShape, lifted: z.boolean().optional() }),
);

export function createDecider(options: DeciderOptions, calibrator: Calibrator): Decider {
  const byLane = new Map<string, (Series | undefined)[]>();
  const shadows = createShadows(options.shadeMs);
  const limits = { openTail: 0, calmTail: 0 };
  const verdict = createVerdict();

  return {
    begin(looks) {
      limits.openTail = openTailOf(options.falseEpisodesPerWeek, looks);
      limits.calmTail = Math.sqrt(limits.openTail);
    },
    judge(lane, at, out) {
      const all = seriesBy(lane.name);
      for (let row = 0; row < lane.slots.length; row++) {
        judgeRow(lane, row, seriesAt(all, lane.slots[row] as number, lane.votes.length), at, out);
      }
    },
    open,
    accept({ lane, slot, anomaly }, at) {
      const ended: Anomaly = { ...anomaly, endedAt: at };
      const series = byLane.get(lane)?.[slot];
      if (series !== undefined) {
        // Not merged with what comes after: that is judged by the new level.
        Object.assign(series.track, { open: false, endedAt: Number.NaN, raisedSince: Number.NaN });
        series.holds.fill(Number.NaN);
        series.anomaly = undefined;
      }
      shadows.lift(anomaly.entity, anomaly.id);
      return ended;
    },
    lift: ({ anomaly }) => shadows.lift(anomaly.entity, anomaly.id),
    shadow: shadows.at,
    forget(before) {
      for (const all of byLane.values()) {
        for (let slot = 0; slot < all.length; slot++)
          if ((all[slot]?.judgedAt ?? before) < before) all[slot] = undefined;
      }
      shadows.forget(before);
    },
    snapshot: () => [...open()],
    restore,
  };

  function* open(): Iterable<OpenEpisode> {
    for (const [lane, all] of byLane) {
      for (const [slot, series] of all.entries()) {
        if (series?.track.open && series.anomaly !== undefined) {
          const { anomaly } = series;
          yield { lane, slot, anomaly, lifted: shadows.isLifted(anomaly.id) };
        }
      }
    }
  }

  function judgeRow(lane: Lane, index: number, series: Series, at: Instant, out: Anomaly[]): void {
    const { track, holds } = series;
    const column = index % lane.signals.length;
    const value = lane.values[index] as number;
    series.judgedAt = at;
    verdict.reset();
    let told = false;
    for (let i = 0; i < lane.votes.length; i++) {
      const vote = lane.votes[i] as Vote;
      const score = vote.scores[index] as number;
      const held = heldScore(holds, i, vote.persistSteps, score, at);
      vote.held[index] = held;
      if (Number.isNaN(score)) continue;
      told = true;
      const weight = vote.weight(index);
      if (weight === 0) continue;
      const pool = vote.pools[column] as string;
      verdict.add(i, weight, calibrator.tail(pool, held), calibrator.tail(pool, score));
    }
    if (told) {
      pushValue(series.recent, value);
      track.lastScored = at;
    }
    const tails = verdict.tails();
    track.raisedSince = tails.lead < 0 ? Number.NaN : raisedSince(holds, tails.lead);
    const turned = turn(track, tails, limits, at, episodeOptions);
    if (turned === "none" && !track.open) return;
    const vote = lane.votes[Math.max(0, tails.lead)] as Vote;
    const entity = lane.entities[Math.floor(index / lane.signals.length)] as Entity;
    const row: Row = { lane, index, vote, entity, signal: lane.signals[column] ?? "joint", value };
    tell(series, row, tails.held, turned, at, out);
  }

  function seriesBy(lane: string): (Series | undefined)[] {
    let all = byLane.get(lane);
    if (all === undefined) {
      all = [];
      byLane.set(lane, all);
    }
    return all;
  }

  function seriesAt(all: (Series | undefined)[], slot: number, votes: number): Series {
    let series = all[slot];
    // One that came back from a snapshot does not know yet how many there are.
    if (series === undefined || series.holds.length === 0) {
      const holds = createHolds(votes);
      series = series === undefined ? newSeries(holds) : { ...series, holds };
      all[slot] = series;
    }
    return series;
  }

  function tell(series: Series, row: Row, held: number, turned: Turn, at: Instant, out: Anomaly[]): void {
    const { track } = series;
    const { lane, vote, entity, signal } = row;
    if (turned === "ended") {
      if (series.anomaly === undefined) return;
      const shape = finalShape(series.anomaly, track.lastHigh - track.onset);
      series.anomaly = { ...series.anomaly, shape, lastSeen: track.lastHigh, endedAt: at };
      shadows.put(entity.id, series.anomaly);
      out.push(series.anomaly);
      return;
    }
    const tail = Math.max(tailMin, Math.min(held, turned === "none" ? (series.anomaly?.tail ?? 1) : 1));
    const worse = tail < series.toldTail * worseFactor;
    if (turned === "none" && !worse) {
      if (series.anomaly === undefined) return;
      if (track.lastHigh === at) series.anomaly = { ...series.anomaly, lastSeen: at };
      if (at - series.toldAt < retellMs) return;
      series.toldAt = at;
      out.push(series.anomaly);
      return;
    }
    const view = viewOf(row);
    if (turned === "opened") track.onset = onsetOf(track, series.anomaly?.endedAt, view, at);
    Object.assign(series, { toldTail: tail, toldAt: at });
    const told: Anomaly = {
      id: stableId(lane.name, entity.id, signal, track.onset),
      entity: entity.id,
      signal,
      onset: track.onset,
      lastSeen: at,
      tail,
      knownMs: options.knownMs(entity.id),
      ...looksOf(series.recent, row, view),
      observed: row.value,
      expected: view.expected,
      detector: vote.detector,
      evidence: evidenceOf(row, view, at, track.onset, options.stepMs),
    };
    series.anomaly = told;
    shadows.put(entity.id, told);
    out.push(told);
  }

  function restore(saved: unknown): boolean {
    const read = savedShape.safeParse(saved);
    if (!read.success) return false;
    for (const entry of read.data) {
      const series = newSeries(createHolds(0));
      seriesBy(entry.lane)[entry.slot] = series;
      series.anomaly = entry.anomaly;
      Object.assign(series, { toldTail: entry.anomaly.tail, toldAt: entry.anomaly.lastSeen });
      // Of an entity that never comes back it is let go of in time, too.
      series.judgedAt = entry.anomaly.lastSeen;
      Object.assign(series.track, {
        open: true,
        onset: entry.anomaly.onset,
        lastHigh: entry.anomaly.lastSeen,
        lastScored: entry.anomaly.lastSeen,
      });
      if (entry.lifted) shadows.lift(entry.anomaly.entity, entry.anomaly.id);
      else shadows.put(entry.anomaly.entity, entry.anomaly);
    }
    return true;
  }
}

function newSeries(holds: Float64Array): Series {
  return {
    track: createTrack(),
    holds,
    recent: createRecentValues(),
    anomaly: undefined,
    toldTail: 1,
    toldAt: Number.NaN,
    judgedAt: Number.NaN,
  };
}

/**
 * What the deciding detector thinks, in the lane's unit. A value outside the first one's band is about its level, whatever
 * else is odd of it.
 */
function viewOf({ lane, vote, index, value }: Row): DetectorView {
  const own = vote.explain(index);
  const first = (lane.votes[0] as Vote).explain(index);
  const { low, high } = first.expected;
  const levelless = own.shape === "variance" || own.shape === "pattern";
  if (levelless && (value < low || value > high)) return first;
  return vote.sameUnit ? own : { ...own, expected: first.expected };
}

/** When it began: where a detector looks back, what it found, but not within an episode before, nor half a day ago. */
function onsetOf(track: Track, endedAt: Instant | undefined, { since }: DetectorView, at: Instant): Instant {
  if (since === undefined || !(since < track.onset)) return track.onset;
  return Math.max(since, endedAt ?? 0, at - lookBackMs);
}
