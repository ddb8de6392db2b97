// A request of the ClickHouse HTTP protocol, taken apart.
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { inspect, type Statement } from "./sql-text.ts";

export interface EngineRequest {
  readonly queryId: string;
  readonly database: string;
  readonly defaultFormat: string | undefined;
  readonly parameters: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  readonly compressResponse: boolean;
  readonly waitEndOfQuery: boolean;
  readonly readOnly: boolean;
  /** The statement without its inline data. */
  readonly sql: string;
  readonly statement: Statement;
  /** File that holds the data of an INSERT; the caller removes it. */
  readonly dataFile?: string;
}

/** A request the engine never gets to see. `code` is ClickHouse's error code for it. */
export interface Refusal {
  readonly code: number;
  readonly says: string;
}

export interface RequestLimits {
  /** Bytes of SQL text. */
  readonly textBytes: number;
  /** Bytes of data to insert, after decompression. */
  readonly dataBytes: number;
}

/** URL parameters of the HTTP interface that are not settings. */
const interfaceParameters = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "user",
  "password",
  "role",
  "enable_http_compression",
  "wait_end_of_query",
  "readonly",
  "buffer_size",
  "session_timeout",
  "close_session",
]);

/** Reads head and body; data of an INSERT go to a new file in `folder`. */
export async function readRequest(
  request: IncomingMessage,
  folder: string,
  freshName: string,
  limits: RequestLimits,
): Promise<EngineRequest | Refusal> {
  const url = new URL(request.url ?? "/", "http://engine");
  const get = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const header = (name: string): string | undefined => request.headers[name] as string | undefined;
  if (get("session_id") !== undefined)
    return { code: 36, says: "session_id is not supported; name settings per query" };
  if (get("decompress") === "1") return { code: 36, says: "native block compression is not supported; use gzip" };

  const settings = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (name.startsWith("param_")) parameters.set(name.slice(6), value);
    else if (!interfaceParameters.has(name) && name !== "decompress" && name !== "compress") settings.set(name, value);
  }
  const bad = [...settings.keys(), ...parameters.keys()].find((name) => !/^\w+$/.test(name));
  if (bad !== undefined) return { code: 115, says: `Unknown setting or parameter ${JSON.stringify(bad)}` };

  const body = header("content-encoding") === "gzip" ? request.pipe(createGunzip()) : request;
  const text = await readText(url.searchParams.get("query") ?? "", body, join(folder, freshName), limits);
  if ("code" in text) return text;
  return {
    queryId: get("query_id") ?? freshName,
    database: get("database") ?? header("x-clickhouse-database") ?? "default",
    defaultFormat: get("default_format") ?? header("x-clickhouse-format"),
    parameters,
    settings,
    compressResponse: isOn(get("enable_http_compression")) && (header("accept-encoding") ?? "").includes("gzip"),
    waitEndOfQuery: isOn(get("wait_end_of_query")),
    readOnly: request.method === "GET" || Number(get("readonly") ?? 0) > 0,
    ...text,
  };
}

interface StatementText {
  readonly sql: string;
  readonly statement: Statement;
  readonly dataFile?: string;
}

async function readText(
  query: string,
  body: Readable,
  file: string,
  limits: RequestLimits,
): Promise<StatementText | Refusal> {
  const statement = inspect(query);
  if (statement.insert?.dataStart !== undefined) {
    return await withData(query, statement, statement.insert.dataStart, body, file, limits);
  }
  // The statement goes on in the body, or is all of it. Data of a POSTed INSERT are found bytewise.
  const rest = await collect(body, limits.textBytes);
  if (rest === undefined) return { code: 62, says: `Query text is longer than ${limits.textBytes} bytes` };
  const sql = query === "" ? rest.toString("utf8") : `${query}\n${rest.toString("utf8")}`;
  const whole = inspect(sql);
  if (whole.insert?.dataStart === undefined) return { sql, statement: whole };
  const dataStart =
    Buffer.byteLength(sql.slice(0, whole.insert.dataStart)) - (query === "" ? 0 : Buffer.byteLength(query) + 1);
  const data = rest.subarray(Math.max(0, dataStart));
  const head = sql.slice(0, whole.insert.dataStart);
  const blank = data[0] === 0x0a || data[0] === 0x20 ? 1 : 0;
  return await withData(head, whole, head.length, Readable.from([data.subarray(blank)]), file, limits);
}

async function withData(
  sql: string,
  statement: Statement,
  dataStart: number,
  data: Readable,
  file: string,
  limits: RequestLimits,
): Promise<StatementText | Refusal> {
  // The blank that ends the statement is no data: binary formats would take it for some.
  const inline = sql.slice(dataStart).replace(/^\s/, "");
  let bytes = Buffer.byteLength(inline);
  const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    if (inline.trim() !== "") yield Buffer.from(inline);
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > limits.dataBytes) return;
      yield chunk;
    }
  };
  await pipeline(data, counted, createWriteStream(file, { mode: 0o600 }));
  if (bytes <= limits.dataBytes) return { sql: sql.slice(0, dataStart), statement, dataFile: file };
  await rm(file, { force: true });
  return { code: 396, says: `Data to insert are more than ${limits.dataBytes} bytes; send smaller batches` };
}

async function collect(body: Readable, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isOn(value: string | undefined): boolean {
  return value === "1" || value === "true";
}
