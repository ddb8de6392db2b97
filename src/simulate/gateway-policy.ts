// How the gateway is set: timeouts, tries, weights.
import type { Scenario } from "./scenario.ts";

/** How the gateway is set; faults and operators change it. */
export interface GatewayPolicy {
  /** It gives a request up after so long. */
  timeoutMs: number;
  /** A try that is not done after so long is sent again, to whoever is free. Infinity = never. */
  tryTimeoutMs: number;
  triesMax: number;
  /** How often the router hears how busy replicas are; 0 = it knows. */
  staleMs: number;
  /** Weight of each replica; a replica of weight 2 counts as half as busy. */
  readonly weights: Float64Array;
  /** Share of requests that go to a pool that is not made for them. */
  misrouteShare: number;
}

/** Replicas there may ever be. */
const replicasMax = 32;

export function createPolicy(scenario: Scenario): GatewayPolicy {
  return {
    timeoutMs: scenario.requestTimeoutMs,
    tryTimeoutMs: Number.POSITIVE_INFINITY,
    triesMax: 4,
    staleMs: 0,
    weights: new Float64Array(replicasMax).fill(1),
    misrouteShare: 0,
  };
}
