// One scenario on virtual time: telemetry goes in, what is told comes out of the feed, and is judged by what really happened.
import type { Diagnosis, Incident } from "../../model/incident.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import { createFeltMeter, type FeltMeter, type FeltMinutes } from "../../simulate/felt.ts";
import { createFleet } from "../../simulate/fleet.ts";
import type { Scenario } from "../../simulate/scenario.ts";
import type { ScenarioFile } from "../../simulate/scenario-file.ts";
import { createSimulation } from "../../simulate/simulation.ts";
import { type ActScore, actScore, isOverFor } from "./acting/act-score.ts";
import { type ActOrder, createRehearsal, type Rehearsal } from "./acting/rehearsal.ts";
import { createBaseline } from "./baseline.ts";
import { openMemorySubject } from "./memory/memory-subject.ts";
import { createProbing } from "./probing.ts";
import { openRealSubject } from "./real-subject.ts";
import { renewedOf, type Score, score, type Told, type Truth, toldOf } from "./score.ts";
import { createStudyBook, type Lesson } from "./study-book.ts";
import { placesOf } from "./truth.ts";

export interface Played {
  readonly score: Score;
  readonly baseline: Score;
  readonly cpuSeconds: number;
  /** Sentences of what was told, in order, for people who want to know why. */
  readonly story: readonly string[];
  /** Looks through the catalogue with their truth, in memory only. */
  readonly lessons: readonly Lesson[];
  /** What acting was worth, where it acted. */
  readonly acted?: ActScore;
}

export interface PlayOptions {
  readonly folder: string;
  readonly settings: object;
  readonly through: Through;
  /** The room acts on the fleet, in memory only; the run lasts longer then, until what can be repaired is. */
  readonly act?: ActOrder;
}

/** Virtual time zero of every scenario: the same whenever it is played. */
const startAt = Date.UTC(2026, 0, 14, 12);
/**
 * How often what there is goes in and is looked at. The real service is asked a third as often as it looks by default, which can
 * only make finding slower: looking is what costs there.
 */
const tickMs: Readonly<Record<Through, number>> = { service: 15_000, memory: 5_000 };
/** What is thought of an incident so long after the fault, or after it opened, is what counts: by then it is known or gone. */
const thinkingMs = 2 * 60_000;

/** From onset on: a first repair found wanting after the quarter of an hour that checks get, a pause, and as long for the next. */
const repairMs = 45 * 60_000;
/** A proposal that is held expires sooner. */
const decidedMs = 30 * 60_000;
const quietMinutes = 10;

/** Which service is played to. */
export type Through = "service" | "memory";

