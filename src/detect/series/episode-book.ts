// Episodes of series: when one leaves what is normal for it, which belong together, and what of it is told. Spends the budget.
import type { Anomaly } from "../../model/anomaly.ts";
import { stableId } from "../../model/ids.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { createTrack, episodeOptions, type Track, tailMin, turn, worseFactor } from "../episodes.ts";
import { finalShape } from "../looks.ts";
import { marginMs, type Shadow, shadowOf } from "../shadows.ts";
import { createRecentValues, pushValue, shapeOf } from "../shape.ts";
import { type Band, persistSteps } from "./block.ts";
import type { SeriesProfile } from "./profile.ts";
import { tellSeries } from "./telling.ts";

export interface EpisodeBookOptions {
  readonly stepMs: DurationMs;
  /** An episode that no exclusion confirms is the new normal after this. */
  readonly acceptAfterMs: DurationMs;
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
  /** Slots with an episode around `at`, and how it stands. */
  shadows(at: Instant): ReadonlyMap<number, Shadow>;
  /** The slot belongs to another series from now on. */
  drop(slot: number): void;
  /** Lets go of episodes that ended before. */
  forget(before: Instant): void;
  /** Episodes not told since the last call, because their group had been told enough of. */
  takeFolded(): number;
  /** Plain JSON. */
  snapshot(): unknown;
  restore(saved: unknown): void;
}

interface Episode {
  readonly slot: number;
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

export function createEpisodeBook({ stepMs, acceptAfterMs }: EpisodeBookOptions): EpisodeBook {
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
    shadows(at) {
      const found = new Map<number, Shadow>();
      for (const { slot, anomaly } of [...ended, ...current.values()]) {
        const shadow = shadowOf(anomaly, at, acceptAfterMs);
        if (shadow === "inside" || (shadow === "brief" && found.get(slot) !== "inside")) found.set(slot, shadow);
      }
      return found;
    },
    drop(slot) {
      current.delete(slot);
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
      current: [...current.values()].map(plain),
      ended: ended.map(plain),
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
    current.set(slot, { slot, track, anomaly, told, toldTail: anomaly.tail });
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
      const shape = finalShape(episode.anomaly, track.lastHigh - track.onset);
      episode.anomaly = { ...episode.anomaly, shape, lastSeen: track.lastHigh, endedAt: at };
      current.delete(episode.slot);
      ended.push(episode);
      if (episode.told) out.push(episode.anomaly);
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

  function restore(saved: unknown): void {
    if (!isSaved(saved)) return;
    for (const one of saved.current) current.set(one.slot, revived(one));
    ended = saved.ended.map(revived);
    for (const [name, group] of saved.groups) groups.set(name, { ...group });
  }
}

interface PlainEpisode {
  readonly slot: number;
  readonly track: Readonly<Record<string, number | boolean | null>>;
  readonly anomaly: Anomaly;
  readonly told: boolean;
  readonly toldTail: number;
}

/** JSON has no NaN: a band without an end, and times that are not known, are null. */
function plain({ slot, track, anomaly, told, toldTail }: Episode): PlainEpisode {
  return { slot, track: { ...track }, anomaly, told, toldTail };
}

function revived({ slot, track, anomaly, told, toldTail }: PlainEpisode): Episode {
  const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);
  const fresh = createTrack();
  fresh.onset = number(track["onset"]);
  fresh.lastHigh = number(track["lastHigh"]);
  fresh.lastScored = number(track["lastScored"]);
  fresh.endedAt = number(track["endedAt"]);
  fresh.raisedSince = number(track["raisedSince"]);
  fresh.open = track["open"] === true;
  const expected = { low: number(anomaly.expected.low), high: number(anomaly.expected.high) };
  const observed = number(anomaly.observed);
  return { slot, track: fresh, anomaly: { ...anomaly, expected, observed }, told, toldTail };
}

function isSaved(
  value: unknown,
): value is { current: PlainEpisode[]; ended: PlainEpisode[]; groups: [string, Group][] } {
  if (typeof value !== "object" || value === null) return false;
  return ["current", "ended", "groups"].every(
    (name) => name in value && Array.isArray((value as Record<string, unknown>)[name]),
  );
}
