// Requests and series of a simulated fleet of which some replicas run another version, as a store would give them.
import { type CompareDeps, cannot, compare } from "../../src/compare/compare.ts";
import { passes } from "../../src/compare/side.ts";
import type { Comparison } from "../../src/model/comparison.ts";
import type { SideQuery, StoredRequest } from "../../src/model/ports/request-history.ts";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { SeriesView } from "../../src/model/series.ts";
import { createFleet } from "../../src/simulate/fleet.ts";
import { healthyScenario, Scenario } from "../../src/simulate/scenario.ts";

export interface Trial {
  readonly seed: number;
  /** How much slower a step of version B is; 1 = the same. */
  readonly factor: number;
  /** `beside`: half of the replicas run B all the time. `after`: all replicas are upgraded half way. */
  readonly design: "beside" | "after";
  readonly minutes: number;
  readonly replicas?: number;
}

const startAt = 1_800_000_000_000;
const scrapeMs = 15_000;
const versionB = "0.11.0";
/** What follows an upgrade directly is no steady state, and no part of the comparison beside. */
const settleMs = 120_000;

/** Plays the trial and compares the versions. Throws if the comparison refuses. */
export async function tryVersions(trial: Trial): Promise<Comparison> {
  const { minutes, design, factor, replicas = 4 } = trial;
  const endMs = minutes * 60_000;
  const base = healthyScenario(trial.seed, { replicas });
  const { deployment } = base;
  const targets =
    design === "after" ? [`deployment:${deployment}`] : Array.from({ length: replicas / 2 }, (_, i) => `replica:${i}`);
  const atMs = design === "after" ? endMs / 2 : 1000;
  const faults = targets.map((target) => ({
    ...{ kind: "canary_regress", target, atMs, rampMs: 0, params: { version: versionB, factor } },
  }));
  const scenario = Scenario.parse({ ...base, faults });
  const requests: StoredRequest[] = [];
  const fleet = createFleet(scenario, {
    finished(replica, request) {
      const { dispatchedAt, firstTokenAt, finishedAt } = request;
      requests.push({
        isB: replica.spec.version === versionB,
        at: startAt + dispatchedAt,
        seconds: (finishedAt - dispatchedAt) / 1000,
        ttftSeconds: (firstTokenAt - dispatchedAt) / 1000,
        decodeSeconds: (finishedAt - firstTokenAt) / 1000,
        inputTokens: request.promptTokens,
        outputTokens: request.generatedTokens,
        ...{ byEngine: true, replica: replica.name, model: "m", node: replica.host, version: replica.spec.version },
      });
    },
  });
  const source = record(fleet, endMs);
  const range = { from: startAt + (design === "beside" ? settleMs : 0), to: startAt + endMs };
  const inRange = requests.filter(({ at }) => at >= range.from);
  const deps: CompareDeps = {
    requests: {
      requests: async () => ({ requests: inRange, totalA: 0, totalB: 0, ofBoth: 0 }),
    },
    series: source,
    probes: { select: () => [] },
    entities: () => [],
    changes: { add: async () => {}, within: async () => [] },
    telemetry: silentTelemetry,
  };
  const answer = await compare({ a: `version=${scenario.version}`, b: `version=${versionB}`, range }, deps);
  if (cannot(answer)) throw new Error(answer.mistakes.map(({ detail }) => detail).join("; "));
  return answer;
}

/** Lets the fleet run, and notes what a scraper would. */
function record(fleet: ReturnType<typeof createFleet>, endMs: number): (side?: SideQuery) => SeriesSource {
  const points = new Map<string, { labels: Record<string, string>; times: number[]; values: number[] }>();
  const note = (metric: string, replica: string, version: string, at: number, value: number): void => {
    const key = `${metric} ${replica} ${version}`;
    const entry = points.get(key) ?? {
      labels: { __name__: metric, entity: `replica:${replica}`, "service.version": version },
      ...{ times: [], values: [] },
    };
    points.set(key, entry);
    entry.times.push(startAt + at);
    entry.values.push(value);
  };
  const before = new Map<string, number>();
  for (let at = scrapeMs; at <= endMs; at += scrapeMs) {
    fleet.advance(at);
    for (const { name, version, state, stats, holds, epoch } of fleet.observe().replicas) {
      const key = `${name} ${epoch}`;
      if (state !== "serving") continue;
      note("llm:requests_running", name, version, at, holds);
      const last = before.get(key);
      before.set(key, stats.generationTokens);
      if (last !== undefined)
        note("llm:generated_tokens:rate", name, version, at, ((stats.generationTokens - last) / scrapeMs) * 1000);
    }
  }
  return (side) => ({
    select(matchers) {
      return [...points.values()]
        .filter(({ labels }) => matchers.every(({ name, value }) => labels[name] === value))
        .filter(({ labels }) => side === undefined || passes(side.tests, labels, {}))
        .map(
          ({ labels, times, values }): SeriesView => ({
            ...{ labels, length: times.length, times: Float64Array.from(times), values: Float64Array.from(values) },
          }),
        );
    },
  });
}
