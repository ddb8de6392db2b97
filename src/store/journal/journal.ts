// The promise: what was appended is stored exactly once, whatever dies in between.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Journal } from "../../model/ports/journal.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { defaultTenant } from "../../model/tenant.ts";
import type { Database } from "../database.ts";
import { messageOf, storeError } from "../errors.ts";
import { migrate } from "../migrate.ts";
import { createTenants, type Tenants } from "../tenants.ts";
import { readCheckpoint, spoolIdOf, writeCheckpoint } from "./checkpoint.ts";
import { lockDirectory } from "./directory-lock.ts";
import { createDrainer, laneName } from "./drainer.ts";
import { createInserter, type Inserter } from "./inserter.ts";
import { type Frame, openLog } from "./log.ts";
import type { Rows } from "./native-block.ts";
import { createRequestKeys } from "./request-keys.ts";

export interface JournalOptions {
  readonly directory: string;
  readonly database: Database;
  /** Absent: the tenants of that database, made as they come. */
  readonly tenants?: Tenants;
  readonly backlogLimitBytes: number;
  readonly diskFloorBytes: number;
  /** Size at which a log file is closed and the next begun; default 64 MiB. */
  readonly fileBytes?: number;
  readonly now: () => number;
  readonly enginesLost: () => number;
}

export interface Spool {
  readonly journal: Journal;
  /** Like append for any table, and resolves with the batch ids. */
  append(batches: readonly Rows[], keys?: readonly string[], tenant?: string): Promise<readonly bigint[]>;
  /** All rows of all batches with ids up to this one, of all tenants or of one, are stored (or set aside and counted). */
  storedThrough(tenant?: string): bigint;
  /** The highest id given to any batch that is safe in the log, stored or not. */
  lastId(): bigint;
  /** Resolves when everything appended before the call is stored. */
  flushed(): Promise<void>;
  /** Resolves with true when `id` is stored, without gathering more first; with false after `limitMs`. */
  stored(id: bigint, limitMs: number): Promise<boolean>;
  /**
   * Resolves when everything appended before the call is stored and can never be stored from the log again, whatever
   * dies. Rejects if the disk takes nothing.
   */
  settled(): Promise<void>;
  /** Takes no more, stores what it can within `graceMs`; the rest stays in the log. */
  close(graceMs: number): Promise<void>;
}

const keyWindowMs = 600_000;
const keysMax = 200_000;
const watchMs = 1000;

