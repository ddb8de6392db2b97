// One scenario on virtual time: telemetry goes in, what is told comes out of the feed, and is judged by what really happened.
import type { Diagnosis, Incident } from "../../model/incident.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import type { ScenarioFile } from "../../simulate/scenario-file.ts";
import { createSimulation } from "../../simulate/simulation.ts";
import { createBaseline } from "./baseline.ts";
import { openMemorySubject } from "./memory/memory-subject.ts";
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

/** Which service is played to. */
export type Through = "service" | "memory";

/** Rejects if the service does not start, or does not take what is sent: a run that lost telemetry says nothing. */
export async function play(
  { scenario, durationMs, truth: gold }: ScenarioFile,
  { folder, settings, through }: { readonly folder: string; readonly settings: object; readonly through: Through },
): Promise<Played> {
  const cpuBefore = process.cpuUsage();
  const studies = createStudyBook(startAt, gold.onset === null ? undefined : startAt + gold.onset);
  await using subject =
    through === "memory"
      ? await openMemorySubject(settings, studies.take)
      : await openRealSubject(startAt, { folder, settings });
  const simulation = createSimulation(scenario, { startAt });
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
  }
  const fault = scenario.faults[0];
  const to = fault?.holdMs === undefined ? durationMs : fault.atMs + fault.holdMs;
  const truth: Truth = {
    mode: gold.mode,
    from: startAt + (gold.onset ?? 0),
    to: startAt + Math.min(durationMs, to),
    places: placesOf(gold.root.component, scenario, subject.head.entities()),
    path: gold.causal_path,
  };
  const told = [...heard.incidents.values()].flatMap(({ incident, at }): readonly Told[] => {
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
  };
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
      if (!incidents.has(incident.id)) incidents.set(incident.id, { incident, at: now() });
    }
    if (type === "diagnosed") diagnoses.push(data as Diagnosis);
    if (type !== "baseline-learned" && type !== "started") {
      story.push(`${String(Math.round((now() - startAt) / 1000)).padStart(5)} s  ${type.padEnd(10)} ${text}`);
    }
  });
  return { incidents, diagnoses, story };
}
