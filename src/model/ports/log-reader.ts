// Log records as detection reads them: by arrival, in columns, one query a page.
import type { Labels } from "../labels.ts";
import type { Instant } from "../time.ts";

/** Who sent a record, as far as it tells entities and releases apart. */
export interface LogOrigin {
  readonly service: string;
  /** `service.name` and the few other attributes by which replicas, nodes and releases are told apart; none is empty. */
  readonly resource: Labels;
  /** Whose it is, told as soon as there is more than one tenant. */
  readonly tenant?: string;
}

/** Records in the order they were stored in; the columns are `records` long. */
export interface LogPage {
  readonly records: number;
  readonly at: Float64Array;
  /** OpenTelemetry's numbers; 0 where the record says none. */
  readonly severity: Uint8Array;
  /** Places in `origins`. */
  readonly origin: Int32Array;
  /** Of a long text its beginning and its end. */
  readonly bodies: readonly string[];
  readonly origins: readonly LogOrigin[];
  /** Hand back to read on. */
  readonly cursor: string;
  /** There was more than a page: call again. */
  readonly more: boolean;
  /** The cursor lay beyond all that there ever was, as after the restore of an older copy: reading goes on at the end of what is there. */
  readonly beyond?: boolean;
}

export interface LogReader {
  /**
   * Records with a text stored after `cursor`, whatever their event time, but not those older than `notBefore`. Never skips
   * a stored record and never gives one twice. An empty cursor reads from the start.
   */
  logsAfter(cursor: string, notBefore: Instant): Promise<LogPage>;
}
