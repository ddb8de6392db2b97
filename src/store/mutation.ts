// Changing stored rows for good: parts are written anew without what must go.
import { setTimeout as wait } from "node:timers/promises";
import { type Database, localTable, onCluster, systemTable } from "./database.ts";
import { quote } from "./engine/sql-text.ts";
import { storeError } from "./errors.ts";

const pollMs = 50;

/** `change`: `DELETE WHERE …` or `UPDATE …`. Resolves when every part is rewritten; throws a StoreError when one cannot be. */
export async function mutate(database: Database, table: string, change: string): Promise<void> {
  const name = localTable(database, table);
  const local = database.cluster === undefined ? table : `${table}_local`;
  // Not waited for inside the statement: that would end with the client's timeout.
  await database
    .command(`ALTER TABLE ${name}${onCluster(database)} ${change} SETTINGS mutations_sync = 0`)
    .catch((error: unknown) => failed(database, local, String(error)));
  for (;;) {
    const open = await database.select<[string]>(
      `SELECT latest_fail_reason FROM ${systemTable(database, "mutations")}
        WHERE database = {database:String} AND table = {table:String} AND NOT is_done AND NOT is_killed`,
      { database: database.name, table: local },
    );
    if (open.length === 0) return;
    const reason = open.map(([reason]) => reason).find((reason) => reason !== "");
    if (reason !== undefined) await failed(database, local, reason);
    await wait(pollMs);
  }
}

/** Stops the mutation, which would otherwise be tried for ever, and says why it failed. */
async function failed(database: Database, table: string, reason: string): Promise<never> {
  await database
    .command(
      `KILL MUTATION${onCluster(database)} WHERE database = ${quote(database.name)} AND table = ${quote(table)} AND NOT is_done`,
    )
    .catch(() => {});
  throw storeError(
    "unavailable",
    `Rows of ${table} could not be removed: ${reason.slice(0, 500)}. What the message names must be repaired first; ` +
      "then do it again.",
  );
}

/**
 * 128-bit SipHash of a text, in hexadecimal. Conditions of mutations name it instead of the text, because the engine
 * remembers mutations, and what is erased must not live on in them.
 */
export async function fingerprint(database: Database, text: string): Promise<string> {
  const [[print] = [""]] = await database.select<[string]>("SELECT hex(sipHash128({text:String}))", { text });
  return print;
}

/** SQL that is true where the expression's value has one of these fingerprints. */
export function hasFingerprint(expression: string, prints: readonly string[]): string {
  return prints.length === 0
    ? "0"
    : `hex(sipHash128(${expression})) IN (${prints.map((print) => quote(print)).join(", ")})`;
}
