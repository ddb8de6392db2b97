// The naive receiver as a process: HTTP in, protobufjs, row objects, JSONEachRow into the same engine and schema. It
// acknowledges before it has stored anything and gathers rows into large inserts, which is all in its favour.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as immediate, setTimeout as wait } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { createClient } from "@clickhouse/client";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openDatabase } from "../../src/store/database.ts";
import { startEngine } from "../../src/store/engine/supervisor.ts";
import { migrate } from "../../src/store/migrate.ts";
import type { Signal } from "./bodies.ts";
import { type Row, rowsOf } from "./naive-rows.ts";

const [, , directory] = process.argv;
const groupRows = 10_000;
const memoryBytes = 1200 * 1024 * 1024;

const engine = await startEngine({ path: directory!, memoryBytes }, silentTelemetry);
const database = openDatabase({ database: "homeostat", agent: engine.agent });
await migrate(database, silentTelemetry.log);
await database.close();
const client = createClient({ url: "http://127.0.0.1", http_agent: engine.agent, database: "homeostat" });

const pending = new Map<string, Row[]>();
let inserting = Promise.resolve();
let decoding = Promise.resolve();
const insert = (table: string, values: Row[]): void => {
  inserting = inserting.then(async () => {
    for (let tries = 1; ; tries++) {
      try {
        await client.insert({ table, values, format: "JSONEachRow" });
        return;
      } catch (error) {
        console.error(`the naive path's insert failed: ${String(error)}`);
        if (tries >= 5) throw error;
        await wait(1000);
      }
    }
  });
};
const take = (rowsByTable: Readonly<Record<string, Row[]>>): void => {
  for (const [table, rows] of Object.entries(rowsByTable)) {
    const waiting = pending.get(table) ?? [];
    for (const row of rows) waiting.push(row);
    pending.set(table, waiting);
    if (waiting.length >= groupRows && pending.delete(table)) insert(table, waiting);
  }
};

const server = createServer((request, response) => {
  void answer(request).then(
    (status) => response.writeHead(status).end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
async function answer(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  if (request.url === "/flush") {
    for (const [table, rows] of pending) insert(table, rows);
    pending.clear();
    await inserting;
    return 200;
  }
  const raw = Buffer.concat(chunks);
  const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
  // One body a turn of the event loop: blocked for longer, this process would think its engine hung.
  const turn = decoding.then(() => {
    take(rowsOf(request.url!.slice("/v1/".length) as Signal, body));
  });
  decoding = turn.then(() => immediate());
  await turn;
  return 200;
}
// Longer than the pauses between rounds, so that it is the client who closes.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", () => {
  void engine.close().then(() => process.exit(0));
});
