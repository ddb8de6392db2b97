// What an engine counts about itself, as vLLM does: cumulative since the process started.

export interface Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds. */
  readonly counts: Float64Array;
  sum: number;
  count: number;
}

export interface EngineStats {
  preemptions: number;
  /** Prompt tokens of requests that got their first token; recomputation is not counted, as in vLLM. */
  promptTokens: number;
  generationTokens: number;
  stopped: number;
  lengthCapped: number;
  aborted: number;
  /** Tokens computed, and those of them that had been computed before a preemption. Not exported by vLLM. */
  computedTokens: number;
  recomputedTokens: number;
  steps: number;
  /** Tokens looked up in the prefix cache, and found. */
  prefixQueries: number;
  prefixHits: number;
  drafts: number;
  draftTokens: number;
  acceptedTokens: number;
  /** Requests whose logits were no numbers. */
  corrupted: number;
  transfersFailed: number;
  /** Gauges, as the engine last reported them. */
  running: number;
  waiting: number;
  /** Of those waiting, held back by design: their cache is on its way. */
  deferred: number;
  kvUsage: number;
  readonly tpot: Histogram;
  readonly prefill: Histogram;
  readonly decode: Histogram;
  readonly limit: Histogram;
  readonly ttft: Histogram;
  readonly itl: Histogram;
  readonly e2e: Histogram;
  readonly queue: Histogram;
  readonly promptLength: Histogram;
  readonly generationLength: Histogram;
  readonly iterationTokens: Histogram;
}

export const ttftBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
export const itlBounds = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const latencyBounds = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const iterationBounds = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

export function createStats(maxModelLen: number): EngineStats {
  const tokenBounds = oneTwoFive(maxModelLen);
  return {
    preemptions: 0,
    promptTokens: 0,
    generationTokens: 0,
    stopped: 0,
    lengthCapped: 0,
    aborted: 0,
    computedTokens: 0,
    recomputedTokens: 0,
    steps: 0,
    prefixQueries: 0,
    prefixHits: 0,
    drafts: 0,
    draftTokens: 0,
    acceptedTokens: 0,
    corrupted: 0,
    transfersFailed: 0,
    running: 0,
    waiting: 0,
    deferred: 0,
    kvUsage: 0,
    tpot: createHistogram(itlBounds),
    prefill: createHistogram(latencyBounds),
    decode: createHistogram(latencyBounds),
    limit: createHistogram(tokenBounds),
    ttft: createHistogram(ttftBounds),
    itl: createHistogram(itlBounds),
    e2e: createHistogram(latencyBounds),
    queue: createHistogram(latencyBounds),
    promptLength: createHistogram(tokenBounds),
    generationLength: createHistogram(tokenBounds),
    iterationTokens: createHistogram(iterationBounds),
  };
}

export function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Float64Array(bounds.length + 1), sum: 0, count: 0 };
}

/** Counts `times` observations of `value`; a value equal to a bound falls below it, as in Prometheus. */
export function observe(histogram: Histogram, value: number, times = 1): void {
  const { bounds, counts } = histogram;
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= bounds[middle]!) high = middle;
    else low = middle + 1;
  }
  counts[low] = counts[low]! + times;
  histogram.sum += value * times;
  histogram.count += times;
}

/** 1, 2, 5, 10, 20, ... up to `max`: vLLM's ladder for token counts. */
function oneTwoFive(max: number): number[] {
  const bounds: number[] = [];
  for (let power = 1; ; power *= 10) {
    for (const mantissa of [1, 2, 5]) {
      if (mantissa * power > max) return bounds;
      bounds.push(mantissa * power);
    }
  }
}
