// vLLM's fused-MoE kernel configuration: what its file names mean, and which kernel parameters are worth trying.

/** What the name of a configuration file says. */
export interface MoeConfig {
  /** As vLLM looks for it. */
  readonly file: string;
  /** Experts on one GPU. */
  readonly experts: number;
  /** Intermediate size on one GPU. */
  readonly n: number;
  readonly device: string;
  readonly dtype?: string;
  /** [n, k] of block-wise quantisation. */
  readonly blockShape?: readonly [number, number];
}

export interface SearchSpace {
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  /** Combinations in all, and how many of them the device can launch. */
  readonly total: number;
  readonly valid: number;
  readonly sharedMemoryKib: number;
  /** The device is not in our list, so the smallest limit among current GPUs is assumed. */
  readonly assumed: boolean;
}

/** Token counts for which vLLM's tuner writes an entry; at run time the nearest entry is used. */
export const tokenCounts: readonly number[] = [
  1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096,
];

/** Bytes of an activation and of a weight as the kernel loads them. */
const elementBytes: Readonly<Record<string, readonly [number, number]>> = {
  fp8_w8a8: [1, 1],
  int8_w8a8: [1, 1],
  int8_w8a16: [2, 1],
  // Unpacked in registers, but loaded packed: counted as a byte to stay on the safe side.
  int4_w4a16: [2, 1],
};

/** Shared memory one block may use, KiB. Sources: CUDA C programming guide, compute capabilities; CDNA3 ISA (LDS). */
const sharedMemory: readonly (readonly [RegExp, number])[] = [
  [/H100|H200|H800|H20|GH200|B200|B300|GB200|GB300/, 227],
  [/A100|A800|A30(?!\d)/, 163],
  [/Tesla_T4|RTX_20\d\d/, 64],
  [/L4|L40|A10|A40|A16|A6000|A5000|A4000|RTX/, 99],
  [/V100/, 96],
  [/MI\d{3}/, 64],
];
const sharedMemoryUnknownKib = 99;

/** The file vLLM did not find, read off its log line; undefined when the line names none. Nothing but the checked parts is kept. */
export function parseMissingConfig(line: string): MoeConfig | undefined {
  const found =
    /E=(\d{1,5}),N=(\d{1,6}),device_name=([\w.+-]{1,80}?)(?:,dtype=([a-z0-9_]{1,20}))?(?:,block_shape=\[(\d{1,4}), ?(\d{1,4})\])?\.json/.exec(
      line,
    );
  if (found === null) return undefined;
  const [, experts, n, device, dtype, blockN, blockK] = found;
  if (Number(experts) === 0 || Number(n) === 0 || (dtype !== undefined && !Object.hasOwn(elementBytes, dtype)))
    return undefined;
  const blockShape = blockN === undefined ? undefined : ([Number(blockN), Number(blockK)] as const);
  const parts = [`E=${experts}`, `N=${n}`, `device_name=${device}`];
  if (dtype !== undefined) parts.push(`dtype=${dtype}`);
  if (blockShape !== undefined) parts.push(`block_shape=[${blockShape.join(",")}]`);
  return {
    file: `${parts.join(",")}.json`,
    experts: Number(experts),
    n: Number(n),
    device: device!,
    ...(dtype === undefined ? {} : { dtype }),
    ...(blockShape === undefined ? {} : { blockShape }),
  };
}

/** The entry vLLM would use for a step of `tokens` tokens. */
export function nearestCount(tokens: number): number {
  return tokenCounts.reduce((best, count) => (Math.abs(count - tokens) < Math.abs(best - tokens) ? count : best));
}

/**
 * Parameters worth trying for steps of up to `tokensMax` tokens. A combination is valid when its pipeline buffers
 * (num_stages x (BM x BK + BK x BN) elements, the usual bound for a Triton GEMM) fit a block's shared memory. Blind to
 * registers: some valid ones will still spill.
 */
export function searchSpace(config: MoeConfig, tokensMax: number): SearchSpace {
  const known = sharedMemory.find(([pattern]) => pattern.test(config.device))?.[1];
  const sharedMemoryKib = known ?? sharedMemoryUnknownKib;
  const amd = /^AMD|MI\d{3}/.test(config.device);
  const [blockN, blockK] = config.blockShape ?? [1, 1];
  // Tiles much taller than the rows an expert gets are padding. Up to 8 experts a token is usual.
  const rows = (tokensMax * 8) / config.experts;
  const parameters = {
    BLOCK_SIZE_M: [16, 32, 64, 128, 256].filter((size) => size <= Math.max(64, 4 * rows)),
    BLOCK_SIZE_N: [32, 64, 128, 256].filter((size) => size % blockN === 0 || blockN % size === 0),
    BLOCK_SIZE_K: [64, 128, 256].filter((size) => size % blockK === 0 || blockK % size === 0),
    GROUP_SIZE_M: [1, 16, 32, 64],
    num_warps: amd ? [1, 2, 4, 8] : [4, 8],
    num_stages: amd ? [2] : [2, 3, 4, 5],
  };
  const rest = parameters.GROUP_SIZE_M.length * parameters.num_warps.length;
  let total = 0;
  let valid = 0;
  for (const m of parameters.BLOCK_SIZE_M) {
    for (const n of parameters.BLOCK_SIZE_N) {
      for (const k of parameters.BLOCK_SIZE_K) {
        for (const stages of parameters.num_stages) {
          total += rest;
          if (sharedBytes(config, m, n, k, stages) <= sharedMemoryKib * 1024) valid += rest;
        }
      }
    }
  }
  return { parameters, total, valid, sharedMemoryKib, assumed: known === undefined };
}

function sharedBytes({ dtype }: MoeConfig, m: number, n: number, k: number, stages: number): number {
  const [activation, weight] = elementBytes[dtype ?? ""] ?? [2, 2];
  return stages * (m * k * activation + k * n * weight);
}
