// The HTTP protocol of ClickHouse as our code relies on it: of the embedded engine over its private socket, of the same
// over TCP, and of a real server where CLICKHOUSE_URL names one.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { block, float64s, lowCardinality, maps, strings, uint64s } from "./native.ts";
import { type Folder, temporaryFolder, until } from "./support.ts";

let engine: Engine;
let folder: Folder;
const database = `contract_${randomUUID().slice(0, 8)}`;
const serverUrl = process.env["CLICKHOUSE_URL"];

beforeAll(async () => {
  folder = await temporaryFolder();
  const memoryBytes = 1_200_000_000;
  engine = await startEngine({ path: `${folder.path}/data`, memoryBytes, tcp: true }, silentTelemetry);
});

afterAll(async () => {
  await engine?.close();
  await folder?.remove();
});

const quiet = { log: { level: ClickHouseLogLevel.OFF } };
const doors = [
  {
    name: "embedded, private socket",
    open: () => createClient({ ...quiet, url: "http://127.0.0.1", http_agent: engine.agent }),
  },
  {
    name: "embedded, TCP",
    open: () =>
      createClient({
        ...quiet,
        url: `http://127.0.0.1:${engine.tcpPort()}`,
        compression: { request: true, response: true },
      }),
  },
  ...(serverUrl === undefined ? [] : [{ name: "server", open: () => createClient({ ...quiet, url: serverUrl }) }]),
];

