// One Homeostat a database on a server: watermarks tell how far the log of one spool is stored, so rows of a second one
// could come in behind them and be missed by detection and rollups. The embedded engine locks its directory itself.
import { setTimeout as wait } from "node:timers/promises";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Database, onCluster } from "./database.ts";
import { backquote, quote } from "./engine/sql-text.ts";
import { messageOf, storeError } from "./errors.ts";

export interface OwnerOptions {
  readonly database: Database;
  /** Names the spool, for ever. */
  readonly spoolId: string;
  /** Wall time, Unix ms; compared only with what this process wrote before, so clocks of others may be off. */
  readonly now: () => number;
  /** Distance of signs of life; default 2 s. */
  readonly beatMs?: number;
}

interface Sign {
  readonly id: string;
  readonly state: "claiming" | "owning" | "released";
  readonly beat: string;
}

const table = "homeostat_owners";
/** Without a sign of life for so many beats an owner counts as dead. */
const patienceBeats = 3;

/**
 * Claims the database; the result gives it back. An owner that died keeps the next one waiting for three beats. Rejects with a
 * StoreError `database-in-use` if another spool's owner lives. Blind to an owner that is stopped for longer and goes on:
 * both then tell so in the log, and no row is lost.
 */
export async function claimDatabase(options: OwnerOptions, telemetry: Telemetry): Promise<() => Promise<void>> {
  const { database, spoolId, now, beatMs = 2000 } = options;
  const { cluster } = database;
  const engine = cluster === undefined ? "ReplacingMergeTree" : "ReplicatedReplacingMergeTree";
  const makeTable = (): Promise<void> =>
    database.command(
      `CREATE TABLE IF NOT EXISTS ${database.table(table)}${onCluster(database)} (id String, state LowCardinality(String), beat UInt64)
      ENGINE = ${engine}(beat) ORDER BY id`,
    );
  await makeTable();
  let beat = 0;
  const say = async (state: Sign["state"]): Promise<void> => {
    beat = Math.max(beat + 1, Math.floor(now()));
    await database.command(
      `INSERT INTO ${database.table(table)} (id, state, beat) VALUES (${quote(spoolId)}, '${state}', ${beat})`,
    );
  };
  const others = async (): Promise<readonly Sign[]> => {
    const from =
      cluster === undefined
        ? database.table(table)
        : `clusterAllReplicas(${backquote(cluster)}, ${backquote(database.name)}, ${table})`;
    const rows = await database.select<[string, Sign["state"], string]>(
      `SELECT id, argMax(state, beat), toString(max(beat)) FROM ${from} WHERE id != ${quote(spoolId)} GROUP BY id`,
    );
    return rows.map(([id, state, beat]) => ({ id, state, beat })).filter(({ state }) => state !== "released");
  };
  /** Those who gave a sign of life since `before`. */
  const alive = (before: readonly Sign[], after: readonly Sign[]): readonly Sign[] =>
    after.filter(({ id, beat }) => before.every((one) => one.id !== id || one.beat !== beat));

  await say("claiming");
  const before = await others();
  if (before.length > 0) {
    for (let beats = 0; beats < patienceBeats; beats++) {
      await wait(beatMs);
      await say("claiming");
    }
    // Of two that claim at once, one must go on.
    const rival = alive(before, await others()).find(({ id, state }) => state === "owning" || id < spoolId);
    if (rival !== undefined) {
      await say("released");
      throw storeError(
        "database-in-use",
        `Another running Homeostat (spool ${rival.id}) writes to database ${database.name}. Stop it, or set another store.database.`,
      );
    }
  }
  await say("owning");

  let seen = before;
  let beating: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    await say("owning");
    const found = await others();
    const rivals = alive(seen, found).filter(({ state }) => state === "owning");
    seen = found;
    if (rivals.length === 0) return;
    telemetry.count("homeostat.store.alarms", 1, { reason: "second-owner" });
    telemetry.log.error("store: another Homeostat writes to this database; stop one of them", {
      database: database.name,
      spool: rivals[0]!.id,
    });
  };
  const timer = setInterval(() => {
    beating ??= look()
      // An erase of everything takes the table along.
      .catch(() => makeTable())
      .catch((error: unknown) => {
        telemetry.log.debug("store: no sign of life could be given", { error: messageOf(error) });
      })
      .finally(() => {
        beating = undefined;
      });
  }, beatMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await beating;
    await say("released");
  };
}