/** Rejects if the service does not start, or does not take what is sent: a run that lost telemetry says nothing. */
export async function play(
  { scenario, durationMs: writtenMs, truth: gold }: ScenarioFile,
  { folder, settings, through, act }: PlayOptions,
): Promise<Played> {
  const cpuBefore = process.cpuUsage();
  const studies = createStudyBook(startAt, gold.onset === null ? undefined : startAt + gold.onset);
  const meter = createFeltMeter();
  const simulation = createSimulation(scenario, { startAt, witness: meter.witness });
  const probing = createProbing(simulation);
  const rehearsal = act === undefined ? undefined : createRehearsal(simulation, gold, act);
  const onsetMs = gold.onset ?? writtenMs;
  const isLonger = rehearsal !== undefined && gold.mode !== "NONE";
  const durationMs = isLonger ? Math.max(writtenMs, onsetMs + repairMs) : writtenMs;
  await using subject =
    through === "memory"
      ? await openMemorySubject(startAt, settings, {
          probing,
          studied: studies.take,
          ...(rehearsal === undefined ? {} : { acting: (means) => rehearsal.open(means) }),
        })
      : await openRealSubject(startAt, { folder, settings, probing });
  const baseline = createBaseline(subject.head.source, silentTelemetry);
  let now = startAt;
  const heard = listen(subject.feed, () => now);

  const every = tickMs[through];
  for (let atMs = every; atMs <= durationMs; atMs += every) {
    const { recorded, changes } = simulation.advance(atMs);
    now = startAt + atMs;
    await subject.take(recorded, changes);
    await subject.step(now);
    await baseline.look(now);
    if (rehearsal === undefined) continue;
    meter.look(simulation.fleet);
    await rehearsal.answerAsked(now);
    if (atMs >= writtenMs && atMs % 60_000 === 0 && isSettled(rehearsal, meter, onsetMs, atMs)) break;
  }
  const fault = scenario.faults[0];
  const to = fault?.holdMs === undefined ? writtenMs : fault.atMs + fault.holdMs;
  const truth: Truth = {
    mode: gold.mode,
    from: startAt + (gold.onset ?? 0),
    to: startAt + Math.min(writtenMs, to),
    places: placesOf(gold.root.component, scenario, subject.head.entities()),
    path: gold.causal_path,
  };
  // Finding is judged in the time that the scenario gives, however long repairs are watched.
  const inTime = [...heard.incidents.values()].filter(({ at }) => at <= startAt + writtenMs);
  const told = inTime.flatMap(({ incident, at }): readonly Told[] => {
    const until = Math.max(truth.to, at) + thinkingMs;
    const opened = { ...toldOf(incident, heard.diagnoses, until), at };
    const renewed = renewedOf(incident, heard.diagnoses, truth.from, until);
    return gold.mode === "NONE" || renewed === undefined ? [opened] : [opened, renewed];
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    score: score(truth, told),
    baseline: score(truth, baseline.told()),
    cpuSeconds: (user + system) / 1e6,
    story: heard.story,
    lessons: studies.lessons(scenario.id, truth),
    ...(rehearsal === undefined ? {} : { acted: judgeActing() }),
  };

  function judgeActing(): ActScore {
    const felt = { acted: meter.minutes(onsetMs), left: leftAlone(scenario, durationMs, every, onsetMs) };
    const known = { isFault: gold.mode !== "NONE", onsetMs, remedies: rehearsal!.remedies() };
    return actScore(known, felt, rehearsal!.carried(), rehearsal!.entries());
  }
}

/** Nothing more will come of it: repaired and quiet for long, or nothing was done in all the time it takes to decide. */
function isSettled(rehearsal: Rehearsal, meter: FeltMeter, onsetMs: number, atMs: number): boolean {
  if (!rehearsal.isIdle()) return false;
  if (rehearsal.carried().length === 0) return atMs - onsetMs > decidedMs;
  return isOverFor(quietMinutes, meter.minutes(onsetMs), onsetMs);
}

/** What people feel of the same scenario if nobody does anything, by its own truth. */
function leftAlone(scenario: Scenario, durationMs: number, everyMs: number, onsetMs: number): FeltMinutes {
  const meter = createFeltMeter();
  const fleet = createFleet(scenario, meter.witness);
  for (let atMs = everyMs; atMs <= durationMs; atMs += everyMs) {
    fleet.advance(atMs);
    meter.look(fleet);
  }
  return meter.minutes(onsetMs);
}

/** What the service tells, by the time it tells it: between event time and that lie its own waiting and looking. */
function listen(
  feed: { follow(listener: (event: { type: string; text: string; data: object }) => void): () => void },
  now: () => Instant,
) {
  const incidents = new Map<string, { incident: Incident; at: Instant }>();
  const diagnoses: Diagnosis[] = [];
  const story: string[] = [];
  feed.follow(({ type, text, data }) => {
    if (type === "incident") {
      const incident = data as Incident;
      // Foreseen, not found: judged by itself.
      if (incident.origin !== "preventive" && !incidents.has(incident.id))
        incidents.set(incident.id, { incident, at: now() });
    }
    if (type === "diagnosed") diagnoses.push(data as Diagnosis);
    if (type !== "baseline-learned" && type !== "started") {
      story.push(`${String(Math.round((now() - startAt) / 1000)).padStart(5)} s  ${type.padEnd(10)} ${text}`);
    }
  });
  return { incidents, diagnoses, story };
}
