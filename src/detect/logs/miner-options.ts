// What a log miner may be told, and what it does untold.
import type { DurationMs } from "../../model/time.ts";
import type { ChangeOptions } from "./changes.ts";

export interface LogMinerOptions extends ChangeOptions {
  readonly stepMs: DurationMs;
  /** How long a step waits for late records. */
  readonly latenessMs: DurationMs;
  /**
   * Records later than this behind the newest of their service are given a template, and counted nowhere; a service that
   * says nothing for so long while others go on is silent.
   */
  readonly tooLateMs: DurationMs;
  /** How long an instance counts as starting: what it says is learned, and nothing is found in it. */
  readonly startMs: DurationMs;
  readonly maxTemplates: number;
  /** Line forms remembered, for speed only. */
  readonly maxForms: number;
  /** Pairs of service and version counted; lines of further ones are still given a template. */
  readonly maxScopes: number;
  /** Templates counted, those of each service and version by themselves. */
  readonly maxCounted: number;
  /** Instances remembered of each service and version. */
  readonly maxInstances: number;
  /** Findings told of a service and version at one step, the most severe first. */
  readonly maxFindings: number;
  /** Characters of the example kept of each template. */
  readonly maxExample: number;
  /** Steps for which a template that has fallen silent still says zero, so that its rate is seen to fall. */
  readonly zeroSteps: number;
}

export const logMinerDefaults: LogMinerOptions = {
  stepMs: 30_000,
  latenessMs: 5000,
  tooLateMs: 120_000,
  startMs: 300_000,
  maxTemplates: 5000,
  maxForms: 50_000,
  maxScopes: 500,
  maxCounted: 20_000,
  maxInstances: 1000,
  maxFindings: 5,
  maxExample: 300,
  zeroSteps: 20,
  referenceSteps: 120,
  graceSteps: 20,
  // With a thousand services and a step of half a minute, one false change in some three weeks if lines came as assumed.
  alpha: 1e-8,
  burstRatio: 3,
  burstLines: 10,
  mixShare: 0.25,
};
