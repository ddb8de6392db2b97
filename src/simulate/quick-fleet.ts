// Weeks of a deployment in strides of a minute: load, rollouts, restarts, scaling, holes in the telemetry; as frames have it.
import type { ChangeEvent } from "../model/change.ts";
import { type Entity, entityId } from "../model/entity.ts";
import { quality } from "../model/series.ts";
import { signals } from "../model/signal.ts";
import type { Demand } from "./demand.ts";
import type { Profile } from "./profiles.ts";
import { type Condition, createQuickEngine, healthy, type Minute, type QuickEngine } from "./quick-engine.ts";
import { createRandom } from "./random.ts";

/** Changes what a replica does at a minute, or (true) silences it. `last` is what the minute before came to. */
export type Interference = (replica: number, atMs: number, condition: Condition, last: Load) => boolean;

export interface Load {
  readonly running: number;
  readonly kvUsage: number;
}

export interface QuickDeployment {
  readonly profile: Profile;
  /** Replicas it may ever have. */
  readonly size: number;
  /** What a replica is called, with the version it runs now. */
  entity(replica: number): Entity;
  /**
   * The minute that ends at `atMs`. Writes a row of `signals` for each replica that is there, from `row` on, and its number
   * to `present`; returns how many. Minutes come in order.
   */
  advance(atMs: number, row: number, values: Float64Array, flags: Uint8Array, present: Int32Array): number;
  /** Change events since the last call. */
  changes(): readonly ChangeEvent[];
}

