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
  },
  a100: {
    name: "NVIDIA_A100-SXM4-80GB",
    memoryGib: 80,
    peakFlops: 312e12,
    bandwidthBytesPerSecond: 2.039e12,
    prefillMfu: 0.38,
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
export function kvMemoryGib(model: ModelSpec, gpu: GpuSpec, gpuMemoryUtilization: number): number {
  const weightsGib = (model.parameters * model.valueBytes) / GIB;
  // Activation peak of the profiling run and memory outside of PyTorch, as measured for single-GPU replicas.
  const activationGib = model.experts > 0 ? 8 : 5.5;
  const nonTorchGib = 0.15;
  return gpu.memoryGib * gpuMemoryUtilization - weightsGib - activationGib - nonTorchGib;
}

/** Whole KV blocks of `blockSize` tokens that fit; 0 when the weights alone do not. */
export function kvBlocks(model: ModelSpec, gpu: GpuSpec, gpuMemoryUtilization: number, blockSize: number): number {
  const bytes = kvMemoryGib(model, gpu, gpuMemoryUtilization) * GIB;
  return Math.max(0, Math.floor(bytes / (kvBytesPerToken(model) * blockSize)));
}
