// The ClickHouse HTTP protocol over the embedded engine: what a server does, for one private client.
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { createGzip, gzipSync } from "node:zlib";
import { engineCode, messageOf } from "../errors.ts";
import { type EngineRequest, type Refusal, readRequest } from "./http-request.ts";
import type { Job, Lease, SessionClass, Sessions } from "./sessions.ts";
import { type InsertShape, quote } from "./sql-text.ts";

export interface EngineServerOptions {
  readonly sessions: Sessions;
  /** Private folder for data on their way into the engine. */
  readonly folder: string;
  readonly version: string;
}

let requests = 0;

const limits = { textBytes: 16 * 1024 * 1024, dataBytes: 512 * 1024 * 1024 };

/** Formats whose pieces put together are the whole; others repeat headers in every piece and are answered at once. */
const streamable = new Set(
  ["JSONEachRow", "JSONCompactEachRow", "JSONStringsEachRow", "JSONCompactStringsEachRow", "NDJSON"]
    .concat(["TSV", "TabSeparated", "TSVRaw", "TabSeparatedRaw", "CSV", "RowBinary", "Native"])
    .map((name) => name.toUpperCase()),
);

/** Serves until closed; the caller listens. */
export function createEngineServer(options: EngineServerOptions): Server {
  const server = createServer({ maxHeaderSize: 1024 * 1024, keepAliveTimeout: 60_000 }, (request, response) => {
    // Never part of any other statement, so that ending by it ends one statement.
    const mark = `engine-request-${++requests}-end`;
    answer(request, response, mark, options).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, { code: engineCode(error) ?? 1002, says: messageOf(error) });
    });
  });
  server.requestTimeout = 0;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  mark: string,
  options: EngineServerOptions,
): Promise<void> {
  const path = (request.url ?? "/").split("?")[0];
  if (path === "/ping") {
    response.end("Ok.\n");
    return;
  }
  if (path !== "/") {
    response.writeHead(404).end(`There is no handle ${path}\n`);
    return;
  }
  const gone = new AbortController();
  const parsed = await readRequest(request, options.folder, mark, limits);
  if ("says" in parsed) {
    refuse(response, parsed);
    return;
  }
  const refusal = refusalOf(parsed);
  if (refusal !== undefined) {
    if (parsed.dataFile !== undefined) await rm(parsed.dataFile, { force: true });
    refuse(response, refusal, parsed.queryId);
    return;
  }
  let running = false;
  response.once("close", () => {
    if (response.writableFinished) return;
    gone.abort();
    if (running) options.sessions.kill(mark).catch(() => {});
  });
  const lease = await options.sessions.lease(classOf(parsed), gone.signal);
  if (lease === undefined) return;
  try {
    running = true;
    await execute(parsed, response, lease, mark, gone.signal, options.version);
  } finally {
    running = false;
    lease.release();
    if (parsed.dataFile !== undefined) await rm(parsed.dataFile, { force: true });
  }
}

function classOf({ statement }: EngineRequest): SessionClass {
  if (statement.aboutProcesses) return "control";
  return statement.reads ? "read" : "write";
}

function refusalOf(request: EngineRequest): Refusal | undefined {
  const { statement, parameters } = request;
  if (statement.verb === "") return { code: 62, says: "Syntax error: Empty query. (SYNTAX_ERROR)" };
  if (statement.several)
    return { code: 62, says: "Syntax error (Multi-statements are not allowed): send one statement. (SYNTAX_ERROR)" };
  if (statement.namesFile)
    return { code: 48, says: "INFILE and OUTFILE are not allowed over HTTP; send the data. (NOT_IMPLEMENTED)" };
  if (statement.verb === "SET" || statement.verb === "USE")
    return { code: 48, says: "SET and USE would outlive the request; pass URL parameters. (NOT_IMPLEMENTED)" };
  if (request.readOnly && !statement.reads)
    return { code: 164, says: "Cannot execute query in readonly mode. (READONLY)" };
  const missing = statement.placeholders.find((name) => !parameters.has(name));
  if (missing !== undefined)
    return { code: 456, says: `Substitution \`${missing}\` is not set. (UNKNOWN_QUERY_PARAMETER)` };
  return undefined;
}