interface Member {
  readonly engine: QuickEngine;
  state: "serving" | "starting" | "absent";
  /** Minutes until it serves. */
  startsIn: number;
  /** Minutes since it serves. */
  age: number;
  /** Minutes of telemetry that will not arrive. */
  hole: number;
  /** Minutes since it last was heard of. */
  silent: number;
  /** Last gauges. */
  readonly gauges: Float64Array;
  versionStep: number;
  versionOutput: number;
  readonly load: { running: number; kvUsage: number };
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const width = signals.length;
/** Signals that keep their last value over a short hole, in the order of `signals`. */
const gaugeColumns = signals.flatMap(({ kind }, column) => (kind === "gauge" || kind === "ratio" ? [column] : []));
/** Minutes a gauge is believed without news, and an entity is listed. */
const gaugePatience = 3;
const entityPatience = 10;
const holesPerMinute = 4e-4;
const outagesPerWeek = 0.7;
/** Share of its batch a replica is filled to before another is started, and below which one is taken away. */
const scaleUpAt = 0.6;
const scaleDownAt = 0.25;

export function createQuickDeployment(
  profile: Profile,
  seed: number,
  demand: Demand,
  interfere: Interference = () => false,
): QuickDeployment {
  const random = createRandom(seed, `fleet/${profile.name}`);
  const members: Member[] = Array.from({ length: profile.replicasMax }, (_, index) => ({
    engine: createQuickEngine(profile, createRandom(seed + index, `engine/${profile.name}`)),
    state: index < profile.replicas ? "serving" : "absent",
    startsIn: 0,
    age: 1000,
    hole: 0,
    silent: 0,
    gauges: new Float64Array(gaugeColumns.length).fill(Number.NaN),
    versionStep: 1,
    versionOutput: 1,
    load: { running: 0, kvUsage: 0 },
  }));
  const deployment = entityId("deployment", profile.name);
  const entities = members.map((_, index) => entityOf(index, 0));
  const minute: Minute = {
    ttft: 0,
    itl: 0,
    running: 0,
    waiting: 0,
    kvUsage: 0,
    generatedPerSecond: 0,
    promptPerSecond: 0,
    preemptionsPerSecond: 0,
    finishedPerSecond: 0,
    firstTokens: 0,
  };
  let told: ChangeEvent[] = [];
  /** What the newest version makes different. */
  let versionStep = 1;
  let versionOutput = 1;
  let version = 0;
  let rolling = -1;
  let drift = 0;
  let longPrompts = 1;
  let outage = 0;
  let lastScaleAt = 0;

  return {
    profile,
    size: members.length,
    entity: (replica) => entities[replica]!,
    advance,
    changes() {
      const out = told;
      told = [];
      return out;
    },
  };

  function advance(atMs: number, row: number, values: Float64Array, flags: Uint8Array, present: Int32Array): number {
    operate(atMs);
    drift = 0.998 * drift + 0.004 * random.normal();
    if (random.uniform() < (profile.longPromptRunsPerDay * minuteMs) / dayMs) longPrompts = 1 + 0.8 * random.uniform();
    longPrompts += (1 - longPrompts) / 10;
    const serving = members.filter(({ state }) => state === "serving").length;
    const asked = demand(atMs);
    // The gateway limits tokens and slow versions, not only requests.
    const limit = profile.limitPerReplica / (1.1 * 1.15 * Math.exp(drift) * longPrompts);
    const perReplica = serving === 0 ? 0 : Math.min(asked / serving, limit);
    let rows = 0;
    for (const [index, member] of members.entries()) {
      if (!step(member, index, perReplica, atMs)) continue;
      const offset = (row + rows) * width;
      write(member, offset, values, flags);
      present[row + rows] = index;
      rows++;
    }
    if (profile.autoscaled) scale(atMs, serving);
    return rows;
  }

  /** Lets a replica serve its minute, or not. False when it is not listed any more. */
  function step(member: Member, index: number, rate: number, atMs: number): boolean {
    if (member.state === "starting" && --member.startsIn <= 0) {
      member.state = "serving";
      member.age = 0;
      member.engine.restart();
    }
    if (member.state !== "serving") {
      member.silent++;
      member.hole = 1;
      return member.silent <= entityPatience && member.silent < 1000;
    }
    const condition = healthy();
    condition.stepFactor = member.versionStep;
    condition.outputFactor = member.versionOutput;
    condition.promptFactor = Math.exp(drift) * longPrompts;
    // Compiled graphs and caches are cold at first.
    condition.firstTokenFactor = 1 + 2 * Math.exp(-member.age / 2);
    condition.stepFactor *= 1 + 0.3 * Math.exp(-member.age / 2);
    const silenced = interfere(index, atMs, condition, member.load);
    member.engine.advance(rate, condition, minute);
    member.load.running = minute.running;
    member.load.kvUsage = minute.kvUsage;
    member.age++;
    if (member.hole > 0) member.hole--;
    else if (random.uniform() < holesPerMinute) member.hole = Math.ceil(3 * random.uniform());
    const unheard = silenced || member.hole > 0 || outage > 0;
    if (silenced) member.hole = 1;
    member.silent = unheard ? member.silent + 1 : 0;
    return member.silent <= entityPatience;
  }

  function write(member: Member, offset: number, values: Float64Array, flags: Uint8Array): void {
    if (member.silent > 0) {
      for (let column = 0; column < width; column++) missing(values, flags, offset + column);
      if (member.silent > gaugePatience) return;
      for (const [i, column] of gaugeColumns.entries()) {
        if (Number.isNaN(member.gauges[i]!)) continue;
        values[offset + column] = member.gauges[i]!;
        flags[offset + column] = 0;
      }
      return;
    }
    const row = [
      minute.ttft,
      minute.itl,
      minute.running,
      minute.waiting,
      minute.kvUsage,
      minute.generatedPerSecond,
      minute.promptPerSecond,
      minute.preemptionsPerSecond,
      minute.finishedPerSecond,
    ];
    for (let column = 0; column < width; column++) {
      const value = row[column]!;
      if (Number.isNaN(value)) missing(values, flags, offset + column);
      else {
        values[offset + column] = value;
        flags[offset + column] = 0;
      }
    }
    if (minute.firstTokens < 10) flags[offset] = flags[offset]! | quality.THIN;
    if (member.age === 1) {
      for (let column = 5; column < width; column++) flags[offset + column] = flags[offset + column]! | quality.RESET;
    }
    for (const [i, column] of gaugeColumns.entries()) member.gauges[i] = values[offset + column]!;
  }

  /** Rollouts, single restarts and holes in the telemetry of all. */
  function operate(atMs: number): void {
    if (outage > 0) outage--;
    else if (random.uniform() < (outagesPerWeek * minuteMs) / (7 * dayMs)) outage = 1 + Math.ceil(6 * random.uniform());
    const hour = (atMs % dayMs) / 3_600_000;
    const office = hour > 8 && hour < 17 ? (24 / 9) * (minuteMs / (7 * dayMs)) : 0;
    if (rolling < 0 && random.uniform() < profile.deploysPerWeek * office) rollOut(atMs);
    else if (rolling >= 0) rollOn(atMs);
    else if (random.uniform() < (profile.restartsPerMonth * profile.replicas * minuteMs) / (30 * dayMs)) {
      const index = Math.floor(profile.replicas * random.uniform());
      if (members[index]!.state === "serving") restart(index, atMs, "restart");
    }
  }

  function rollOut(atMs: number): void {
    version++;
    rolling = 0;
    // One in four serves another model: faster or slower, wordier or terser.
    if (random.uniform() < 0.25) {
      versionStep = 0.9 + 0.2 * random.uniform();
      versionOutput = 0.87 + 0.28 * random.uniform();
    }
    tell("deploy", deployment, `version ${version} is rolled out`, atMs);
  }

  function rollOn(atMs: number): void {
    if (members.some(({ state }) => state === "starting")) return;
    while (rolling < members.length && members[rolling]!.state !== "serving") rolling++;
    if (rolling >= members.length) rolling = -1;
    else restart(rolling++, atMs, "deploy");
  }

  function restart(index: number, atMs: number, kind: "restart" | "deploy"): void {
    const member = members[index]!;
    member.state = "starting";
    member.startsIn = profile.coldStartMinutes;
    member.silent = 0;
    member.versionStep = versionStep;
    member.versionOutput = versionOutput;
    member.gauges.fill(Number.NaN);
    entities[index] = entityOf(index, version);
    tell("restart", entities[index]!.id, kind === "deploy" ? `restarted for version ${version}` : "restarted", atMs);
  }

  function scale(atMs: number, serving: number): void {
    if (members.some(({ state }) => state === "starting") || rolling >= 0) return;
    const max = profile.engine.max_num_seqs;
    let load = 0;
    for (const { state, gauges } of members) if (state === "serving") load += (gauges[0] || 0) / max / serving;
    const free = members.findIndex(({ state }) => state === "absent");
    if (load > scaleUpAt && free >= 0 && atMs - lastScaleAt > 3 * minuteMs) {
      restart(free, atMs, "restart");
      lastScaleAt = atMs;
      tell("scale", deployment, `scaled to ${serving + 1} replicas`, atMs);
    } else if (
      load < scaleDownAt &&
      serving > Math.max(2, profile.replicas / 2) &&
      atMs - lastScaleAt > 15 * minuteMs
    ) {
      const last = members.findLastIndex(({ state }) => state === "serving");
      members[last]!.state = "absent";
      lastScaleAt = atMs;
      tell("scale", deployment, `scaled to ${serving - 1} replicas`, atMs);
    }
  }

  function entityOf(index: number, runs: number): Entity {
    const name = `${profile.name}-${index}`;
    const labels = { engine: "vllm", model: profile.model, version: String(runs) };
    return { id: entityId("replica", name), kind: "replica", name, parent: deployment, labels };
  }

  function tell(kind: ChangeEvent["kind"], target: string, summary: string, at: number): void {
    told.push({ id: `${target}/${kind}/${at}`, at, kind, target, summary, by: "controller" });
  }
}

function missing(values: Float64Array, flags: Uint8Array, index: number): void {
  values[index] = Number.NaN;
  flags[index] = quality.MISSING;
}