/** Throws a StoreError `directory-in-use` if another process has this spool. */
export async function openJournal(options: JournalOptions, telemetry: Telemetry): Promise<Spool> {
  const { directory, database } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(directory);
  try {
    return await open(options, telemetry, unlock);
  } catch (error) {
    unlock();
    throw error;
  }

  async function open(options: JournalOptions, telemetry: Telemetry, unlock: () => void): Promise<Spool> {
    const spoolId = spoolIdOf(directory);
    const checkpoint = readCheckpoint(directory);
    const keys = createRequestKeys(keyWindowMs, keysMax);
    const deadDirectory = join(directory, "dead");
    // A server may still be busy with what our predecessor sent.
    await database.quiet(`homeostat-insert:${spoolId}:`, () => wait(20));

    let waiters: { readonly id: bigint; resolve(): void }[] = [];
    let dirty = false;
    let closed = false;
    const tenants =
      options.tenants ??
      createTenants({ database, prepare: (own, comment) => migrate(own, telemetry.log, { comment }) });
    /** An inserter knows its database's indexes, so a database made anew has another. */
    const inserters = new WeakMap<Database, Inserter>([[database, await createInserter(database)]]);
    const inserterOf = async (tenant: string): Promise<Inserter> => {
      const own = await tenants.open(tenant);
      const inserter = inserters.get(own) ?? (await createInserter(own));
      inserters.set(own, inserter);
      return inserter;
    };
    const drainer = createDrainer(
      {
        database,
        inserterOf,
        databaseGone: tenants.forget,
        spoolId,
        deadDirectory,
        enginesLost: options.enginesLost,
        onStored(frame) {
          checkpoint.tables.set(laneName(frame), frame.id);
          dirty = true;
          const through = storedThrough();
          const ready = waiters.filter((waiter) => waiter.id <= through);
          waiters = waiters.filter((waiter) => waiter.id > through);
          for (const waiter of ready) waiter.resolve();
        },
      },
      telemetry,
    );
    const { log, recovered } = await openLog(
      {
        directory: join(directory, "log"),
        deadDirectory,
        fileBytes: options.fileBytes ?? 64 * 1024 * 1024,
        diskFloorBytes: options.diskFloorBytes,
        keys,
        lastId: checkpoint.lastId,
        now: options.now,
        onSafe: (frames) => drainer.offer(frames, false),
      },
      telemetry,
    );
    const isOpen = (frame: Frame): boolean => frame.id > (checkpoint.tables.get(laneName(frame)) ?? 0n);
    for (const frame of recovered) if (!isOpen(frame)) frame.done();
    drainer.offer(recovered.filter(isOpen), true);

    const storedThrough = (tenant?: string): bigint => {
      const oldest = drainer.oldest(tenant);
      return oldest === undefined ? log.lastId() : oldest - 1n;
    };
    const saveCheckpoint = async (): Promise<void> => {
      dirty = false;
      checkpoint.lastId = log.lastId();
      await writeCheckpoint(directory, checkpoint).catch((error: unknown) => {
        telemetry.log.warn("store: the checkpoint cannot be written", { error: messageOf(error) });
      });
    };
    const watch = setInterval(() => {
      if (log.trouble() !== undefined) void log.heal();
      if (dirty) void saveCheckpoint();
      telemetry.gauge("homeostat.store.backlog_bytes", drainer.backlogBytes() + log.waitingBytes());
    }, watchMs);
    watch.unref();

    const pressure: Journal["pressure"] = () => {
      const reason = closed ? "the store is closing" : log.trouble();
      return {
        backlogBytes: drainer.backlogBytes() + log.waitingBytes(),
        backlogLimitBytes: options.backlogLimitBytes,
        writable: reason === undefined,
        ...(reason === undefined ? {} : { reason }),
      };
    };
    const append = async (
      batches: readonly Rows[],
      requestKeys: readonly string[] = [],
      tenant: string = defaultTenant,
    ): Promise<readonly bigint[]> => {
      const { writable, reason, backlogBytes, backlogLimitBytes } = pressure();
      if (!writable) throw storeError("unwritable", `The log of received telemetry takes nothing: ${reason}.`);
      if (backlogBytes >= backlogLimitBytes)
        throw storeError(
          "backlog-full",
          `${backlogBytes} bytes wait to be stored and the limit is ${backlogLimitBytes}; try again later.`,
        );
      return await log.append(
        batches.filter((batch) => batch.rows > 0),
        requestKeys,
        tenant,
      );
    };
    const stored = async (id: bigint, limitMs?: number): Promise<boolean> => {
      drainer.hurry(id);
      if (storedThrough() >= id) return true;
      return await new Promise((resolve) => {
        const timer = limitMs === undefined ? undefined : setTimeout(() => resolve(false), limitMs);
        const done = (): void => {
          clearTimeout(timer);
          resolve(true);
        };
        waiters.push({ id, resolve: done });
      });
    };
    return {
      journal: {
        append: async (batches, requestKeys, tenant) => void (await append(batches, requestKeys, tenant)),
        seen: (key) => keys.has(key, options.now()),
        pressure,
      },
      append,
      storedThrough,
      lastId: log.lastId,
      stored,
      async flushed() {
        await log.settled();
        await stored(log.lastId());
      },
      async settled() {
        await log.rotate();
        await stored(log.lastId());
        checkpoint.lastId = log.lastId();
        await writeCheckpoint(directory, checkpoint, true);
      },
      async close(graceMs) {
        closed = true;
        await log.settled();
        const last = log.lastId();
        await stored(last, graceMs);
        await drainer.close(graceMs);
        clearInterval(watch);
        await log.close();
        await saveCheckpoint();
        unlock();
      },
    };
  }
}
