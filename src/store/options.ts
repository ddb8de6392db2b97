// What a store is opened with.
import type { BudgetBytes } from "./budget.ts";
import type { RetentionDays } from "./retention.ts";

export interface StoreOptions {
  /** A ClickHouse server; absent = the embedded engine. */
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  /** Makes tables replicated and distributed over this cluster. */
  readonly cluster?: string;
  /** The default tenant's, default `homeostat`; tenant T has `<database>_<T>`. */
  readonly database?: string;
  /** Tenants whose databases are there from the start; others' are made with their first rows. */
  readonly tenants?: readonly string[];
  /** Embedded data and the log of received telemetry live under it. */
  readonly directory: string;
  /** Received and not yet stored beyond which intake is refused; default 2 GiB. */
  readonly backlogLimitBytes?: number;
  /** Free disk below which intake is refused; default 256 MiB. */
  readonly diskFloorBytes?: number;
  /** Absent kinds are kept for ever. */
  readonly retentionDays?: RetentionDays;
  /** Bytes on disk a signal may take, kept by `enforceBudgets`; absent ones may take any. */
  readonly budgetBytes?: BudgetBytes;
  /** Memory the embedded engine may use; default 1.2 GiB. */
  readonly engineMemoryBytes?: number;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}
