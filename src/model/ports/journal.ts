// Where received telemetry is promised to.
import type { ColumnBatch } from "../batch.ts";

/** What the journal says of its room: intake refuses work by it. */
export interface JournalPressure {
  /** Bytes logged and not yet stored. */
  readonly backlogBytes: number;
  readonly backlogLimitBytes: number;
  /** False when the log cannot take anything: disk full, log failed. */
  readonly writable: boolean;
  /** Says why not. */
  readonly reason?: string;
}

export interface Journal {
  /**
   * Resolves once every batch survives `kill -9` and a power cut (own log, fsynced). From then on each row will be stored
   * exactly once. Rejects if the promise cannot be given; then nothing of `batches` will be stored.
   * `requestKeys` are content hashes of the requests inside, remembered so that a resend is recognised after a restart too.
   * All rows belong to `tenant` and are stored where only its rows are; absent: the default tenant.
   */
  append(batches: readonly ColumnBatch[], requestKeys?: readonly string[], tenant?: string): Promise<void>;
  /** True if a request with this content hash was promised within the window. */
  seen(requestKey: string): boolean;
  pressure(): JournalPressure;
}