describe.each(doors)("$name", ({ name, open }) => {
  let client: ClickHouseClient;
  const table = `${database}.t_${name.replace(/\W/g, "_")}`;
  const rows = async <T>(query: string, query_params: Record<string, unknown> = {}): Promise<T[]> =>
    await (await client.query({ query, query_params, format: "JSONCompactEachRow" })).json<T>();
  const sendNative = async (query: string, body: Buffer): Promise<void> => {
    const { stream } = await client.exec({ query, values: Readable.from([body], { objectMode: false }) });
    stream.resume();
    await once(stream, "close");
  };

  beforeAll(async () => {
    client = open();
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
    await client.command({
      query: `CREATE TABLE ${table} (id UInt64, name LowCardinality(String), tags Map(LowCardinality(String), String), v Float64)
        ENGINE = MergeTree ORDER BY id SETTINGS index_granularity = 8192`,
      clickhouse_settings: { max_threads: 1 },
    });
  });
  afterAll(async () => {
    await client.command({ query: `DROP TABLE IF EXISTS ${table} SYNC` });
    await client.close();
  });

  it("answers a ping", async () => {
    expect((await client.ping()).success).toBe(true);
  });

  it("gives back any string bound as a parameter, exactly", async () => {
    const naughty = [
      "",
      "'",
      "\\",
      "\\'",
      "a\0b",
      "\t\n\r\b\f",
      "'; DROP TABLE x; --",
      "{x:String}",
      "/*",
      "$$",
      "é😀",
      "\\N",
    ];
    for (const text of naughty) expect(await rows("SELECT {x:String}", { x: text })).toEqual([[text]]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "binary" }), { maxLength: 4 }), async (list) => {
        // Half of a surrogate pair has no UTF-8 form.
        const whole = list.filter((text) => Buffer.from(text).toString() === text);
        expect(await rows("SELECT {a:Array(String)}, {b:String}", { a: whole, b: whole.join("|") })).toEqual([
          [whole, whole.join("|")],
        ]);
      }),
      { numRuns: 40 },
    );
  });

  it("binds numbers, times, maps, nulls, limits and identifiers", async () => {
    const at = new Date(1_700_000_000_123);
    const found = await rows(
      `SELECT toInt32({i:Int64} + 1), toString(toUnixTimestamp64Milli({d:DateTime64(3)})), {m:Map(String, UInt8)}['k'],
        {n:Nullable(String)}, {o:Float64}, '{not:String}' FROM numbers(10) LIMIT {l:UInt8} -- {neither:String}`,
      { i: -3, d: at, m: { k: 7 }, n: null, o: 0.25, l: 1 },
    );
    expect(found).toEqual([[-2, String(at.getTime()), 7, null, 0.25, "{not:String}"]]);
    expect(await rows("SELECT dummy FROM {t:Identifier}.one", { t: "system" })).toEqual([[0]]);
  });

  it("keeps parameters of concurrent statements apart, and never lets one see another's", async () => {
    const many = Array.from({ length: 60 }, (_, i) => rows("SELECT {x:String}", { x: `value ${i}` }));
    expect(await Promise.all(many)).toEqual(Array.from({ length: 60 }, (_, i) => [[`value ${i}`]]));
    await expect(rows("SELECT {x:String}")).rejects.toMatchObject({ code: "456" });
  });

  it("takes settings for one statement only, in reads, inserts and definitions", async () => {
    const query = "SELECT getSetting('max_block_size') SETTINGS max_threads = 1";
    const asked = await client.query({
      query,
      format: "JSONCompactEachRow",
      clickhouse_settings: { max_block_size: "77" },
    });
    expect(JSON.stringify(await asked.json())).toContain("77");
    expect(JSON.stringify(await rows("SELECT getSetting('max_block_size')"))).not.toContain("77");
    await expect(
      client.query({ query: "SELECT 1", clickhouse_settings: { no_such_setting: 1 } as never }),
    ).rejects.toMatchObject({ code: "115" });
  });

  it("gives errors with their code and text, and works on", async () => {
    await expect(rows("SELECT nonsense")).rejects.toMatchObject({ code: "47", type: "UNKNOWN_IDENTIFIER" });
    await expect(rows("SELEC 1")).rejects.toMatchObject({ code: "62" });
    await expect(rows("SELECT * FROM no_such_table")).rejects.toMatchObject({ code: "60" });
    await expect(rows("SELECT throwIf(number = 500000) FROM numbers(1000000)")).rejects.toThrow();
    // What a failed statement had already written must not appear in the next one's result.
    for (let i = 0; i < 8; i++) expect(await rows("SELECT 1")).toEqual([[1]]);
  });

  it("refuses several statements in one request, but not a closing semicolon or one inside a string", async () => {
    await expect(client.command({ query: `SELECT 1; DROP TABLE ${table}` })).rejects.toMatchObject({ code: "62" });
    expect(JSON.stringify(await (await client.query({ query: "SELECT ';' AS x;", format: "JSON" })).json())).toContain(
      ";",
    );
  });

  it("stores a Native block and a JSON insert as they were sent", async () => {
    const body = block(3, [
      { name: "id", type: "UInt64", bytes: uint64s([1n, 2n, 18446744073709551615n]) },
      { name: "name", type: "LowCardinality(String)", bytes: lowCardinality(["a", "\0\n'", "a"]) },
      { name: "tags", type: "Map(LowCardinality(String), String)", bytes: maps([{ k: "v" }, {}, { x: "y", z: "'" }]) },
      { name: "v", type: "Float64", bytes: float64s([0.1, Number.POSITIVE_INFINITY, -0]) },
    ]);
    await sendNative(`INSERT INTO ${table} (id, name, tags, v) SETTINGS async_insert = 0 FORMAT Native`, body);
    // Two blocks in one body are one insert.
    const one = (id: bigint): Buffer => block(1, [{ name: "id", type: "UInt64", bytes: uint64s([id]) }]);
    await sendNative(`INSERT INTO ${table} (id) FORMAT Native`, Buffer.concat([one(10n), one(11n)]));
    await client.insert({ table, values: [{ id: 20, name: "j", v: 1.5 }], format: "JSONEachRow" });
    await client.command({ query: `INSERT INTO ${table} (id, name) VALUES (30, 'FORMAT x'), (31, ';')` });
    await client.command({ query: `INSERT INTO ${table} (id) SELECT number + 40 FROM numbers(2)` });
    const text = "toString(id), name, tags, toString(v)";
    expect(await rows(`SELECT ${text} FROM ${table} ORDER BY id`)).toEqual([
      ["1", "a", { k: "v" }, "0.1"],
      ["2", "\0\n'", {}, "inf"],
      ...["10", "11"].map((id) => [id, "", {}, "0"]),
      ["20", "j", {}, "1.5"],
      ["30", "FORMAT x", {}, "0"],
      ["31", ";", {}, "0"],
      ...["40", "41"].map((id) => [id, "", {}, "0"]),
      ["18446744073709551615", "a", { x: "y", z: "'" }, "-0"],
    ]);
  });

  it("stores only the rows that are missing when the body is read through input()", async () => {
    const ids = [100n, 101n, 102n];
    const body = block(3, [
      { name: "id", type: "UInt64", bytes: uint64s(ids) },
      { name: "name", type: "String", bytes: strings(["a", "b", "c"]) },
    ]);
    await client.command({ query: `INSERT INTO ${table} (id) VALUES (101)` });
    const query = `INSERT INTO ${table} (id, name) SELECT id, name FROM input('id UInt64, name String')
      WHERE id NOT IN (SELECT id FROM ${table} WHERE id IN (100, 101, 102)) FORMAT Native`;
    await sendNative(query, body);
    await sendNative(query, body);
    expect(await rows(`SELECT id::UInt32, name FROM ${table} WHERE id BETWEEN 100 AND 102 ORDER BY id`)).toEqual([
      [100, "a"],
      [101, ""],
      [102, "c"],
    ]);
  });

  it("streams a result larger than any buffer between us", async () => {
    const result = await client.query({ query: "SELECT number FROM numbers(1000000)", format: "JSONCompactEachRow" });
    let count = 0;
    for await (const chunk of result.stream()) count += chunk.length;
    expect(count).toBe(1_000_000);
  });

  it("gives whole documents in formats that have a head or a tail", async () => {
    const result = await client.query({ query: "SELECT number FROM numbers(200000)", format: "JSON" });
    expect((await result.json()).data).toHaveLength(200_000);
    const csv = await client.query({ query: "SELECT number FROM numbers(200000)", format: "CSVWithNames" });
    expect((await csv.text()).split("\n").filter((line) => line.includes("number"))).toHaveLength(1);
  });

  it("echoes the query id", async () => {
    const query_id = randomUUID();
    expect((await client.query({ query: "SELECT 1", query_id })).query_id).toBe(query_id);
  });

  it("ends a statement whose client has gone", async () => {
    const mark = `gone-${randomUUID()}`;
    const running = async (): Promise<boolean> =>
      (
        await rows(`SELECT 1 FROM system.processes WHERE position(query, concat('go', {m:String})) > 0`, {
          m: mark.slice(2),
        })
      ).length > 0;
    const stop = new AbortController();
    const query = `/* ${mark} */ SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1`;
    const settings = { cancel_http_readonly_queries_on_client_close: 1 } as const;
    const asked = client
      .query({ query, abort_signal: stop.signal, clickhouse_settings: settings })
      .catch((e: unknown) => e);
    await until("the statement runs", running);
    stop.abort();
    expect(await asked).toBeInstanceOf(Error);
    await until("the statement has ended", async () => !(await running()));
  });
});

