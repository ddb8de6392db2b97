// The ways a store reaches ClickHouse, so that one suite can hold each to the same: embedded, over TCP to an engine
// process of our own, and to the server CLICKHOUSE_URL names, where it names one.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import { type Counts, countingTelemetry, temporaryFolder } from "./support.ts";

export interface Door {
  readonly name: string;
  /** True if the files behind it are ours to spoil. */
  readonly files: boolean;
  readonly mode: "embedded" | "server";
  /** A place of its own, empty, with nothing running but what stores are opened on. */
  enter(): Promise<Place>;
}

/** A folder and a database that nobody else uses. */
export interface Place {
  readonly directory: string;
  readonly database: string;
  readonly counts: Counts;
  /** What else a writer in another process needs in order to open the same store. */
  readonly url: string | undefined;
  /** Opens the store of this place, again and again if wanted; closed by `leave` at the latest. */
  open(more?: Partial<StoreOptions>): Promise<Store>;
  /** The same database without a store around it. */
  bare(): Promise<Database>;
  /** Closes the stores, ends the engine, changes files while nobody holds them. */
  whileClosed(change: () => void): Promise<void>;
  /** Closes all, drops the databases and removes the folder. */
  leave(): Promise<void>;
}

const memoryBytes = 1_200_000_000;
const serverUrl = process.env["CLICKHOUSE_URL"];

export const doors: readonly Door[] = [
  { name: "embedded", files: true, mode: "embedded", enter: () => enter("embedded") },
  { name: "over TCP", files: true, mode: "server", enter: () => enter("tcp") },
  ...(serverUrl === undefined
    ? []
    : [{ name: "on CLICKHOUSE_URL", files: false, mode: "server", enter: () => enter("server") } as const]),
];

async function enter(kind: "embedded" | "tcp" | "server"): Promise<Place> {
  const folder = await temporaryFolder();
  const counts = countingTelemetry();
  const database = `hs_${randomUUID().replaceAll("-", "").slice(0, 12)}`;
  const used = new Set<string>([database]);
  const closing: (() => Promise<void>)[] = [];
  const start = (tcp: boolean): Promise<Engine> =>
    startEngine({ path: join(folder.path, tcp ? "server" : "data"), memoryBytes, tcp }, silentTelemetry);
  let engine: Engine | undefined = kind === "tcp" ? await start(true) : undefined;
  const url = (): string | undefined =>
    kind === "server" ? serverUrl : engine && `http://127.0.0.1:${engine.tcpPort()}`;
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  const place: Place = {
    directory: folder.path,
    database,
    counts,
    get url() {
      return url();
    },
    async open(more = {}) {
      const server = url();
      used.add(more.database ?? database);
      const store = await openStore(
        {
          directory: folder.path,
          database,
          now: Date.now,
          diskFloorBytes: 1,
          ...(server === undefined ? {} : { url: server }),
          ...more,
        },
        counts.telemetry,
      );
      closing.push(() => Promise.resolve(store[Symbol.asyncDispose]()));
      return store;
    },
    async bare() {
      const own = kind === "embedded" ? await start(false) : undefined;
      if (own !== undefined) closing.push(() => own.close());
      const server = url();
      const opened = openDatabase({
        database,
        ...(server === undefined ? {} : { url: server }),
        ...(own === undefined ? {} : { agent: own.agent }),
      });
      closing.push(() => opened.close());
      return opened;
    },
    async whileClosed(change) {
      await closeAll();
      await engine?.close();
      change();
      if (engine !== undefined) engine = await start(true);
    },
    async leave() {
      await closeAll();
      if (kind === "server") {
        const own = openDatabase({ url: serverUrl!, database });
        // Tenants' as well: each begins with the name of its store's.
        const names = await own.select<[string]>("SELECT name FROM system.databases");
        for (const [name] of names)
          if ([...used].some((one) => name.startsWith(one))) await own.command(`DROP DATABASE IF EXISTS ${name} SYNC`);
        await own.close();
      }
      await engine?.close();
      await folder.remove();
    },
  };
  return place;
}
