// What an advisor is: telemetry in, advice out.
import type { Entity } from "../model/entity.ts";
import type { Diagnosis } from "../model/incident.ts";
import type { LogSource } from "../model/ports/log-source.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Recommendation } from "../model/recommendation.ts";
import type { Instant } from "../model/time.ts";

export interface Situation {
  readonly at: Instant;
  readonly diagnoses: readonly Diagnosis[];
  readonly entities: readonly Entity[];
}

export interface Sources {
  readonly source: SeriesSource;
  readonly logs: LogSource;
}

export interface Advisor {
  readonly name: string;
  /** Nothing to say is the usual answer. The same situation gives the same advice, under the same id. */
  advise(situation: Situation, sources: Sources): Promise<readonly Recommendation[]>;
}
