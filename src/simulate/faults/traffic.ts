// Faults of the load and of the gateway in front: what is asked, how often, of whom, and for how long.
import { z } from "zod";
import { entityOf } from "../targets.ts";
import { longestPrompt, plainRequest } from "../traffic.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

const factor = z.number().gt(0).max(50);
const load = ["deployment"] as const;
const app = ["app"] as const;

export const trafficFaults: readonly FaultKind[] = [
  defineFault({
    kind: "output_len_shift",
    says: "answers become longer: what clients ask for has changed",
    targets: load,
    params: { factor: factor.default(3) },
    set({ world }, params, level) {
      world.traffic.outputFactor = 1 + level * (params.factor - 1);
    },
  }),
  defineFault({
    kind: "prompt_len_shift",
    says: "prompts become longer: what clients ask for has changed",
    targets: load,
    params: { factor: factor.default(2.5) },
    set({ world }, params, level) {
      world.traffic.promptFactor = 1 + level * (params.factor - 1);
    },
  }),
  defineFault({
    kind: "long_prompt",
    says: "one very long prompt after the other holds up everybody's tokens",
    targets: ["replica"],
    params: { tokens: z.int().min(1).default(65_535), every_seconds: z.number().min(1).default(60) },
    begin: (scene, params, nowMs) => sendLong(scene, params.tokens, nowMs),
    everyMs: 1000,
    run(scene, { tokens, every_seconds }, nowMs) {
      if (Math.round(nowMs / 1000) % Math.round(every_seconds) === 0) sendLong(scene, tokens, nowMs);
    },
  }),
  defineFault({
    kind: "prefill_convoy",
    says: "many long prompts come at once, and the scheduler lets more in than it can finish",
    targets: load,
    params: {
      requests: z.int().min(1).max(5000).default(600),
      prompt_tokens: z.int().min(1).default(6000),
      every_seconds: z.number().min(1).default(240),
    },
    begin: (scene, params, nowMs) => sendMany(scene, params, nowMs),
    everyMs: 1000,
    run(scene, params, nowMs) {
      if (Math.round(nowMs / 1000) % Math.round(params.every_seconds) === 0) sendMany(scene, params, nowMs);
    },
  }),
  defineFault({
    kind: "arrival_burst",
    says: "several times as many requests come",
    targets: load,
    params: { factor: factor.default(4) },
    set({ world }, params, level) {
      world.traffic.rateFactor = 1 + level * (params.factor - 1);
    },
  }),
  defineFault({
    kind: "batch_job",
    says: "a declared job asks for many long answers, on top of everybody else, and is done some time",
    targets: load,
    params: { per_second: z.number().positive().max(100).default(3) },
    everyMs: 1000,
    run({ world }, { per_second }, nowMs) {
      const count = Math.floor(per_second + world.random.uniform());
      for (let i = 0; i < count; i++) world.gateway.arrive({ ...plainRequest(800, 400), limit: 1000, kind: 4 }, nowMs);
    },
  }),
  policy("retry_policy", "clients and gateway try again after a short time, whatever became of the first try", {
    params: { try_timeout_ms: z.number().positive().default(2500), tries: z.int().min(2).max(20).default(5) },
    change(scene, { try_timeout_ms, tries }, level) {
      scene.world.gateway.policy.tryTimeoutMs = level > 0 ? Number(try_timeout_ms) : Number.POSITIVE_INFINITY;
      scene.world.gateway.policy.triesMax = level > 0 ? Number(tries) : 4;
    },
    quiet: true,
  }),
  policy("gateway_timeout", "the gateway gives every request up after a time shorter than long answers take", {
    params: { timeout_ms: z.number().positive().default(3000) },
    change(scene, { timeout_ms }, level) {
      const usual = scene.world.scenario.requestTimeoutMs;
      scene.world.gateway.policy.timeoutMs = level > 0 ? Number(timeout_ms) : usual;
    },
  }),
  policy("router_stale", "the router decides by news that is long out of date: all run to whoever was free", {
    params: { stale_ms: z.number().positive().default(15_000) },
    change(scene, { stale_ms }, level) {
      scene.world.gateway.policy.staleMs = level > 0 ? Number(stale_ms) : 0;
    },
    quiet: true,
  }),
  policy("misroute", "a share of requests goes to a pool that is not made for them", {
    params: { share: z.number().gt(0).max(1).default(0.16) },
    change(scene, { share }, level) {
      scene.world.gateway.policy.misrouteShare = level * Number(share);
    },
  }),
  defineFault({
    kind: "router_skew",
    says: "the router prefers one replica, whatever it has to do already",
    targets: ["replica"],
    params: { weight: z.number().min(1).max(100).default(5) },
    set({ world, at }, { weight }, level) {
      world.gateway.policy.weights[at.index!] = 1 + level * (weight - 1);
    },
  }),
  defineFault({
    kind: "prefix_volatile",
    says: "an application puts something that changes every time at the head of its prompts",
    targets: app,
    params: {},
    begin: (scene, _params, nowMs) => deployed(scene, "prompt template 14 -> 15", nowMs),
    set({ world }, _params, level) {
      world.traffic.volatilePrefix = level > 0;
    },
  }),
];

interface Policy<S extends z.ZodRawShape> {
  readonly params: S;
  change(scene: Scene, params: z.output<z.ZodObject<S>>, level: number): void;
  /** Nobody tells of it. */
  readonly quiet?: boolean;
}

/** Something about the gateway's policy, rolled out and taken back. */
function policy<S extends z.ZodRawShape>(kind: string, says: string, spec: Policy<S>): FaultKind {
  const tell = (scene: Scene, summary: string, state: "changed" | "as before", nowMs: number): void => {
    if (spec.quiet === true) return;
    const target = entityOf(scene.at, scene.world.scenario);
    scene.world.change({
      atMs: nowMs,
      kind: "config",
      target,
      summary,
      before: {},
      after: { gateway_policy: state },
      by: "ci/deploy-pipeline",
    });
  };
  return defineFault({
    kind,
    says,
    targets: ["gateway"],
    params: spec.params,
    begin: (scene, _params, nowMs) => tell(scene, "gateway configuration rolled out", "changed", nowMs),
    set: (scene, params, level) => spec.change(scene, params, level),
    end: (scene, _params, nowMs) => tell(scene, "gateway configuration reverted", "as before", nowMs),
  });
}

/** An application says what it rolled out. */
export function deployed({ world, at }: Scene, summary: string, nowMs: number): void {
  const target = entityOf(at, world.scenario);
  const after = { application: summary };
  world.change({ atMs: nowMs, kind: "deploy", target, summary, before: {}, after, by: "ci/app-pipeline" });
}

function sendLong({ world, at }: Scene, tokens: number, nowMs: number): void {
  const { policy: set } = world.gateway;
  const weight = set.weights[at.index!]!;
  // Straight to the one replica.
  set.weights[at.index!] = 1e9;
  world.gateway.arrive(plainRequest(Math.min(tokens, longestPrompt(world.scenario)), 64), nowMs);
  set.weights[at.index!] = weight;
}

function sendMany(
  { world }: Scene,
  params: { readonly requests: number; readonly prompt_tokens: number },
  nowMs: number,
): void {
  const tokens = Math.min(params.prompt_tokens, longestPrompt(world.scenario));
  for (let i = 0; i < params.requests; i++) world.gateway.arrive(plainRequest(tokens, 200), nowMs);
}
