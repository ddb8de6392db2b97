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
  /**
   * Records whose body contains the text, or one of the texts (case-sensitive, literal; at most 255), newest first. At most `limit`
   * for each text; a record with several of them counts for the one named first.
   */
  search(query: {
    readonly contains: string | readonly string[];
    readonly range: TimeRange;
    readonly limit: number;
  }): Promise<readonly LogRecord[]>;
}
