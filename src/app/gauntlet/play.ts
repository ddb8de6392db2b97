// One scenario through the real service on virtual time: OTLP goes in at the door, what is told comes out of the feed.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SteppedClock } from "../../model/clock.ts";
import type { Diagnosis, Incident } from "../../model/incident.ts";
import type { Instant } from "../../model/time.ts";
import { postChange } from "../../simulate/changes.ts";
import type { ScenarioFile } from "../../simulate/scenario-file.ts";
import { createShipper } from "../../simulate/ship.ts";
import { createSimulation } from "../../simulate/simulation.ts";
import { createSteppedClock } from "../clock/stepped.ts";
import { Config, type ConfigInput } from "../config-schema.ts";
import { version } from "../paths.ts";
import { startService } from "../service.ts";
import { createTelemetry } from "../telemetry.ts";
import { createBaseline } from "./baseline.ts";
import { renewedOf, type Score, score, type Told, type Truth, toldOf } from "./score.ts";
import { placesOf } from "./truth.ts";

export interface Played {
  readonly score: Score;
  readonly baseline: Score;
  readonly cpuSeconds: number;
  /** Sentences of what was told, in order, for people who want to know why. */
  readonly story: readonly string[];
}

/** Virtual time zero of every scenario: the same whenever it is played. */
const startAt = Date.UTC(2026, 0, 14, 12);
/** A third as often as the service looks by default, which can only make finding slower: looking is what costs here. */
const tickMs = 15_000;
/** What is thought of an incident so long after the fault, or after it opened, is what counts: by then it is known or gone. */
const thinkingMs = 2 * 60_000;

/** Rejects if the service does not start, or does not take what is sent: a run that lost telemetry says nothing. */
export async function play(
  { scenario, durationMs, truth: gold }: ScenarioFile,
  { folder, settings }: { readonly folder: string; readonly settings: object },
): Promise<Played> {
  const directory = mkdtempSync(join(folder, "scenario-"));
  const cpuBefore = process.cpuUsage();
  try {
    await using telemetry = createTelemetry({ level: "error", version });
    const clock = onlyTicks(createSteppedClock(startAt));
    const config = Config.parse({ ...gauntletConfig(directory), ...settings });
    await using service = await startService(config, { clock, telemetry });
    const simulation = createSimulation(scenario, { startAt });
    const shipper = createShipper({ endpoint: service.otlpUrl, telemetry, attemptsMax: 3 });
    const baseline = createBaseline(service.head.source, telemetry);
    const heard = listen(service.feed, clock.now);
    const stopping = new AbortController();

    for (let atMs = tickMs; atMs <= durationMs; atMs += tickMs) {
      const { recorded, changes } = simulation.advance(atMs);
      await shipper.ship(recorded);
      for (const change of changes) {
        await postChange(`${service.apiUrl}/api/v1/changes`, change, telemetry, stopping.signal);
      }
      await service.store.flushed();
      await clock.step(startAt + atMs);
      await baseline.look(startAt + atMs);
    }
    await shipper.stop();
    const fault = scenario.faults[0];
    const to = fault?.holdMs === undefined ? durationMs : fault.atMs + fault.holdMs;
    const truth: Truth = {
      mode: gold.mode,
      from: startAt + (gold.onset ?? 0),
      to: startAt + Math.min(durationMs, to),
      places: placesOf(gold.root.component, scenario, service.head.entities()),
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
    };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Rollups, budgets and saved state are not what is judged, and every virtual minute of them is a real second. */
function onlyTicks(clock: SteppedClock): SteppedClock {
  return {
    ...clock,
    every: (cron, name, run) =>
      name === "tick" ? clock.every(cron, name, run) : { name, stop: () => Promise.resolve() },
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

/** As it ships, but for its doors, and without the parts that ask for more than a scenario's half hour. */
function gauntletConfig(directory: string): ConfigInput {
  return {
    dataDirectory: directory,
    // What is played is long past: it must not expire while it is judged.
    store: { retentionDays: { traces: "forever", logs: "forever", metrics: "forever", own: "forever" } },
    receive: { httpPort: 0, grpcPort: -1, anyTime: true },
    show: { port: 0 },
    observe: { tick: "*/15 * * * * *" },
    detect: { learned: false },
  };
}
