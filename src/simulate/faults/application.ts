// Faults of what people read: answers, retrieval, agents, guardrails, providers outside, data that processes start from.
import { z } from "zod";
import { plainRequest } from "../traffic.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";
import { deployed } from "./traffic.ts";

const share = z.number().gt(0).max(1);
const app = ["app"] as const;

export const applicationFaults: readonly FaultKind[] = [
  defineFault({
    kind: "nan_logits",
    says: "one process computes no numbers any more: every answer is the same token again and again, until it is restarted",
    targets: ["replica"],
    params: { share: share.default(1) },
    set({ world, at }, params, level) {
      for (const { condition } of world.replicasAt(at)) condition.nanShare = level * params.share;
    },
  }),
  defineFault({
    kind: "agent_loop",
    says: "agents of one tenant call the same tool again and again, with ever more context",
    targets: ["tenant", "app"],
    params: {
      calls_per_second: z.number().positive().max(50).default(2),
      context_tokens: z.int().min(100).default(6000),
    },
    begin({ world }, { context_tokens }) {
      world.surroundings.apps.loopTokens = Math.min(1000, context_tokens);
    },
    set({ world }, { calls_per_second }, level) {
      world.surroundings.apps.loopsPerSecond = level * calls_per_second;
    },
    everyMs: 1000,
    run({ world }, { calls_per_second, context_tokens }, nowMs) {
      const { apps } = world.surroundings;
      apps.loopTokens = Math.min(context_tokens, apps.loopTokens * 1.01);
      const calls = Math.floor(calls_per_second + world.random.uniform());
      for (let i = 0; i < calls; i++) {
        world.gateway.arrive({ ...plainRequest(Math.round(apps.loopTokens), 40), limit: 512, kind: 2 }, nowMs);
      }
    },
  }),
  defineFault({
    kind: "embed_dim_change",
    says: "queries are embedded by another model than the index was: the vector store refuses them",
    targets: app,
    params: { share: share.default(1) },
    begin: (scene, _params, nowMs) => deployed(scene, "embedding model changed: 768 -> 1024 dimensions", nowMs),
    set({ world }, params, level) {
      world.surroundings.apps.dimensionShare = level * params.share;
    },
  }),
  defineFault({
    kind: "index_stale",
    says: "the index is not written any more: retrieval finds less and less",
    targets: app,
    params: { empty_share: share.default(0.5), age_hours: z.number().positive().default(48) },
    set({ world }, { empty_share, age_hours }, level) {
      world.surroundings.apps.emptyShare = level * empty_share;
      world.surroundings.apps.indexAgeSeconds = level * age_hours * 3600;
    },
  }),
  defineFault({
    kind: "guardrail_fail_open",
    says: "the guardrail's analyzer fails, and requests pass unchecked",
    targets: app,
    params: {},
    set({ world }, _params, level) {
      world.surroundings.apps.guardrailOpen = level > 0;
    },
  }),
  defineFault({
    kind: "upstream_429",
    says: "a provider outside turns calls away for their rate",
    targets: app,
    params: { share: share.default(0.4) },
    set({ world }, params, level) {
      world.surroundings.apps.upstreamLimited = level * params.share;
    },
  }),
  latent(
    "weights_corrupt",
    "a shard of the weights on shared storage is cut off: whoever starts from it dies",
    "weightsCorrupt",
  ),
  latent(
    "compile_cache_poison",
    "the cache of compiled kernels holds what does not fit: whoever starts from it dies",
    "cachePoisoned",
  ),
];

/** Something that is noticed only when a process starts; one does. */
function latent(kind: string, says: string, what: "weightsCorrupt" | "cachePoisoned"): FaultKind {
  return defineFault({
    kind,
    says,
    targets: ["replica", "deployment"],
    params: { restart: z.boolean().default(true) },
    begin({ world, at }: Scene, { restart }, nowMs) {
      world.surroundings.storage[what] = true;
      if (!restart) return;
      const [replica] = world.replicasAt(at);
      if (replica === undefined) return;
      world.event(replica.name, "Preempted", "Preempted by a pod of higher priority", nowMs);
      world.processes.stop(replica, nowMs);
      world.processes.start(replica, nowMs);
    },
    end({ world }) {
      world.surroundings.storage[what] = false;
    },
  });
}
