// The probes of a service: which is due where, one at a time for each replica, within the budget; results become series.
import type { Random } from "../math/random.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { SeriesSink } from "../model/ports/series-sink.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { type BudgetOptions, type BudgetStatus, createTokenBudget } from "./budget.ts";
import { type CanaryTest, createCanaryTest, runPair, type Verdict } from "./canary.ts";
import { type Manifest, runManifest } from "./checksums.ts";
import { type AskEngine, exchange } from "./exchange.ts";
import type { ReadFacts } from "./health.ts";
import { type KindDeps, runProbe } from "./kinds.ts";
import { createLanes } from "./lanes.ts";
import { createAsker } from "./question.ts";
import type { ProbeResult } from "./result.ts";
import { type Sensitivity, sensitivityOf } from "./sensitivity.ts";
import { createProbeSeries, type ProbeSeries, resourceOf } from "./series.ts";
import type { ProbeSpec } from "./spec.ts";
import { type ProbeTarget, targetEntity } from "./target.ts";

export interface ProbesOptions {
  readonly probes: readonly ProbeSpec[];
  readonly targets: readonly ProbeTarget[];
  readonly manifests: readonly Manifest[];
  readonly budget: BudgetOptions;
}

export interface ProbesDeps {
  readonly sink: SeriesSink;
  readonly entities: () => readonly Entity[];
  /** Event time that samples made now are of; unset = now. Samples ahead of telemetry would make telemetry late. */
  readonly eventTime?: (now: Instant) => Instant;
  readonly readFacts: ReadFacts;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Is told every result as soon as there is one. */
  readonly tell: (result: ProbeResult) => void;
  /** How engines are asked; unset = over HTTP. */
  readonly exchange?: AskEngine;
}

export interface ProbesStatus {
  readonly budget: BudgetStatus;
  readonly probes: readonly ({ readonly id: string; readonly says: string } & Sensitivity)[];
  readonly canaries: readonly ({ readonly probe: string; readonly target: string } & Verdict)[];
  /** The newest result of every probe, case and target. */
  readonly results: readonly ProbeResult[];
}

export interface Probes extends AsyncDisposable {
  /** Starts what is due and waits for nothing; puts the series as they stand. `servedPerSecond`: tokens of all targets, if known. */
  step(now: Instant, servedPerSecond: number | undefined): void;
  /** Everything once, or what is to be run after a repair of `entity`. Resolves to the results. */
  run(now: Instant, repaired?: EntityId): Promise<readonly ProbeResult[]>;
  status(): ProbesStatus;
}

/** Something that is run at its interval. */
interface Plan {
  readonly key: string;
  readonly probe: string;
  readonly entities: readonly EntityId[];
  readonly lanes: readonly string[];
  readonly everyMs: number;
  readonly afterRepair: boolean;
  run(now: Instant): Promise<readonly ProbeResult[]>;
  dueAt: Instant | undefined;
  running: boolean;
}

/** A level older than so many intervals says nothing any more. */
const freshIntervals = 2.5;
/** The label `probe` of what is read from files. */
const checksum = "checksum";
/** First runs are spread over so much. */
const phaseMaxMs = 60_000;

