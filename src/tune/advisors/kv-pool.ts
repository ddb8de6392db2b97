// How many sequences fit the KV cache: max_num_seqs and gpu_memory_utilization from the engine's own telemetry.
import type { EntityId } from "../../model/entity.ts";
import type { Evidence } from "../../model/evidence.ts";
import { stableId } from "../../model/ids.ts";
import type { LabelMatcher, SeriesSource } from "../../model/ports/series-source.ts";
import type { Recommendation } from "../../model/recommendation.ts";
import type { Instant } from "../../model/time.ts";
import type { Advisor } from "../advisor.ts";
import { newestLabels, numberOf, only } from "../measure.ts";

/** Room left for sequences longer than the 90th percentile. */
const headroom = 0.9;
const infoAgeMs = 10 * 60_000;
/** vLLM's own default. */
const usualUtilization = 0.9;

interface Pool {
  readonly blocks: number;
  readonly blockTokens: number;
  readonly utilization: number | undefined;
}

/**
 * For a replica diagnosed with KV-cache saturation: floor(0.9 x KV tokens / (p90 prompt + p90 output)) sequences fit.
 * The two 90th percentiles are added, which overstates the 90th percentile of the sum, so the advice is on the safe side.
 * Blind to prefix sharing (sequences then need less) and to what the memory outside the pool is needed for.
 */
export const kvPool: Advisor = {
  name: "kv-pool",
  async advise({ at, diagnoses, entities }, { source }) {
    const advice: Recommendation[] = [];
    for (const { incident, causes } of diagnoses) {
      const cause = causes[0];
      if (cause?.failureMode !== "kv-cache-saturation") continue;
      const parent = entities.find(({ id }) => id === cause.location)?.parent;
      const siblings = entities.filter(
        (one) => parent !== undefined && one.parent === parent && one.id !== cause.location,
      );
      const one = await adviseOn(
        cause.location,
        siblings.map(({ id }) => id),
        incident,
        at,
        source,
      );
      if (one !== undefined) advice.push(one);
    }
    return advice;
  },
};

async function adviseOn(
  target: EntityId,
  siblings: readonly EntityId[],
  incident: string,
  at: Instant,
  source: SeriesSource,
): Promise<Recommendation | undefined> {
  const self = only(target);
  if (self === undefined) return undefined;
  const pool = await poolOf(target, at, source);
  const prompt = await p90("vllm:request_prompt_tokens", self, at, source);
  const output = await p90("vllm:request_generation_tokens", self, at, source);
  if (pool === undefined || prompt === undefined || output === undefined || !(prompt + output > 0)) return undefined;
  const better = await bestSibling(pool, siblings, at, source);
  const fits = ({ blocks, blockTokens }: Pool): number =>
    Math.max(1, Math.floor((headroom * blocks * blockTokens) / (prompt + output)));
  const now = fits(pool);
  const raised = raise(pool, better);
  const after = better === undefined ? now : fits(better);
  const running = await numberOf(`max(max_over_time(llm:requests_running{${self}}[30m]))`, at, source);
  const tokens = pool.blocks * pool.blockTokens;
  const sums = `${pool.blocks} blocks x ${pool.blockTokens} tokens = ${tokens} tokens; 90 % of requests need at most ${round(prompt)} prompt + ${round(output)} output tokens; floor(${headroom} x ${tokens} / ${round(prompt + output)}) = ${now} sequences fit`;
  const compared =
    better === undefined
      ? ""
      : ` With gpu_memory_utilization ${better.utilization}, as on a sibling, it is ${better.blocks} blocks and ${after} sequences.`;
  const peak = running === undefined ? "" : ` Up to ${round(running)} ran at once in the last half hour.`;
  return {
    id: stableId("recommendation", "kv-pool", target, incident),
    at,
    kind: "engine-knob",
    target,
    title: `Let no more sequences run on ${target.slice(target.indexOf(":") + 1)} than its KV cache holds`,
    changes: [
      ...(raised === undefined
        ? []
        : [{ parameter: "gpu_memory_utilization", from: String(pool.utilization), to: String(raised) }]),
      { parameter: "max_num_seqs", to: String(after) },
    ],
    why: `${sums}.${compared}${peak}`,
    expected:
      "No preemptions at the present mix of lengths: requests beyond the limit wait in the queue instead of being computed twice.",
    risk: "Needs a restart of the engine. A limit that is too low leaves throughput unused; more memory for the cache leaves less for activations, so watch for out-of-memory errors on one replica first.",
    evidence: evidenceOf(target, at, tokens, prompt, output),
  };
}

async function poolOf(entity: EntityId, at: Instant, source: SeriesSource): Promise<Pool | undefined> {
  const matchers: readonly LabelMatcher[] = [
    { name: "__name__", op: "=~", value: "(ray_)?vllm[:_]cache_config_info" },
    { name: "entity", op: "=", value: entity },
  ];
  const labels = await newestLabels(matchers, at, infoAgeMs, source);
  const blocks = Number(labels?.["num_gpu_blocks"]);
  const blockTokens = Number(labels?.["block_size"]);
  if (!(blocks > 0 && blockTokens > 0 && Number.isSafeInteger(blocks * blockTokens))) return undefined;
  const share = Number(labels?.["gpu_memory_utilization"]);
  return { blocks, blockTokens, utilization: share > 0 && share <= 1 ? share : undefined };
}

/** The sibling with the largest pool, if it is larger by more than chance and was given more memory. */
async function bestSibling(
  pool: Pool,
  siblings: readonly EntityId[],
  at: Instant,
  source: SeriesSource,
): Promise<Pool | undefined> {
  let best: Pool | undefined;
  for (const sibling of siblings.slice(0, 64)) {
    const other = await poolOf(sibling, at, source);
    if (other?.utilization === undefined || pool.utilization === undefined) continue;
    const larger =
      other.utilization > pool.utilization && other.blocks * other.blockTokens > 1.02 * pool.blocks * pool.blockTokens;
    if (larger && other.blocks > (best?.blocks ?? 0)) best = other;
  }
  return best;
}

function raise({ utilization }: Pool, better: Pool | undefined): number | undefined {
  if (better?.utilization !== undefined) return better.utilization;
  return utilization !== undefined && utilization < usualUtilization ? usualUtilization : undefined;
}

/** 90th percentile of a histogram in tokens: over the last ten minutes, or over all there is where nothing finished since. */
async function p90(metric: string, self: string, at: Instant, source: SeriesSource): Promise<number | undefined> {
  const recent = await numberOf(
    `histogram_quantile(0.9, sum by (le) (rate(${metric}_bucket{${self}}[10m])))`,
    at,
    source,
  );
  return recent ?? numberOf(`histogram_quantile(0.9, sum by (le) (${metric}_bucket{${self}}))`, at, source);
}

function evidenceOf(
  target: EntityId,
  at: Instant,
  tokens: number,
  prompt: number,
  output: number,
): readonly Evidence[] {
  const say = (subject: string, observed: number, says: string): Evidence => ({
    kind: "signal",
    says,
    at,
    entity: target,
    subject,
    observed,
  });
  return [
    say("vllm:cache_config_info", tokens, `the KV cache holds ${tokens} tokens`),
    say("vllm:request_prompt_tokens", prompt, `the 90th percentile of prompts is ${round(prompt)} tokens`),
    say("vllm:request_generation_tokens", output, `the 90th percentile of outputs is ${round(output)} tokens`),
  ];
}

function round(value: number): number {
  return Math.round(value);
}
