// One replica in strides of a minute: how queueing theory says its gauges, rates and quantiles come out, with their noise.
import { type CostModel, createCostModel, type StepWork } from "./cost-model.ts";
import { gpus, kvBlocks, models } from "./hardware.ts";
import { momentsOf, type Profile } from "./profiles.ts";
import { type Quantile95, quantile95 } from "./quick-quantile.ts";
import type { Random } from "./random.ts";
import { itlBounds, ttftBounds } from "./stats.ts";

/** What one minute came to, in the units of the canonical signals; NaN where nothing was observed. Reused. */
export interface Minute {
  ttft: number;
  itl: number;
  running: number;
  waiting: number;
  kvUsage: number;
  generatedPerSecond: number;
  promptPerSecond: number;
  preemptionsPerSecond: number;
  finishedPerSecond: number;
  /** Observations behind the first-token quantile. */
  firstTokens: number;
}

/** What is different from the profile, now. All 1, and 0 hung, when nothing is. */
export interface Condition {
  /** Time of a step, against what it should be. */
  stepFactor: number;
  promptFactor: number;
  outputFactor: number;
  /** Share of the KV pool that is there. */
  poolFactor: number;
  /** First tokens only: a cold start. */
  firstTokenFactor: number;
  /** Share of the batch that fits. */
  batchFactor: number;
  hung: boolean;
  /** Preemptions a second that have nothing to do with the load. */
  preemptions: number;
}

export interface QuickEngine {
  /** Serves a minute of `ratePerSecond` requests. */
  advance(ratePerSecond: number, condition: Condition, out: Minute): void;
  /** Forgets all requests: the process was started anew. */
  restart(): void;
}

const minuteS = 60;
/** Requests nobody waits for any longer are given up. */
const patienceS = 60;
/** Share of the KV pool in use when nothing more is let in, on the average. */
const fullShare = 0.95;
const meanEpsilon = 1e-9;

export function healthy(): Condition {
  return {
    stepFactor: 1,
    promptFactor: 1,
    outputFactor: 1,
    poolFactor: 1,
    firstTokenFactor: 1,
    batchFactor: 1,
    hung: false,
    preemptions: 0,
  };
}

/**
 * Sources: Little's law for the batch, which is a fixed point because each step takes longer the more it holds; the number
 * in service sampled a minute apart as M/G/infinity does (binomial survival, here as a first-order process with the same
 * memory), over-dispersed by bursty arrivals; a fluid queue once the batch or the KV pool is full. Step times are those of
 * the detailed engine's cost model. `test/simulate/quick.test.ts` holds means and spreads against that engine.
 * Blind to: what happens within a minute (a burst of seconds is only in the noise), prefix caching, single requests.
 */
