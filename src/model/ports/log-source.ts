// Log records for diagnosis and advice.
import type { EntityId } from "../entity.ts";
import type { Labels } from "../labels.ts";
import type { Instant, TimeRange } from "../time.ts";

export interface LogRecord {
  readonly at: Instant;
  readonly service: string;
  readonly severity: number;
  readonly body: string;
  readonly resource: Labels;
  readonly attributes: Labels;
  readonly entity?: EntityId;
  /** Whose it is; absent: the default tenant's. */
  readonly tenant?: string;
}

export interface LogSource {
  /** Records whose body contains `contains` (case-sensitive, literal), newest first, at most `limit`. */
  search(query: {
    readonly contains: string;
    readonly range: TimeRange;
    readonly limit: number;
  }): Promise<readonly LogRecord[]>;
}
