// Models and GPUs the simulated engines run on, and how many KV blocks are left once the weights are loaded.

export interface ModelSpec {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of one feed-forward block: the dense one, or one expert. */
  readonly intermediate: number;
  /** 0 = dense. */
  readonly experts: number;
  readonly expertsPerToken: number;
  /** All parameters, embeddings included. */
  readonly parameters: number;
  /** Bytes of one weight or one cached value: 2 = bf16. */
  readonly valueBytes: number;
}

export interface GpuSpec {
  /** As the driver prints it, spaces as underscores. */
  readonly name: string;
  readonly memoryGib: number;
  readonly peakFlops: number;
  readonly bandwidthBytesPerSecond: number;
  /** Share of peak FLOPs that prefill reaches. */
  readonly prefillMfu: number;
  readonly idleWatts: number;
  readonly tdpWatts: number;
  readonly clockMaxMhz: number;
}

export const models = {
  "llama-3-8b": {
    name: "meta-llama/Llama-3.1-8B-Instruct",
    layers: 32,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    intermediate: 14_336,
    experts: 0,
    expertsPerToken: 0,
    parameters: 8_030_261_248,
    valueBytes: 2,
  },
  "llama-3-70b": {
    name: "meta-llama/Llama-3.1-70B-Instruct",
    layers: 80,
    hidden: 8192,
    heads: 64,
    kvHeads: 8,
    headDim: 128,
    intermediate: 28_672,
    experts: 0,
    expertsPerToken: 0,
    parameters: 70_553_706_496,
    valueBytes: 2,
  },
  "llama-3-1b": {
    name: "meta-llama/Llama-3.2-1B-Instruct",
    layers: 16,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    intermediate: 8192,
    experts: 0,
    expertsPerToken: 0,
    parameters: 1_235_814_400,
    valueBytes: 2,
  },
  "qwen3-30b-a3b": {
    name: "Qwen/Qwen3-30B-A3B-Instruct-2507",
    layers: 48,
    hidden: 2048,
    heads: 32,
    kvHeads: 4,
    headDim: 128,
    intermediate: 768,
    experts: 128,
    expertsPerToken: 8,
    parameters: 30_532_122_624,
    valueBytes: 2,
  },
} as const satisfies Record<string, ModelSpec>;

export const gpus = {
  h100: {
    name: "NVIDIA_H100_80GB_HBM3",
    memoryGib: 80,
    peakFlops: 989.5e12,
    bandwidthBytesPerSecond: 3.35e12,
    prefillMfu: 0.45,
    idleWatts: 70,
    tdpWatts: 700,
    clockMaxMhz: 1980,
  },
  a100: {
    name: "NVIDIA_A100-SXM4-80GB",
    memoryGib: 80,
    peakFlops: 312e12,
    bandwidthBytesPerSecond: 2.039e12,
    prefillMfu: 0.38,
    idleWatts: 55,
    tdpWatts: 400,
    clockMaxMhz: 1410,
  },
  l40s: {
    name: "NVIDIA_L40S",
    memoryGib: 48,
    peakFlops: 362e12,
    bandwidthBytesPerSecond: 0.864e12,
    prefillMfu: 0.32,
    idleWatts: 35,
    tdpWatts: 350,
    clockMaxMhz: 2520,
  },
  a10: {
    name: "NVIDIA_A10",
    memoryGib: 24,
    peakFlops: 125e12,
    bandwidthBytesPerSecond: 0.6e12,
    prefillMfu: 0.4,
    idleWatts: 20,
    tdpWatts: 150,
    clockMaxMhz: 1695,
  },
} as const satisfies Record<string, GpuSpec>;

export type ModelId = keyof typeof models;
export type GpuId = keyof typeof gpus;

const GIB = 2 ** 30;

/** Bytes one token holds in the KV cache, all layers, keys and values. */
export function kvBytesPerToken(model: ModelSpec): number {
  return model.layers * 2 * model.headDim * model.kvHeads * model.valueBytes;
}

/** GiB left for the KV cache on one GPU: what vLLM prints as "Available KV cache memory". Negative = does not fit. */
export function kvMemoryGib(model: ModelSpec, gpu: GpuSpec, gpuMemoryUtilization: number, tp = 1): number {
  return gpu.memoryGib * gpuMemoryUtilization - otherMemoryGib(model, tp);
}

/** Whole KV blocks of `blockSize` tokens that fit; 0 when the weights alone do not. */
export function kvBlocks(
  model: ModelSpec,
  gpu: GpuSpec,
  gpuMemoryUtilization: number,
  blockSize: number,
  tp = 1,
): number {
  const bytes = kvMemoryGib(model, gpu, gpuMemoryUtilization, tp) * GIB * tp;
  return Math.max(0, Math.floor(bytes / (kvBytesPerToken(model) * blockSize)));
}

/** The flag that leaves room for about so many blocks, to three decimals. */
export function utilizationFor(model: ModelSpec, gpu: GpuSpec, blocks: number, blockSize: number, tp: number): number {
  const gib = (blocks * kvBytesPerToken(model) * blockSize) / (GIB * tp);
  return Math.round(((gib + otherMemoryGib(model, tp)) / gpu.memoryGib) * 1000) / 1000;
}

/** What the weights, the profiling run's activation peak and memory outside of PyTorch take on each GPU. */
function otherMemoryGib(model: ModelSpec, tp: number): number {
  const weightsGib = (model.parameters * model.valueBytes) / GIB;
  const activationGib = model.experts > 0 ? 8 : 5.5;
  return (weightsGib + activationGib) / tp + (tp > 1 ? 0.6 : 0.15);
}
