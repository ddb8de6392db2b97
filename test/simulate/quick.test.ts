// The quick engine against the detailed one at the same load: means and spreads within stated bounds, and the same again for a seed.
import { describe, expect, test } from "vitest";
import { simulate } from "../../src/app/simulated-frames.ts";
import { quality } from "../../src/model/series.ts";
import { type SignalId, signals } from "../../src/model/signal.ts";
import { createDemand } from "../../src/simulate/demand.ts";
import { type Profile, profileOf } from "../../src/simulate/profiles.ts";
import { createQuickDeployment, type Interference } from "../../src/simulate/quick-fleet.ts";
import { conversation, healthyScenario } from "../../src/simulate/scenario.ts";

const minuteMs = 60_000;
const width = signals.length;

interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

function spreadsOf(rows: readonly (readonly number[])[]): Record<SignalId, Spread> {
  const of = (column: number): Spread => {
    const values = rows.map((row) => row[column]!).filter((value) => !Number.isNaN(value));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
  };
  return Object.fromEntries(signals.map(({ id }, column) => [id, of(column)])) as Record<SignalId, Spread>;
}

/** Nothing but load: no changes, no holes of note. */
function steady(ratePerReplica: number): Profile {
  const { engine, model, gpu } = healthyScenario(1);
  const still = { deploysPerWeek: 0, restartsPerMonth: 0, longPromptRunsPerDay: 0, autoscaled: false };
  const { cv, prompt, output } = conversation;
  const rate = { ratePerSecond: 4 * ratePerReplica, limitPerReplica: 100, cv, prompt, output };
  return { ...profileOf(1, 0), ...still, ...rate, engine, model, gpu, replicas: 4, replicasMax: 4 };
}

function run(profile: Profile, minutes: number, seed: number, interfere?: Interference): number[][] {
  const demand = profile.limitPerReplica === 100 ? () => profile.ratePerSecond : createDemand(profile, seed);
  const deployment = createQuickDeployment(profile, seed, demand, interfere);
  const values = new Float64Array(deployment.size * width);
  const flags = new Uint8Array(deployment.size * width);
  const present = new Int32Array(deployment.size);
  const rows: number[][] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const count = deployment.advance(minute * minuteMs, 0, values, flags, present);
    for (let row = 0; row < count; row++) rows.push([...values.subarray(row * width, (row + 1) * width)]);
  }
  return rows;
}

describe("the quick engine beside the detailed one", () => {
  // Little load, a good deal, and close to full: 8.6 requests a second are all that such a replica serves.
  test.each([[3], [5], [7]])("at %i requests per second and replica", async (rate) => {
    const scenario = healthyScenario(7, { workload: { ...conversation, ratePerReplica: rate, diurnal: 0 } });
    const rows: number[][] = [];
    let frames = 0;
    await simulate(scenario, 30 * minuteMs, minuteMs, (frame) => {
      if (frames++ < 5) return;
      for (let row = 0; row < frame.entities.length; row++)
        rows.push([...frame.values.subarray(row * width, (row + 1) * width)]);
    });
    const detailed = spreadsOf(rows);
    const quick = spreadsOf(run(steady(rate), 400, 3).slice(80));
    const ratio = (id: SignalId): number => quick[id].mean / detailed[id].mean;
    for (const id of ["running", "kv_usage", "generated_tokens", "prompt_tokens", "finished"] as const) {
      expect(ratio(id), `mean of ${id}`).toBeGreaterThan(0.88);
      expect(ratio(id), `mean of ${id}`).toBeLessThan(1.14);
    }
    for (const id of ["ttft", "itl"] as const) {
      expect(ratio(id), `mean of ${id}`).toBeGreaterThan(0.75);
      expect(ratio(id), `mean of ${id}`).toBeLessThan(1.35);
    }
    expect(Math.abs(quick.waiting.mean - detailed.waiting.mean)).toBeLessThan(0.2);
    for (const id of ["running", "kv_usage", "generated_tokens", "prompt_tokens", "finished", "waiting"] as const) {
      const spread = quick[id].deviation / detailed[id].deviation;
      expect(spread, `spread of ${id}`).toBeGreaterThan(0.55);
      expect(spread, `spread of ${id}`).toBeLessThan(1.8);
    }
  });
});

describe("quick deployments", () => {
  test("the same seed gives the same weeks, another seed others", () => {
    const profile = profileOf(5, 3);
    expect(run(profile, 500, 11)).toEqual(run(profile, 500, 11));
    expect(run(profile, 500, 11)).not.toEqual(run(profile, 500, 12));
    expect(profileOf(5, 3)).toEqual(profile);
    expect(profileOf(6, 3)).not.toEqual(profile);
  });

  test("counts are whole, shares within 0 and 1, rates not negative, whatever the profile", () => {
    const sound = ([ttft, itl, running, waiting, kv, ...rates]: readonly number[]): boolean => {
      const whole = [running, waiting].every((count) => Number.isNaN(count) || (Number.isInteger(count) && count! >= 0));
      const positive = [ttft, itl, ...rates].every((value) => Number.isNaN(value) || value! >= 0);
      return whole && positive && (Number.isNaN(kv) || (kv! >= 0 && kv! <= 1));
    };
    for (let number = 0; number < 24; number++)
      expect(run(profileOf(2, number), 200, number).filter((row) => !sound(row))).toEqual([]);
  });

  test("a rollout restarts every replica in turn, says so, and leaves holes", () => {
    const profile = { ...profileOf(1, 0), deploysPerWeek: 10, autoscaled: false, replicas: 3, replicasMax: 3 };
    const deployment = createQuickDeployment(profile, 4, createDemand(profile, 4));
    const values = new Float64Array(3 * width);
    const flags = new Uint8Array(3 * width);
    const present = new Int32Array(3);
    const changes = [];
    let silent = 0;
    for (let minute = 1; minute <= 3 * 1440; minute++) {
      deployment.advance(minute * minuteMs, 0, values, flags, present);
      changes.push(...deployment.changes());
      for (let row = 0; row < 3; row++) if ((flags[row * width + 5]! & quality.MISSING) !== 0) silent++;
    }
    const deploys = changes.filter(({ kind }) => kind === "deploy");
    expect(deploys.length).toBeGreaterThan(0);
    expect(new Set(changes.filter(({ kind }) => kind === "restart").map(({ target }) => target)).size).toBe(3);
    expect(silent).toBeGreaterThanOrEqual(3 * profile.coldStartMinutes * (deploys.length - 1));
  });

  test("slower steps raise latency and what is in service; silence takes the replica out of its frame in the end", () => {
    const profile = steady(4);
    const of = (replica: number, from: number): number[][] =>
      run(profile, 120, 3, (which, _at, condition) => {
        if (which === 1) condition.stepFactor = 3;
        return which === 2;
      })
        .slice(from)
        .filter((_, i) => i % 3 === replica);
    // The silent one is listed for ten minutes: four rows each; then there are three.
    const calm = spreadsOf(of(0, 100));
    const slow = spreadsOf(of(1, 100));
    expect(slow.itl.mean).toBeGreaterThan(1.5 * calm.itl.mean);
    expect(slow.running.mean).toBeGreaterThan(2 * calm.running.mean);
  });
});
