// Failures of the store that callers are expected to meet, each with a name.

export type StoreFailure =
  /** Another process holds the data or spool directory. */
  | "directory-in-use"
  /** Another Homeostat writes to the server's database. */
  | "database-in-use"
  /** The embedded engine cannot run on this platform or is not installed. */
  | "engine-unsupported"
  /** The engine or server cannot be reached now; trying again later may help. */
  | "unavailable"
  /** The database was made by a newer version. */
  | "schema-too-new"
  /** The database holds telemetry tables that somebody else made. */
  | "foreign-tables"
  /** The log cannot take anything: disk full, write failed, closed. */
  | "unwritable"
  /** Too much is waiting to be stored. */
  | "backlog-full"
  /** The statement is not one this door accepts. */
  | "refused";

export interface StoreError extends Error {
  readonly name: "StoreError";
  readonly kind: StoreFailure;
}

/** An error that says what happened, where, and what to do. */
export function storeError(kind: StoreFailure, message: string, cause?: unknown): StoreError {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { name: "StoreError" as const, kind });
}

export function isStoreError(error: unknown): error is StoreError {
  return error instanceof Error && error.name === "StoreError";
}

/** The number in `Code: N. DB::Exception: …`, wherever the engine's message ended up; undefined for other failures. */
export function engineCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = (error as { readonly code?: unknown }).code;
  if (typeof own === "string" && /^\d+$/.test(own)) return Number(own);
  const inText = /Code: (\d+)\./.exec(error.message);
  return inText === null ? undefined : Number(inText[1]);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