export function createQuickEngine(profile: Profile, random: Random): QuickEngine {
  const prompt = momentsOf(profile.prompt);
  const output = momentsOf(profile.output);
  const cost = createCostModel(models[profile.model], gpus[profile.gpu], { moeConfigTuned: false, stepTimeFactor: 1 });
  const { block_size, gpu_memory_utilization, max_num_seqs } = profile.engine;
  const blocks = kvBlocks(models[profile.model], gpus[profile.gpu], gpu_memory_utilization, block_size);
  const poolTokens = blocks * block_size;
  const promptSigma = Math.sqrt(Math.log(1 + prompt.cv ** 2));
  const burstiness = 0.5 * (1 + profile.cv ** 2);
  const outputWeight = 1 + output.cv ** 2;
  const work: StepWork = { prefillTokens: 0, prefillAttention: 0, decodeTokens: 0, decodeContext: 0, batch: 0 };
  const observed: Quantile95 = { shift: 0, plain: 0, median: 0, sigma: 0, count: 0 };
  let batch = 0;
  let memory = 0;
  let running = 0;
  let waiting = 0;
  /** Requests that no room was left for. */
  let backlog = 0;

  return {
    restart() {
      batch = 0;
      memory = 0;
      running = 0;
      waiting = 0;
      backlog = 0;
    },
    advance,
  };

  function advance(rate: number, condition: Condition, out: Minute): void {
    if (condition.hung) {
      hang(rate, out);
      return;
    }
    const meanPrompt = prompt.mean * condition.promptFactor;
    const meanOutput = output.mean * condition.outputFactor;
    const context = meanPrompt + 0.5 * meanOutput * outputWeight;
    const pool = poolTokens * condition.poolFactor;
    const batchMax = Math.max(1, Math.min(max_num_seqs * condition.batchFactor, (fullShare * pool) / context));
    // A prompt costs something whatever its length (weights to read), and something for each of its tokens.
    const prefillS = prefillMs(cost, work, meanPrompt, batch, context, condition) / 1000;
    const tripleS = prefillMs(cost, work, 3 * meanPrompt, batch, context, condition) / 1000;
    const promptS = Math.min(prefillS, 0.5 * (tripleS - prefillS));
    const arrivals = countOf(rate * minuteS);
    // What waits from before wants service as well; a full batch gives no more than this.
    const fullS = stepMs(cost, work, batchMax, context, condition) / 1000;
    const most = 1 / (prefillS + (meanOutput * fullS) / batchMax);
    const wanted = (arrivals + backlog) / minuteS;
    const perSecond = Math.min(wanted, most);
    const prefillShare = Math.min(0.95, perSecond * prefillS);
    for (let i = 0; i < 3; i++) {
      const tokenS = stepMs(cost, work, batch, context, condition) / 1000 / (1 - prefillShare);
      const next = wanted > most ? batchMax : Math.min(batchMax, perSecond * (meanOutput * tokenS + prefillS));
      batch += 0.7 * (next - batch);
    }
    const decodeS = stepMs(cost, work, batch, context, condition) / 1000;
    const holdS = (meanOutput * decodeS) / (1 - prefillShare) + prefillS;
    const served = perSecond * minuteS;
    backlog = Math.min((wanted - perSecond) * minuteS, patienceS * rate);
    sampleGauges(perSecond * (decodeS + prefillS), holdS, batchMax);
    const contexts = context * (1 + (0.5 * prompt.cv * random.normal()) / Math.sqrt(Math.max(1, running)));
    const used = (running * Math.max(0.2 * context, contexts)) / pool;
    out.kvUsage = Math.min(1, used);
    out.running = running;
    out.waiting = waiting;
    // Tokens of an answer are spread over its time: they vary less than what comes and goes.
    const smooth = 0.6 * served + 0.4 * Math.min(rate * minuteS, served * 1.5);
    const jitter = 1 + (0.3 * output.cv * random.normal()) / Math.sqrt(Math.max(1, served));
    out.generatedPerSecond = Math.round(smooth * meanOutput * Math.max(0, jitter)) / minuteS;
    const promptJitter = 1 + (0.7 * prompt.cv * random.normal()) / Math.sqrt(Math.max(1, served));
    out.promptPerSecond = Math.round(served * meanPrompt * Math.max(0.05, promptJitter)) / minuteS;
    out.finishedPerSecond = Math.max(0, Math.round(served)) / minuteS;
    const short = Math.max(0, used - 0.97);
    out.preemptionsPerSecond = countOf((short * 20 + condition.preemptions) * minuteS) / minuteS;
    out.firstTokens = Math.round(served);
    tellLatency(out, served, decodeS, prefillS, promptS, condition.firstTokenFactor);
  }

  function sampleGauges(unscheduled: number, holdS: number, batchMax: number): void {
    const keeps = Math.exp(-minuteS / Math.max(1, holdS));
    memory = keeps * memory + Math.sqrt(1 - keeps * keeps) * random.normal();
    running = Math.min(Math.round(batchMax), gaugeOf(batch, memory));
    // Those the step under way did not know of yet, and those there is no room for.
    waiting = backlog > 0.5 ? Math.round(backlog) : countOf(unscheduled * (1 - Math.exp(-batch)));
  }

  /** How many are in service now; siblings share what comes, so it varies less than each alone would. */
  function gaugeOf(mean: number, deviate: number): number {
    if (mean < 4) return countOf(mean);
    const variance = burstiness * Math.min(mean, 0.35 * mean + 4);
    return Math.max(0, Math.round(mean + deviate * Math.sqrt(variance)));
  }

  function tellLatency(
    out: Minute,
    served: number,
    decodeS: number,
    prefillS: number,
    promptS: number,
    firstTokenFactor: number,
  ): void {
    if (served < 1) {
      out.ttft = Number.NaN;
      out.itl = Number.NaN;
      return;
    }
    const perSecond = served / minuteS;
    const stepS = decodeS + prefillS;
    // Whoever comes while another prompt is computed waits for the rest of it, and may find company in his own step.
    const met = Math.min(1, perSecond * stepS);
    const othersS = met * (0.5 * (stepS + promptS * prompt.cv ** 2) + promptS);
    const meanS = promptS + othersS;
    const variance = (promptS * prompt.cv) ** 2 + met * (stepS * (0.5 + prompt.cv)) ** 2;
    const logVariance = Math.log(1 + variance / meanS ** 2);
    observed.count = served;
    observed.shift = cost.admissionMs / 1000 + 1.5 * decodeS + (prefillS - promptS) + backlog / perSecond;
    observed.plain = 0;
    observed.sigma = Math.sqrt(logVariance);
    observed.median = firstTokenFactor * meanS * Math.exp(-0.5 * logVariance);
    out.ttft = quantile95(observed, ttftBounds, random);
    observed.count = Math.min(1e4, served * output.mean);
    observed.shift = decodeS;
    // Gaps in which nothing but decoding happened.
    observed.plain = Math.max(0, 1 - perSecond * (decodeS / Math.max(0.1, 1 - perSecond * prefillS)));
    observed.sigma = promptSigma;
    observed.median = prefillS * Math.exp(-0.5 * promptSigma ** 2);
    out.itl = quantile95(observed, itlBounds, random);
  }

  function hang(rate: number, out: Minute): void {
    running = Math.min(max_num_seqs, running + Math.round(0.2 * running));
    backlog = Math.min(backlog + countOf(rate * minuteS), patienceS * rate);
    out.running = running;
    out.waiting = Math.round(backlog);
    out.generatedPerSecond = 0;
    out.promptPerSecond = 0;
    out.finishedPerSecond = 0;
    out.preemptionsPerSecond = 0;
    out.firstTokens = 0;
    out.ttft = Number.NaN;
    out.itl = Number.NaN;
  }

  /** A count of arrivals with the profile's burstiness: Poisson when small, else normal. */
  function countOf(mean: number): number {
    if (mean < meanEpsilon) return 0;
    if (mean > 12) return Math.max(0, Math.round(mean + Math.sqrt(0.64 * burstiness * mean) * random.normal()));
    let product = random.uniform();
    let count = 0;
    const limit = Math.exp(-mean);
    while (product > limit) {
      product *= random.uniform();
      count++;
    }
    return count;
  }
}

function stepMs(cost: CostModel, work: StepWork, batch: number, context: number, condition: Condition): number {
  work.prefillTokens = 0;
  work.prefillAttention = 0;
  work.decodeTokens = batch;
  work.decodeContext = batch * context;
  work.batch = batch;
  return cost.stepMs(work) * condition.stepFactor;
}

/** What a prompt adds to a step of the batch. */
function prefillMs(
  cost: CostModel,
  work: StepWork,
  tokens: number,
  batch: number,
  context: number,
  condition: Condition,
): number {
  const without = stepMs(cost, work, Math.max(1, batch), context, condition);
  work.prefillTokens = tokens;
  work.prefillAttention = (tokens * tokens) / 2;
  work.batch++;
  return cost.stepMs(work) * condition.stepFactor - without;
}
