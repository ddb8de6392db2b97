// What a played scenario is worth: whether its fault was found, when, named right, placed right, and what was cried for nothing.
import type { EntityId } from "../../model/entity.ts";
import type { Diagnosis, Incident } from "../../model/incident.ts";
import type { Instant } from "../../model/time.ts";

/** What really happened, in the service's own time and names. */
export interface Truth {
  /** Code of the catalogue, or `NONE`. */
  readonly mode: string;
  readonly from: Instant;
  /** When the fault was over, or the end of the run. */
  readonly to: Instant;
  /** Any of these is the right place; empty: the scenario names none. */
  readonly places: readonly EntityId[];
  readonly path: readonly string[];
}

/** Something that was told: an incident of ours with what was thought of it, or the first alarm of a plain rule. */
export interface Told {
  readonly at: Instant;
  /** Likeliest first: codes of the catalogue. */
  readonly codes: readonly string[];
  readonly place?: EntityId;
  readonly path: readonly string[];
}

export interface Score {
  readonly isFault: boolean;
  readonly detected: boolean;
  /** Milliseconds from the fault's onset; undefined if it was not found. */
  readonly ttdMs?: number;
  readonly top1: boolean;
  readonly top3: boolean;
  /** Undefined where the scenario names no place, or no path. */
  readonly location?: boolean;
  readonly path?: boolean;
  /** Told although nothing was wrong (yet). */
  readonly falseIncidents: number;
  /** What was thought in the end, for the table. */
  readonly said: string;
}

/** An onset is known to the step only, and detection may see a fault in the very step. */
const earlyMs = 20_000;
/** The consequences of a fault outlive it, and so does finding them. */
const lateMs = 5 * 60_000;

/**
 * The first thing told while the fault was there is its detection; the right name, place and path are those of whichever was told
 * first among the incidents of that time, as it was last thought of. In a run without fault all that is told is false.
 */
export function score(truth: Truth, told: readonly Told[]): Score {
  const isFault = truth.mode !== "NONE";
  const inTime = told
    .filter(({ at }) => isFault && at >= truth.from - earlyMs && at <= truth.to + lateMs)
    .sort((a, b) => a.at - b.at);
  const first = inTime[0];
  const falseIncidents = told.length - inTime.length;
  const said = first === undefined ? "" : `${first.codes[0] ?? "unknown"} at ${first.place ?? "?"}`;
  if (first === undefined) {
    const missed = {
      ...(truth.places.length === 0 ? {} : { location: false }),
      ...(truth.path.length < 2 ? {} : { path: false }),
    };
    return { isFault, detected: false, top1: false, top3: false, ...(isFault ? missed : {}), falseIncidents, said };
  }
  const rank = first.codes.findIndex((code) => baseCode(code) === baseCode(truth.mode));
  return {
    isFault,
    detected: true,
    ttdMs: Math.max(0, first.at - truth.from),
    top1: rank === 0,
    top3: rank >= 0 && rank < 3,
    ...(truth.places.length === 0 ? {} : { location: first.place !== undefined && truth.places.includes(first.place) }),
    ...(truth.path.length < 2 ? {} : { path: follows(first.path, truth.path) }),
    falseIncidents,
    said,
  };
}

/** An incident of the service, with the last thing that was thought of it before `until`. */
export function toldOf(incident: Incident, diagnoses: readonly Diagnosis[], until: Instant): Told {
  const last = diagnoses
    .filter((one) => one.incident === incident.id && one.at <= until)
    .sort((a, b) => b.at - a.at)[0];
  const top = last?.causes[0];
  return {
    at: incident.openedAt,
    codes: last?.causes.map(({ code }) => code) ?? [],
    ...(top === undefined ? {} : { place: top.everywhere ?? top.location }),
    path: last?.path?.map(({ id }) => id) ?? [],
  };
}

/**
 * An incident that was open before `onset` and is thought of anew after it: people are told of another cause then, so that counts as
 * told at that time, beside the opening that came too early. Undefined if nothing new was said.
 */
export function renewedOf(
  incident: Incident,
  diagnoses: readonly Diagnosis[],
  onset: Instant,
  until: Instant,
): Told | undefined {
  if (incident.openedAt >= onset) return undefined;
  const own = diagnoses.filter((one) => one.incident === incident.id).sort((a, b) => a.at - b.at);
  const before = own.findLast(({ at }) => at < onset)?.causes[0];
  const news = own.find(({ at, causes }) => at >= onset && causes[0]?.failureMode !== before?.failureMode);
  return news === undefined ? undefined : { ...toldOf(incident, diagnoses, until), at: news.at };
}

/** `FM-05b` is a form of `FM-05`. */
export function baseCode(code: string): string {
  return code.replace(/[a-z]$/, "");
}

/**
 * Whether a path names the chain of the truth: at least half of its steps are there, in its order, the first or second among them.
 * Steps in between that the truth leaves out do no harm.
 */
export function follows(path: readonly string[], truth: readonly string[]): boolean {
  const common = longestCommon(path, truth);
  return common.length * 2 >= truth.length && truth.slice(0, 2).some((step) => common.includes(step));
}

function longestCommon(a: readonly string[], b: readonly string[]): readonly string[] {
  const best: (readonly string[])[][] = Array.from({ length: a.length + 1 }, () => Array(b.length + 1).fill([]));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const skip = best[i + 1]![j]!.length >= best[i]![j + 1]!.length ? best[i + 1]![j]! : best[i]![j + 1]!;
      best[i]![j] = a[i] === b[j] ? [a[i]!, ...best[i + 1]![j + 1]!] : skip;
    }
  }
  return best[0]![0]!;
}
