// One ClickHouse database, embedded or on a server, through the one client.
import type { Agent } from "node:http";
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from "@clickhouse/client";
import { backquote } from "./engine/sql-text.ts";
import { engineCode, storeError } from "./errors.ts";

export interface DatabaseOptions {
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  readonly cluster?: string;
  readonly database: string;
  /** Leads to the embedded engine, instead of `url`. */
  readonly agent?: Agent;
  /** Settings of every read; ours by default. */
  readonly readSettings?: ClickHouseSettings;
}

export type Parameters = Readonly<Record<string, unknown>>;

export interface Database {
  readonly name: string;
  readonly cluster: string | undefined;
  /** Rows as arrays of column values; 64-bit integers must be asked for as text. */
  select<Row>(sql: string, parameters?: Parameters, settings?: ClickHouseSettings): Promise<Row[]>;
  /** The answer as bytes of the Native format. */
  native(sql: string, parameters?: Parameters): Promise<Uint8Array>;
  /** Rows as objects. */
  objects<Row>(sql: string, parameters?: Parameters, settings?: ClickHouseSettings): Promise<Row[]>;
  command(sql: string, parameters?: Parameters): Promise<void>;
  /** An INSERT whose data are `body`. */
  send(sql: string, body: readonly Uint8Array[], settings: ClickHouseSettings): Promise<void>;
  /**
   * Ends every statement whose text contains `marker` and waits until none runs; rejects while the database cannot be
   * asked. The marker must not be part of any statement that may live.
   */
  quiet(marker: string, pause: () => Promise<void>): Promise<void>;
  /** The table by its full name, quoted. */
  table(name: string): string;
  close(): Promise<void>;
}

const requestTimeoutMs = 120_000;
/** Longest a read of ours may take in the engine, in seconds. */
const readLimitSeconds = 60;

/** Only makes the client; nothing is sent until it is used. */
export function openDatabase(options: DatabaseOptions): Database {
  const client: ClickHouseClient = createClient({
    url: options.url ?? "http://127.0.0.1",
    ...(options.agent === undefined ? {} : { http_agent: options.agent }),
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    request_timeout: requestTimeoutMs,
    max_open_connections: 12,
    application: "homeostat",
    // Errors come back as errors; the client's own log would say them twice.
    log: { level: ClickHouseLogLevel.OFF },
  });
  const ours: ClickHouseSettings = { max_execution_time: readLimitSeconds, output_format_json_quote_denormals: 1 };
  const read = options.readSettings ?? ours;
  const ask = async (
    query: string,
    format: "JSONCompactEachRow" | "JSONEachRow",
    query_params: Parameters | undefined,
    settings: ClickHouseSettings | undefined,
  ) =>
    await named(() =>
      client.query({
        query,
        format,
        clickhouse_settings: { ...read, ...settings },
        ...(query_params === undefined ? {} : { query_params: { ...query_params } }),
      }),
    );
  const select: Database["select"] = async <Row>(
    sql: string,
    parameters?: Parameters,
    settings?: ClickHouseSettings,
  ) => {
    const result = await ask(sql, "JSONCompactEachRow", parameters, settings);
    return await named(() => result.json<Row>());
  };

  return {
    name: options.database,
    cluster: options.cluster,
    select,
    async native(sql, parameters) {
      return await named(async () => {
        const { stream } = await client.exec({
          query: `${sql} FORMAT Native`,
          clickhouse_settings: read,
          ...(parameters === undefined ? {} : { query_params: { ...parameters } }),
        });
        const chunks: Uint8Array[] = [];
        for await (const chunk of stream) chunks.push(chunk as Uint8Array);
        return Buffer.concat(chunks);
      });
    },
    async objects<Row>(sql: string, parameters?: Parameters, settings?: ClickHouseSettings) {
      const result = await ask(sql, "JSONEachRow", parameters, settings);
      return await named(() => result.json<Row>());
    },
    async command(query, parameters) {
      const query_params = parameters === undefined ? {} : { query_params: { ...parameters } };
      await named(() => client.command({ query, ...query_params }));
    },
    async send(query, body, clickhouse_settings) {
      await named(async () => {
        const values = Readable.from(body, { objectMode: false });
        const { stream } = await client.exec({ query, values, clickhouse_settings });
        for await (const _ of stream);
      });
    },
    async quiet(marker, pause) {
      const processes = systemTable(options, "processes");
      const on = onCluster(options);
      // Cut in two, so that neither of these statements contains the marker.
      const where = "position(query, concat({head:String}, {tail:String})) > 0";
      const parts = { head: marker.slice(0, 4), tail: marker.slice(4) };
      for (;;) {
        const running = await select(`SELECT query_id FROM ${processes} WHERE ${where}`, parts);
        if (running.length === 0) return;
        await named(() =>
          client.command({ query: `KILL QUERY${on} WHERE ${where} ASYNC`, query_params: { ...parts } }),
        );
        await pause();
      }
    },
    table: (name) => `${backquote(options.database)}.${backquote(name)}`,
    close: () => client.close(),
  };
}

/** Another database of the same server, through the same client; closing stays with the first. */
export function inDatabase(database: Database, name: string): Database {
  return {
    ...database,
    name,
    table: (table) => `${backquote(name)}.${backquote(table)}`,
    close: () => Promise.resolve(),
  };
}

/** A system table, of all nodes where there are several; `cluster`: of one replica of each shard. */
export function systemTable(
  { cluster }: { readonly cluster?: string | undefined },
  name: string,
  nodes: "clusterAllReplicas" | "cluster" = "clusterAllReplicas",
): string {
  return cluster === undefined ? `system.${name}` : `${nodes}(${backquote(cluster)}, system.${name})`;
}

/** `ON CLUSTER …` where there is one; else nothing. */
export function onCluster({ cluster }: { readonly cluster?: string | undefined }): string {
  return cluster === undefined ? "" : ` ON CLUSTER ${backquote(cluster)}`;
}

/** The table that holds a node's rows, by its full name. */
export function localTable(database: Database, name: string): string {
  return database.table(database.cluster === undefined ? name : `${name}_local`);
}

/** Errors with the engine's code pass as they are; all others mean that it could not be reached. */
async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (engineCode(error) !== undefined) throw error;
    throw storeError("unavailable", `The database cannot be reached: ${String(error)}. It is tried again.`, error);
  }
}
