// Loads that a scenario can name, by the published quantiles of production traces.
import { conversation, type Workload } from "./scenario.ts";

interface Source {
  readonly workload: Workload;
  /** Context the engines are started with unless the scenario says otherwise. */
  readonly maxModelLen: number;
}

/** Rates are for each replica at scale 1. */
export const sources: Readonly<Record<string, Source>> = {
  /** A large provider's conversation service: 5.5 requests a second, hardly bursty. */
  "azure-conv": {
    workload: { ...conversation, ratePerReplica: 5.53, diurnal: 0, prefixShare: 0.37, prefixGroups: 200 },
    maxModelLen: 8192,
  },
  /** A chat service with long contexts, 3.4 requests a second over four replicas; p10 by symmetry. */
  "mooncake-conversation": {
    workload: {
      ratePerReplica: 0.85,
      cv: 1.1,
      diurnal: 0,
      prompt: { p10: 1744, p50: 6909, p90: 27_367, p99: 85_401, max: 120_000 },
      output: { p10: 205, p50: 350, p90: 597, p99: 1120, max: 2000 },
      prefixShare: 0.37,
      prefixGroups: 400,
    },
    maxModelLen: 131_072,
  },
  synthetic: {
    workload: { ...conversation, ratePerReplica: 5, cv: 1, diurnal: 0, prefixShare: 0.5, prefixGroups: 64 },
    maxModelLen: 8192,
  },
};
