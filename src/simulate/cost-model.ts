// How long one engine step takes on a GPU: a roofline with published coefficients.
import type { GpuSpec, ModelSpec } from "./hardware.ts";
import { kvBytesPerToken } from "./hardware.ts";

/** What one step computes. */
export interface StepWork {
  /** Tokens of prompts (or of recomputation after a preemption) in this step. */
  prefillTokens: number;
  /** Sum over prefill chunks of n * (s + n / 2): n tokens after s already in cache. */
  prefillAttention: number;
  /** Requests that get one token each. */
  decodeTokens: number;
  /** Tokens of context those requests read from the cache. */
  decodeContext: number;
  /** Requests in the step. */
  batch: number;
}

export function createWork(): StepWork {
  return { prefillTokens: 0, prefillAttention: 0, decodeTokens: 0, decodeContext: 0, batch: 0 };
}

export function clearWork(work: StepWork): void {
  work.prefillTokens = 0;
  work.prefillAttention = 0;
  work.decodeTokens = 0;
  work.decodeContext = 0;
  work.batch = 0;
}

export interface CostModel {
  /** Milliseconds. */
  stepMs(work: StepWork): number;
  /** Milliseconds between arrival at the API server and the scheduler seeing the request. */
  readonly admissionMs: number;
}

/** What surrounds an engine does to its steps, and what they cost so far. */
export interface Pace {
  /** Computing, reading memory, talking over NVLink and the host's part, against what they should take. */
  prefillFactor: number;
  memoryFactor: number;
  linkFactor: number;
  hostFactor: number;
  /** Work of the host for each sequence of a step, milliseconds: what an engine without overlap spends there. */
  hostMsPerSequence: number;
  /** Milliseconds of each since the process began. */
  tensorMs: number;
  dramMs: number;
  linkMs: number;
  hostMs: number;
}

export function createPace(): Pace {
  return {
    prefillFactor: 1,
    memoryFactor: 1,
    linkFactor: 1,
    hostFactor: 1,
    hostMsPerSequence: 0,
    tensorMs: 0,
    dramMs: 0,
    linkMs: 0,
    hostMs: 0,
  };
}

const kvReadFactor = 1.94710771;
const weightReadFactor = 1.36252915;
const layerMs = 0.03209546717;
const requestMs = 0.00441684444;
const tensorParallelFactor = 0.752037;
const stepOverheadMs = 0.126024825;
export const admissionMs = 15.563;
/** Expert GEMMs on a default kernel configuration against a tuned one; an assumption, vLLM only says "sub-optimal". */
const untunedExpertFactor = 1.15;

/**
 * Sources: coefficients of the inference-sim project's BLIS model (decode, weights, overheads); prefill as
 * FLOPs / (peak * MFU), because BLIS' own prefill coefficient beats the hardware's peak. For a mixture of experts the
 * weights read are those of the experts touched under uniform routing.
 * Blind to: CUDA-graph batch padding, skewed routing. Clocks come in through the pace.
 */
export function createCostModel(
  model: ModelSpec,
  gpu: GpuSpec,
  options: {
    readonly moeConfigTuned: boolean;
    readonly stepTimeFactor: number;
    /** GPUs that share every step. */
    readonly tp?: number;
    /** What makes it faster or slower, now; read at every step. */
    readonly pace?: Pace;
  },
): CostModel {
  const tp = options.tp ?? 1;
  const pace = options.pace ?? createPace();
  const attentionWeights = model.hidden * model.headDim * (2 * model.heads + 2 * model.kvHeads);
  const feedForward = 3 * model.hidden * model.intermediate;
  const moe = model.experts > 0;
  const flopsPerToken = 2 * model.layers * (attentionWeights + feedForward * (moe ? model.expertsPerToken : 1));
  const flopsPerAttention = 4 * model.layers * model.heads * model.headDim;
  const usableFlopsPerMs = (tp * gpu.peakFlops * gpu.prefillMfu) / 1000;
  const bytesPerMs = gpu.bandwidthBytesPerSecond / 1000;
  const kvMsPerToken = (kvReadFactor * kvBytesPerToken(model)) / (bytesPerMs * tp);
  const readMs = (weights: number): number =>
    (weightReadFactor * model.layers * weights * model.valueBytes) / (bytesPerMs * tp);
  const denseReadMs = readMs(attentionWeights + (moe ? 0 : feedForward));
  const expertFactor = options.moeConfigTuned ? 1 : untunedExpertFactor;
  const expertReadMs = moe ? readMs(feedForward * model.experts) * expertFactor : 0;
  const untouched = moe ? 1 - model.expertsPerToken / model.experts : 0;
  const layersMs = model.layers * layerMs;
  const fixedMs = layersMs + stepOverheadMs + denseReadMs;
  const slower = options.stepTimeFactor;
  const moeFactor = moe ? expertFactor : 1;
  const exchangeMsPerToken =
    (tensorParallelFactor * 8 * model.layers * model.hidden * model.valueBytes * (tp - 1)) / (tp * bytesPerMs);

  function stepMs(work: StepWork): number {
    const tokens = work.prefillTokens + work.decodeTokens;
    const prefillMs =
      ((work.prefillTokens * flopsPerToken + work.prefillAttention * flopsPerAttention) / usableFlopsPerMs) * moeFactor;
    const kvMs = (work.decodeContext + work.decodeTokens) * kvMsPerToken;
    const expertsMs = moe ? expertReadMs * (1 - untouched ** tokens) : 0;
    const memoryMs = layersMs + denseReadMs + kvMs + expertsMs;
    const hostMs = stepOverheadMs + work.batch * requestMs;
    const linkMs = tokens * exchangeMsPerToken * pace.linkFactor;
    const ownMs = pace.hostFactor * work.batch * pace.hostMsPerSequence;
    const { prefillFactor, memoryFactor, hostFactor } = pace;
    pace.tensorMs += slower * prefillFactor * prefillMs;
    pace.dramMs += slower * memoryFactor * memoryMs;
    pace.linkMs += linkMs;
    pace.hostMs += slower * hostFactor * hostMs + ownMs;
    // As a sum of what it should be and what comes on top, so that nothing on top changes nothing, to the last bit.
    const more = (prefillFactor - 1) * prefillMs + (memoryFactor - 1) * memoryMs + (hostFactor - 1) * hostMs;
    return slower * (fixedMs + prefillMs + kvMs + expertsMs + work.batch * requestMs) + slower * more + linkMs + ownMs;
  }

  return { stepMs, admissionMs };
}
