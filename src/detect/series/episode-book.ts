// Episodes of series: when one leaves what is normal for it, which belong together, and what of it is told. Spends the budget.
import { z } from "zod";
import type { Anomaly } from "../../model/anomaly.ts";
import type { EntityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { type ChangeBook, confirmedAfterMs } from "../change-book.ts";
import { createTrack, episodeOptions, type Track, tailMin, turn, worseFactor } from "../episodes.ts";
import { finalShape } from "../looks.ts";
import { anomalyShape, numberOrNaN, slotShape } from "../plain-anomaly.ts";
import { marginMs, type Shadow, shadowOf } from "../shadows.ts";
import { createRecentValues, pushValue, shapeOf } from "../shape.ts";
import { type Band, persistSteps } from "./block.ts";
import type { SeriesProfile } from "./profile.ts";
import { tellSeries } from "./telling.ts";

export interface EpisodeBookOptions {
  readonly stepMs: DurationMs;
  /** An episode that no exclusion confirms is the new normal after this. */
  readonly acceptAfterMs: DurationMs;
  /** What explains an episode makes it the new normal sooner. */
  readonly changes: ChangeBook;
}

/** What a series says at a step. */
export interface Look {
  readonly slot: number;
  readonly profile: SeriesProfile;
  readonly value: number;
  readonly score: number;
  readonly tails: { readonly held: number; readonly now: number };
  readonly limits: { readonly openTail: number; readonly calmTail: number };
  /** The last values before this one, oldest first; asked for when there is something to tell. */
  recent(): readonly number[];
}

export interface EpisodeBook {
  open(slot: number): boolean;
  openSlots(): Iterable<number>;
  /** Moves a series' episode on; `band` is asked of one that is not open yet. What changes is added to `out`. */
  turn(look: Look, band: Band, at: Instant, out: Anomaly[]): void;
  /** The slot's series has not come back: its episode ends as those of silent series do. */
  unseen(slot: number, at: Instant, out: Anomaly[]): void;
  /** Ends those of the open episodes that are normal, as somebody says; nothing of them is kept from being learned. */
  accept(which: (anomaly: Anomaly) => boolean, at: Instant): readonly AcceptedEpisode[];
  /** Slots with an episode around `at`, and how it stands. */
  shadows(at: Instant): ReadonlyMap<number, Shadow>;
  /** The slot belongs to another series from now on: what was open of the last one is over, and told. */
  drop(slot: number, at: Instant, out: Anomaly[]): void;
  /** Lets go of episodes that ended before. */
  forget(before: Instant): void;
  /** Episodes not told since the last call, because their group had been told enough of. */
  takeFolded(): number;
  /** Plain JSON, where NaN is null. */
  snapshot(): unknown;
  /** False for what is no snapshot: nothing is taken of it. */
  restore(saved: unknown): boolean;
}

export interface AcceptedEpisode {
  readonly slot: number;
  /** As it ended. */
  readonly anomaly: Anomaly;
}

interface Episode {
  readonly slot: number;
  /** What its entity belongs to. */
  readonly parent: EntityId | undefined;
  readonly track: Track;
  anomaly: Anomaly;
  told: boolean;
  toldTail: number;
}

interface Group {
  readonly id: string;
  lastAt: Instant;
  told: number;
}

const detector = "series";
/** Episodes a group tells of; the rest are counted. */
const toldPerGroup = 8;
/** What begins within this of a group's last episode belongs to it. */
const groupMs = 600_000;
const episodesMax = 20_000;

export function createEpisodeBook({ stepMs, acceptAfterMs, changes }: EpisodeBookOptions): EpisodeBook {
  const current = new Map<number, Episode>();
  let ended: Episode[] = [];
  const groups = new Map<string, Group>();
  let folded = 0;

  return {
    open: (slot) => current.has(slot),
    openSlots: () => [...current.keys()],
    turn: (look, band, at, out) => {
      const known = current.get(look.slot);
      if (known === undefined) begin(look, band, at, out);
      else follow(known, look, at, out);
    },
    unseen(slot, at, out) {
      const episode = current.get(slot);
      if (episode === undefined) return;
      if (turn(episode.track, unknownTails, noLimits, at, episodeOptions) === "ended") finish(episode, at, out);
    },
    accept(which, at) {
      const accepted = [...current.values()].filter(({ anomaly }) => which(anomaly));
      return accepted.map(({ slot, anomaly }) => {
        current.delete(slot);
        ended = ended.filter((episode) => episode.slot !== slot);
        return { slot, anomaly: { ...anomaly, endedAt: at } };
      });
    },
    shadows(at) {
      const found = new Map<number, Shadow>();
      for (const { slot, parent, anomaly } of [...ended, ...current.values()]) {
        const explained = changes.explains(anomaly.onset, [anomaly.entity, parent]);
        const waitMs = explained ? Math.min(acceptAfterMs, confirmedAfterMs) : acceptAfterMs;
        const shadow = shadowOf(anomaly, at, waitMs);
        if (shadow === "inside" || (shadow === "brief" && found.get(slot) !== "inside")) found.set(slot, shadow);
      }
      return found;
    },
    drop(slot, at, out) {
      const episode = current.get(slot);
      if (episode !== undefined) finish(episode, at, out);
      ended = ended.filter((episode) => episode.slot !== slot);
    },
    forget(before) {
      ended = ended.filter(({ anomaly }) => (anomaly.endedAt ?? before) + marginMs >= before);
      for (const [name, group] of groups) if (group.lastAt + groupMs < before) groups.delete(name);
    },
    takeFolded() {
      const count = folded;
      folded = 0;
      return count;
    },
    snapshot: () => ({
      current: [...current.values()],
      ended,
      groups: [...groups],
    }),
    restore,
  };

  /** Whether the group has an episode that is open or has just ended. */
  function groupIsOpen(group: string, at: Instant): boolean {
    return at - (groups.get(group)?.lastAt ?? Number.NEGATIVE_INFINITY) <= groupMs;
  }

  function begin(look: Look, band: Band, at: Instant, out: Anomaly[]): void {
    const { profile, value, tails, limits, slot } = look;
    if (profile.load && !groupIsOpen(profile.group, at)) return;
    const rising = !(value < band.low || value < (band.low + band.high) / 2);
    const { harm } = profile.facts;
    if ((harm === "rise" && !rising) || (harm === "fall" && rising)) return;
    if (current.size >= episodesMax) {
      folded++;
      return;
    }
    const track = trackOf(slot, at);
    track.lastScored = at;
    if (turn(track, tails, limits, at, episodeOptions) === "none") return;
    const group = groupOf(profile.group, at);
    const { facts } = profile;
    const labels = facts.labels();
    const recent = createRecentValues();
    for (const one of [...look.recent(), value]) pushValue(recent, one);
    const anomaly: Anomaly = {
      id: stableId(detector, facts.key, track.onset),
      entity: facts.entity,
      signal: "series",
      series: labels,
      group: group.id,
      onset: track.onset,
      lastSeen: at,
      tail: Math.max(tailMin, tails.held),
      direction: rising ? "up" : "down",
      shape: shapeOf(recent, value, rising),
      observed: value,
      expected: band,
      detector,
      evidence: [tellSeries(facts, labels, value, band, at)],
    };
    const told = group.told < toldPerGroup;
    if (told) {
      group.told++;
      out.push(anomaly);
    } else folded++;
    current.set(slot, { slot, parent: facts.parent, track, anomaly, told, toldTail: anomaly.tail });
  }

  /** A track that begins with this step, or that of an episode of the slot that ended so shortly before that it is the same. */
  function trackOf(slot: number, at: Instant): Track {
    const before = ended.find(
      (episode) => episode.slot === slot && at - episode.track.endedAt <= episodeOptions.mergeMs,
    );
    if (before !== undefined) {
      ended = ended.filter((episode) => episode !== before);
      return before.track;
    }
    const track = createTrack();
    track.raisedSince = at - (persistSteps - 1) * stepMs;
    return track;
  }

  function follow(episode: Episode, { tails, limits, score, value, profile }: Look, at: Instant, out: Anomaly[]): void {
    const { track } = episode;
    if (!Number.isNaN(score)) track.lastScored = at;
    const turned = turn(track, tails, limits, at, episodeOptions);
    if (turned === "ended") {
      finish(episode, at, out);
      return;
    }
    groupOf(profile.group, track.lastHigh);
    const tail = Math.max(tailMin, Math.min(tails.held, episode.anomaly.tail));
    if (track.lastHigh === at) episode.anomaly = { ...episode.anomaly, lastSeen: at };
    if (tail >= episode.toldTail * worseFactor) return;
    const { entity } = episode.anomaly;
    const evidence = [tellSeries(profile.facts, episode.anomaly.series ?? {}, value, episode.anomaly.expected, at)];
    episode.anomaly = { ...episode.anomaly, entity, tail, observed: value, evidence };
    episode.toldTail = tail;
    if (episode.told) out.push(episode.anomaly);
  }

  function finish(episode: Episode, at: Instant, out: Anomaly[]): void {
    const { track } = episode;
    const shape = finalShape(episode.anomaly, track.lastHigh - track.onset);
    episode.anomaly = { ...episode.anomaly, shape, lastSeen: track.lastHigh, endedAt: at };
    current.delete(episode.slot);
    ended.push(episode);
    if (episode.told) out.push(episode.anomaly);
  }

  function groupOf(name: string, at: Instant): Group {
    const known = groups.get(name);
    if (known !== undefined && at - known.lastAt <= groupMs) {
      known.lastAt = Math.max(known.lastAt, at);
      return known;
    }
    const group = { id: stableId("group", name, at), lastAt: at, told: 0 };
    groups.set(name, group);
    return group;
  }

  function restore(saved: unknown): boolean {
    const read = savedShape.safeParse(saved);
    if (!read.success) return false;
    for (const one of read.data.current) current.set(one.slot, one);
    ended = read.data.ended;
    for (const [name, group] of read.data.groups) groups.set(name, group);
    return true;
  }
}

const unknownTails = { held: 1, now: 1 };
const noLimits = { openTail: 0, calmTail: 0 };

const episodeShape = z
  .object({
    slot: slotShape,
    parent: z.string().optional(),
    track: z.object({
      raisedSince: numberOrNaN,
      onset: numberOrNaN,
      lastHigh: numberOrNaN,
      lastScored: numberOrNaN,
      endedAt: numberOrNaN,
      open: z.boolean(),
    }),
    anomaly: anomalyShape,
    told: z.boolean(),
    toldTail: z.number(),
  })
  .transform((read): Episode => ({ ...read, parent: read.parent }));

const savedShape = z.object({
  current: z.array(episodeShape),
  ended: z.array(episodeShape),
  groups: z.array(z.tuple([z.string(), z.object({ id: z.string(), lastAt: z.number(), told: z.number() })])),
});