export function createProbes(options: ProbesOptions, deps: ProbesDeps): Probes {
  const { telemetry } = deps;
  const stopping = new AbortController();
  const budget = createTokenBudget(options.budget);
  const kind: KindDeps = { ...deps, asker: createAsker(budget, stopping.signal, deps.exchange ?? exchange) };
  const lanes = createLanes();
  const series = new Map<string, { readonly target: ProbeTarget; readonly series: ProbeSeries }>();
  const tests = new Map<string, CanaryTest>();
  const newest = new Map<string, ProbeResult>();
  const unplaced = new Set<string>();
  const plans = [...options.probes.flatMap(plansOf), ...options.manifests.map(planOf)];

  return { step, run, status, [Symbol.asyncDispose]: stop };

  function step(now: Instant, servedPerSecond: number | undefined): void {
    budget.pass(now, servedPerSecond);
    for (const plan of plans) {
      plan.dueAt ??= now + phaseOf(plan.key) * Math.min(plan.everyMs, phaseMaxMs);
      if (now < plan.dueAt) continue;
      plan.dueAt += Math.ceil((now - plan.dueAt + 1) / plan.everyMs) * plan.everyMs;
      start(plan, now).catch((error: unknown) => {
        telemetry.count("homeostat.probe.failures", 1, { part: "run" });
        telemetry.log.error("a probe could not be run", { probe: plan.probe, error: String(error) });
      });
    }
    put(now);
    const { left, spent, served } = budget.status();
    telemetry.gauge("homeostat.probe.tokens_left", left);
    telemetry.gauge("homeostat.probe.tokens_spent", spent);
    telemetry.gauge("homeostat.probe.tokens_served", served);
  }

  async function run(now: Instant, repaired?: EntityId): Promise<readonly ProbeResult[]> {
    const wanted = plans.filter(
      ({ afterRepair, entities }) => repaired === undefined || (afterRepair && entities.includes(repaired)),
    );
    return (await Promise.all(wanted.map((plan) => start(plan, now)))).flat();
  }

  async function start(plan: Plan, now: Instant): Promise<readonly ProbeResult[]> {
    if (plan.running) {
      telemetry.count("homeostat.probe.skipped", 1, { probe: plan.probe, reason: "still-running" });
      return [];
    }
    plan.running = true;
    try {
      const results = await lanes.enter(plan.lanes, async () => (stopping.signal.aborted ? [] : plan.run(now)));
      // What was broken off by stopping says nothing about the engine.
      if (stopping.signal.aborted) return [];
      for (const result of results) take(result);
      return results;
    } finally {
      plan.running = false;
    }
  }

  function take(result: ProbeResult): void {
    newest.set(`${result.probe} ${result.case} ${result.target}`, result);
    const { probe, outcome, reason } = result;
    telemetry.count("homeostat.probe.runs", 1, { probe, outcome });
    if (outcome === "skipped" || outcome === "unanswered")
      telemetry.count(`homeostat.probe.${outcome}`, 1, { probe, reason });
    deps.tell(result);
  }

  function put(now: Instant): void {
    const entities = deps.entities();
    const at = deps.eventTime?.(now) ?? now;
    const samples = [...series.values()].flatMap(({ target, series: one }) => {
      const resource = resourceOf(target, entities);
      if (resource !== undefined) return one.samples(resource, now, at);
      telemetry.count("homeostat.probe.dropped", 1, { reason: "service-unknown" });
      if (!unplaced.has(target.url)) {
        const says =
          "no telemetry tells which service it is of, so its results become no series; set service of the target";
        telemetry.log.warn(`probes: ${says}`, { target: target.url, entity: targetEntity(target) });
      }
      unplaced.add(target.url);
      return [];
    });
    if (samples.length > 0) deps.sink.put(samples, now);
  }

  function plansOf(spec: ProbeSpec): readonly Plan[] {
    if (spec.kind === "canary") return canaryPlans(spec);
    return options.targets.map((target) => {
      const own = seriesOf(spec.id, target, spec.every);
      return plan(spec, [target], async (now) => {
        const results = await runProbe(spec, target, now, kind);
        own.note(results, [], now);
        return results;
      });
    });
  }

  /** Each canary is held beside the controls of its tenant in turn. */
  function canaryPlans(spec: Extract<ProbeSpec, { kind: "canary" }>): readonly Plan[] {
    const controls = options.targets.filter(({ pool }) => pool === "control");
    return options.targets.flatMap((canary) => {
      const beside = controls.filter(({ tenant }) => tenant === canary.tenant);
      if (canary.pool !== "canary" || beside.length === 0) return [];
      const test = createCanaryTest(spec.alpha);
      tests.set(`${spec.id} ${canary.url}`, test);
      const own = seriesOf(spec.id, canary, spec.every);
      let turn = 0;
      return [
        plan(spec, [canary, ...beside], async (now) => {
          const control = beside[turn++ % beside.length];
          if (control === undefined) return [];
          const pairs = await runPair(spec, canary, control, now, kind);
          for (const [mine, other] of pairs) test.add(mine, other, now);
          own.note(
            pairs.map(([mine]) => mine),
            test.verdicts(),
            now,
          );
          return pairs.flat();
        }),
      ];
    });
  }

  function planOf(manifest: Manifest): Plan {
    const { path, owner, everyMs } = manifest;
    const own = seriesOf(checksum, owner, everyMs);
    return {
      ...{ key: `${checksum} ${path}`, probe: checksum, entities: [targetEntity(owner)], lanes: [`file ${path}`] },
      ...{ everyMs, afterRepair: false, dueAt: undefined, running: false },
      async run(now) {
        const results = await runManifest(manifest, now, stopping.signal);
        own.note(results, [], now);
        return results;
      },
    };
  }

  function seriesOf(probe: string, target: ProbeTarget, everyMs: number): ProbeSeries {
    const made = createProbeSeries(probe, target, everyMs * freshIntervals);
    series.set(`${probe} ${target.url}`, { target, series: made });
    return made;
  }

  function status(): ProbesStatus {
    return {
      budget: budget.status(),
      // A canary probe without a canary runs nowhere.
      probes: options.probes
        .filter(({ id }) => plans.some((plan) => plan.probe === id))
        .map((spec) => ({
          id: spec.id,
          says: spec.says,
          ...sensitivityOf(spec.every, "cases" in spec ? spec.cases.length : 1),
        })),
      canaries: [...tests].flatMap(([key, test]) => {
        const [probe = "", target = ""] = key.split(" ");
        return test.verdicts().map((verdict) => ({ probe, target, ...verdict }));
      }),
      results: [...newest.values()],
    };
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await lanes.idle();
  }
}

function plan(spec: ProbeSpec, targets: readonly ProbeTarget[], run: Plan["run"]): Plan {
  return {
    key: `${spec.id} ${targets[0]?.url}`,
    probe: spec.id,
    entities: targets.map(targetEntity),
    lanes: targets.map(({ url }) => url),
    everyMs: spec.every,
    afterRepair: spec.afterRepair,
    run,
    dueAt: undefined,
    running: false,
  };
}

/** 0 to 1 by name, so that not all begin in the same instant. */
function phaseOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) / 0x1_0000_0000;
}