describe("the embedded engine's own rules", () => {
  const post = async (path: string, body: string): Promise<{ status: number; text: string }> => {
    const ask = request({ agent: engine.agent, path, method: "POST" });
    ask.end(body);
    const [answer] = await once(ask, "response");
    let text = "";
    for await (const chunk of answer) text += chunk;
    return { status: answer.statusCode, text };
  };

  it("refuses what would outlive a request or touch files", async () => {
    for (const sql of [
      "SET max_threads = 1",
      "USE system",
      "SELECT 1 INTO OUTFILE '/tmp/x'",
      "INSERT INTO t FROM INFILE '/etc/passwd'",
    ]) {
      expect((await post("/", sql)).text).toMatch(/^Code: 48\. DB::Exception: /);
    }
    expect((await post("/?session_id=1", "SELECT 1")).status).toBe(500);
  });

  it("takes statement and data in one body, as curl sends them", async () => {
    await post("/", `CREATE TABLE ${database}.curl (a String) ENGINE = MergeTree ORDER BY a`);
    const sent = await post(
      "/?async_insert=0",
      `INSERT INTO ${database}.curl FORMAT JSONEachRow\n{"a":"é"}\n{"a":"y; z"}`,
    );
    expect(sent).toEqual({ status: 200, text: "" });
    expect((await post("/", `SELECT a FROM ${database}.curl ORDER BY a FORMAT TSV`)).text).toBe("y; z\né\n");
    expect((await post("/?readonly=1", `DROP TABLE ${database}.curl`)).text).toContain("Code: 164.");
  });
});