async function execute(
  request: EngineRequest,
  response: ServerResponse,
  lease: Lease,
  mark: string,
  gone: AbortSignal,
  version: string,
): Promise<void> {
  const format = request.statement.format ?? request.defaultFormat ?? "TabSeparated";
  const needed = new Set(request.statement.placeholders);
  const job: Job = {
    sql: `/* ${mark} */ ${engineSql(request, format)}`,
    format,
    database: request.database,
    parameters: new Map([...request.parameters].filter(([name]) => needed.has(name))),
  };
  const headers = {
    "X-ClickHouse-Query-Id": request.queryId,
    "X-ClickHouse-Format": format,
    "X-ClickHouse-Timezone": "UTC",
    "X-ClickHouse-Server-Display-Name": `embedded-${version}`,
    "Content-Type": contentType(format),
    ...(request.compressResponse ? { "Content-Encoding": "gzip" } : {}),
  };
  const streams = isQuery(request.statement.verb) && !request.waitEndOfQuery && streamable.has(format.toUpperCase());
  if (!streams) {
    const result = await lease.run(job);
    const summary = { read_rows: String(result.rowsRead), read_bytes: String(result.bytesRead) };
    const body = request.compressResponse ? gzipSync(result.bytes) : result.bytes;
    response.writeHead(200, { ...headers, "X-ClickHouse-Summary": JSON.stringify(summary) }).end(body);
    return;
  }
  const { pieces, finished } = await lease.stream(job);
  const iterator = pieces[Symbol.asyncIterator]();
  // The head of the answer waits for the first piece, so that most errors still get their status.
  let piece = await iterator.next();
  response.writeHead(200, { ...headers, "X-ClickHouse-Summary": "{}" });
  const out: Writable = request.compressResponse ? createGzip() : response;
  if (out !== response) out.pipe(response);
  while (!piece.done && !gone.aborted) {
    // The piece's memory is the engine's; what waits in a socket must be our own.
    if (!out.write(Buffer.from(piece.value.raw()))) await drained(out, response, gone);
    piece = await iterator.next();
  }
  if (piece.done) finished();
  else pieces.cancel();
  out.end();
}

/** The engine streams results of queries only, not of CHECK, SHOW, DESCRIBE and the like. */
function isQuery(verb: string): boolean {
  return verb === "SELECT" || verb === "WITH";
}

async function drained(out: Writable, response: ServerResponse, gone: AbortSignal): Promise<void> {
  if (gone.aborted || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      out.off("drain", go);
      gone.removeEventListener("abort", go);
      resolve();
    };
    out.on("drain", go);
    gone.addEventListener("abort", go);
  });
}

/** The statement with settings written into it (never SET: that would outlive the request) and its data's file named. */
function engineSql(request: EngineRequest, format: string): string {
  const { sql, statement, settings, dataFile } = request;
  const list = [...settings].map(([name, value]) => `${name} = ${quote(value)}`).join(", ");
  const own = sql.slice(0, statement.end);
  if (statement.insert === undefined) {
    if (list === "") return own;
    if (statement.settingsAfterFormat) return `${own}, ${list}`;
    // Settings behind a FORMAT clause belong to the query, whatever clauses the statement itself has.
    const shown = statement.reads ? format : "Null";
    return `${own}${statement.format === undefined ? ` FORMAT ${shown}` : ""} SETTINGS ${list}`;
  }
  return engineInsert(sql.slice(0, statement.end), statement.insert, list, dataFile);
}

/** An INSERT whose data are in a file. FROM INFILE does not reach input(), so that becomes file(). */
function engineInsert(sql: string, shape: InsertShape, settings: string, dataFile: string | undefined): string {
  const { headEnd, settingsAt, format = "", formatStart = sql.length, input } = shape;
  const clauses = sql.slice(headEnd, dataFile === undefined ? sql.length : formatStart);
  const at = (settingsAt ?? headEnd) - headEnd;
  const keyword = settingsAt === undefined ? " SETTINGS " : " ";
  const separator = settingsAt === undefined ? " " : ",";
  const withSettings = (text: string, offset: number): string =>
    settings === "" ? text : `${text.slice(0, offset)}${keyword}${settings}${separator}${text.slice(offset)}`;
  const head = sql.slice(0, headEnd);
  if (dataFile === undefined) return head + withSettings(clauses, at);
  if (input === undefined) return `${head} FROM INFILE ${quote(dataFile)}${withSettings(clauses, at)} FORMAT ${format}`;
  const call = `file(${quote(dataFile)}, ${quote(format)}, `;
  const named = clauses.slice(0, input.start - headEnd) + call + clauses.slice(input.end - headEnd);
  return head + withSettings(named, at);
}

function refuse(response: ServerResponse, { code, says }: Refusal, queryId?: string): void {
  const text = says.startsWith("Code: ") ? says : `Code: ${code}. DB::Exception: ${says}`;
  response.writeHead(statusOf(code), {
    "Content-Type": "text/plain; charset=UTF-8",
    "X-ClickHouse-Exception-Code": String(code),
    ...(queryId === undefined ? {} : { "X-ClickHouse-Query-Id": queryId }),
    // What is left of the request's body is not read.
    Connection: "close",
  });
  response.end(`${text}\n`);
}

/** HTTP status for an engine error code, as ClickHouse's own HTTP handler chooses it for the common ones. */
function statusOf(code: number): number {
  if ([6, 26, 27, 38, 41, 53, 62, 72, 117, 456].includes(code)) return 400;
  if ([46, 47, 50, 56, 60, 63, 73, 81, 115].includes(code)) return 404;
  if (code === 48) return 501;
  if (code === 159) return 408;
  return 500;
}

function contentType(format: string): string {
  if (format.startsWith("JSONEachRow") || /EachRow$/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (format.startsWith("JSON")) return "application/json; charset=UTF-8";
  if (/^(TSV|TabSeparated)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (format.startsWith("CSV")) return "text/csv; charset=UTF-8";
  return "application/octet-stream";
}
