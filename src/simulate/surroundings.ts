// What surrounds the engines and can go wrong: shared storage, control plane, applications, the telemetry itself.

export interface Surroundings {
  /** The volume that weights and compiled kernels are read from when a process starts. */
  readonly storage: { weightsCorrupt: boolean; cachePoisoned: boolean };
  readonly cluster: {
    /** Nobody heals, scales or rolls out. */
    controllerDown: boolean;
    controllerSince: number;
    /** A liveness probe that waits so long for an answer; Infinity = it asks /health, which always answers. */
    probeTimeoutMs: number;
    /** How long the API server takes, 99th percentile, seconds. */
    apiServerSeconds: number;
  };
  readonly apps: {
    /** Share of retrievals that find nothing, or err for the dimension of their vectors. */
    emptyShare: number;
    dimensionShare: number;
    /** Seconds since the index was last written, beyond the usual. */
    indexAgeSeconds: number;
    /** Requests pass although the guardrail does not answer. */
    guardrailOpen: boolean;
    /** Share of calls to the provider outside that are turned away for their rate. */
    upstreamLimited: number;
    /** Rounds of agents that go in circles, a second, and the tokens of context of each. */
    loopsPerSecond: number;
    loopTokens: number;
  };
  readonly telemetry: {
    /** Share of everything sent that gets lost, on top of the scenario's. */
    lost: number;
  };
}

export function createSurroundings(): Surroundings {
  return {
    storage: { weightsCorrupt: false, cachePoisoned: false },
    cluster: {
      controllerDown: false,
      controllerSince: 0,
      probeTimeoutMs: Number.POSITIVE_INFINITY,
      apiServerSeconds: 0.2,
    },
    apps: {
      emptyShare: 0,
      dimensionShare: 0,
      indexAgeSeconds: 0,
      guardrailOpen: false,
      upstreamLimited: 0,
      loopsPerSecond: 0,
      loopTokens: 0,
    },
    telemetry: { lost: 0 },
  };
}
