// Who asks what and when: a renewal process of arrivals with lengths drawn by quantiles.
import type { Random } from "./random.ts";
import { createRandom } from "./random.ts";
import { CAPPED, STRUCTURED } from "./requests.ts";
import type { Lengths, RequestClass, Scenario, Workload } from "./scenario.ts";
import { requestClasses } from "./scenario.ts";
import { type Asked, classFactors, createTraffic, type Traffic } from "./traffic.ts";

export interface Arrivals {
  /** Virtual milliseconds of the next arrival. */
  readonly nextAt: number;
  /** Takes it and draws the one after. */
  take(): Asked;
}

export interface ArrivalOptions {
  /** Read at every arrival. */
  readonly traffic?: Traffic;
  readonly classes?: Scenario["classes"];
  readonly adapters?: number;
  /** Longest prompt; longer ones are cut. */
  readonly promptMax?: number;
}

const dayMs = 86_400_000;
/** z-scores of p50, p90 and p99; that of p10 is the negative of p90's. */
const z90 = 1.2815515655446004;
const z99 = 2.3263478740408408;

/**
 * Gamma renewal process thinned to nothing: the mean gap follows the rate of the hour.
 * Source of the shape: per-client renewal processes of production traces (CV a little over 1). Groups that share a prefix,
 * and adapters, are asked for by a Zipf law.
 * Blind to: correlation between prompt and answer, single clients.
 */
export function createArrivals(
  workload: Workload,
  replicas: number,
  seed: number,
  {
    traffic = createTraffic(),
    classes = { chat: 1 },
    adapters = 0,
    promptMax = Number.MAX_SAFE_INTEGER,
  }: ArrivalOptions = {},
): Arrivals {
  const gaps = createRandom(seed, "arrivals");
  const lengths = createRandom(seed, "lengths");
  const kinds = createRandom(seed, "kinds");
  const shape = 1 / (workload.cv * workload.cv);
  const meanMs = 1000 / (workload.ratePerReplica * replicas);
  const groups = createZipf(workload.prefixGroups);
  const pickKind = createPick(classes);
  let nextAt = gaps.gamma(shape, meanMs);
  return {
    get nextAt() {
      return nextAt;
    },
    take() {
      const factor = (1 + workload.diurnal * Math.sin((2 * Math.PI * nextAt) / dayMs)) * traffic.rateFactor;
      nextAt += gaps.gamma(shape, meanMs / factor);
      const prompt = drawLength(workload.prompt, lengths);
      const output = drawLength(workload.output, lengths);
      return ask(prompt, output);
    },
  };

  function ask(prompt: number, output: number): Asked {
    const kind = pickKind(kinds.uniform());
    const [longer, wordier] = classFactors[requestClasses[kind]!];
    const limit = workload.output.max;
    const promptTokens = Math.max(1, Math.min(promptMax, Math.round(prompt * longer * traffic.promptFactor)));
    const outputTokens = Math.max(1, Math.min(limit, Math.round(output * wordier * traffic.outputFactor)));
    const shared = traffic.volatilePrefix ? 0 : workload.prefixShare;
    const structured = traffic.structuredShare > 0 && kinds.uniform() < traffic.structuredShare;
    const adaptersNow = traffic.adapters || adapters;
    return {
      promptTokens,
      outputTokens,
      limit,
      kind,
      prefixGroup: shared === 0 ? 0 : groups(kinds.uniform()),
      prefixTokens: Math.floor(promptTokens * shared),
      // One in three asks for the base model.
      adapter: adaptersNow === 0 ? 0 : Math.floor(kinds.uniform() * 1.5 * adaptersNow) % (adaptersNow + 1),
      marks: (structured ? STRUCTURED : 0) | (outputTokens === limit ? CAPPED : 0),
    };
  }
}

/** The number, from 0, that a uniform draw stands for when the n-th is asked for 1/n as often as the first. */
function createZipf(count: number): (uniform: number) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) upTo[i] = sum += 1 / (i + 1);
  return (uniform) => {
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (upTo[middle]! < uniform * sum) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function createPick(weights: Scenario["classes"]): (uniform: number) => number {
  const all = requestClasses.map((name: RequestClass) => weights[name] ?? 0);
  const sum = all.reduce((total, each) => total + each, 0);
  return (uniform) => {
    let left = uniform * sum;
    for (const [i, weight] of all.entries()) {
      left -= weight;
      if (left < 0) return i;
    }
    return 0;
  };
}

/** A length whose logarithm runs linearly in the normal quantile between the given quantiles, at least 1. */
export function drawLength(lengths: Lengths, random: Random): number {
  return lengthAt(lengths, random.normal());
}

/** The length at a standard normal quantile. */
export function lengthAt(lengths: Lengths, z: number): number {
  const median = Math.log(lengths.p50);
  const p90 = Math.log(lengths.p90);
  let log: number;
  if (z <= 0) log = median + (z * (median - Math.log(lengths.p10))) / z90;
  else if (z <= z90) log = median + (z * (p90 - median)) / z90;
  else log = p90 + ((z - z90) * (Math.log(lengths.p99) - p90)) / (z99 - z90);
  return Math.max(1, Math.min(lengths.max, Math.round(Math.exp(log))));
}
