// Secrets planted in every place of every payload, sent through all doors into the real store: what the default policy
// covers is neither in what was handed to the journal, nor on disk, nor in the store, nor in our own log and metrics.
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { silentTelemetry, type Telemetry } from "../../src/model/ports/telemetry.ts";
import { createProtoWriter } from "../../src/receive/prometheus/otlp-writer.ts";
import { openReceive } from "../../src/receive/receive.ts";
import { openStore } from "../../src/store/store.ts";
import { exportOverGrpc, post } from "../receive/door-client.ts";
import { encode, otlpJson } from "../receive/otlp-proto.ts";
import { nowMs } from "../receive/payloads.ts";
import { temporaryFolder, until } from "../support/service.ts";
import { type Canary, openPlaces, type Payloads, plantCanaries } from "./canary-places.ts";

const signals = ["traces", "logs", "metrics"] as const;
const tables = ["otel_traces", "otel_logs", "otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_series"];
const folder = temporaryFolder();
const plants: Record<"protobuf" | "json" | "grpc" | "written" | "scraped", Payloads> = {
  protobuf: plantCanaries("pb"),
  json: plantCanaries("js"),
  grpc: plantCanaries("gr"),
  written: plantCanaries("wr"),
  scraped: plantCanaries("sc"),
};
/** Bytes by where they were found. */
const seen = { batches: "", disk: "", store: "", own: "" };

beforeAll(async () => {
  const own: unknown[] = [];
  const note = (...what: unknown[]): void => void own.push(what);
  const telemetry: Telemetry = {
    ...silentTelemetry,
    log: { debug: note, info: note, warn: note, error: note },
    count: note,
    record: note,
    gauge: note,
  };
  const exporter = createServer((_request, response) => response.end(plants.scraped.page));
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  const { port } = exporter.address() as { port: number };
  const store = await openStore({ directory: folder.path, now: () => nowMs, diskFloorBytes: 1 }, telemetry);
  const batches: ColumnBatch[] = [];
  const journal: typeof store.journal = {
    seen: (key) => store.journal.seen(key),
    pressure: () => store.journal.pressure(),
    async append(more, keys) {
      for (const batch of more)
        batches.push({ ...batch, columns: batch.columns.map((each) => ({ ...each, bytes: each.bytes.slice() })) });
      await store.journal.append(more, keys);
      seen.disk += bytesUnder(folder.path);
    },
  };
  const job = { job: "page", intervalMs: 200, timeoutMs: 1000, scheme: "http" as const, path: "/metrics" };
  const scrape = [{ ...job, targets: [`127.0.0.1:${port}`], files: [], endpoints: [], labels: {} }];
  const doors = { host: "127.0.0.1", httpPort: 0, grpcPort: 0, window: null };
  const receive = await openReceive({ ...doors, scrape }, { journal, telemetry, now: () => nowMs });
  for (const signal of signals) {
    const sent = [
      await post(receive.httpPort, encode(signal, plants.protobuf[signal]), {}, `/v1/${signal}`),
      await post(receive.httpPort, otlpJson(signal, plants.json[signal]), jsonType, `/v1/${signal}`),
    ];
    expect(sent.map(({ status }) => status)).toEqual([200, 200]);
    await exportOverGrpc(receive.grpcPort, signal, encode(signal, plants.grpc[signal]));
  }
  const written = await post(receive.httpPort, writeRequest(plants.written.labels), snappyType, "/api/v1/write");
  expect(written.status).toBe(204);
  await until(async () => batches.some((batch) => holds(batch, "page")));
  // Bodies that are refused, whose text must not be quoted.
  for (const bad of [`{"resourceSpans": "${plants.json.covered[0]!.secret}"}`, `{${plants.json.covered[1]!.secret}`])
    expect((await post(receive.httpPort, bad, jsonType)).status).toBe(400);
  await receive[Symbol.asyncDispose]();
  await store.flushed();
  seen.batches = batches.map((batch) => batch.columns.map((each) => latin1(each.bytes)).join("\n")).join("\n");
  seen.disk += bytesUnder(folder.path);
  for (const table of tables) seen.store += JSON.stringify(await store.rows(`SELECT * FROM homeostat.${table}`, {}));
  seen.own = JSON.stringify(own);
  await store[Symbol.asyncDispose]();
  await new Promise((resolve) => exporter.close(resolve));
}, 120_000);
afterAll(() => folder.remove());

const jsonType = { "Content-Type": "application/json" };
const snappyType = { "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy" };
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const holds = (batch: ColumnBatch, text: string): boolean =>
  batch.columns.some((each) => Buffer.from(each.bytes).includes(text));

/** All files below, but of the engine's own program files there are none. */
function bytesUnder(path: string): string {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      try {
        return readFileSync(join(entry.parentPath, entry.name), "latin1");
      } catch {
        return ""; // The engine merged it away.
      }
    })
    .join("\n");
}

/** A WriteRequest in a snappy block that is one literal. */
function writeRequest(labels: Readonly<Record<string, string>>): Uint8Array {
  const writer = createProtoWriter();
  writer.message(1, () => {
    for (const [name, value] of Object.entries(labels))
      writer.message(1, () => {
        writer.text(1, name);
        writer.text(2, value);
      });
    writer.message(2, () => {
      writer.double(1, 1);
      writer.tag(2, 0);
      writer.varint(nowMs);
    });
  });
  const plain = writer.finish();
  const size = plain.length - 1;
  return Uint8Array.from([(plain.length & 127) | 128, plain.length >> 7, 61 << 2, size & 255, size >> 8, ...plain]);
}

type Door = keyof typeof plants;

/** Of the secrets planted for a door, those in payloads it takes. */
function sentBy<T extends Canary>(door: Door, planted: readonly T[]): readonly T[] {
  const labels = { written: /^label of (remote|a write)/, scraped: /^label of (a scraped|a page)/ };
  if (door === "written" || door === "scraped") return planted.filter(({ place }) => labels[door].test(place));
  return planted.filter(({ place }) => !place.startsWith("label of"));
}

test("there are at least forty secrets behind every OTLP door, in forty places", () => {
  expect(new Set(sentBy("protobuf", plants.protobuf.covered).map(({ place }) => place)).size).toBeGreaterThanOrEqual(
    40,
  );
});

test.each(Object.keys(plants) as Door[])("none sent by %s is found anywhere", (door) => {
  const secrets = sentBy(door, plants[door].covered);
  expect(secrets.length).toBeGreaterThan(1);
  for (const [where, bytes] of Object.entries(seen)) {
    const leaked = secrets.filter(({ secret }) => bytes.includes(secret)).map(({ place }) => place);
    expect({ where, leaked }).toEqual({ where, leaked: [] });
  }
});

test.each(Object.keys(plants) as Door[])("the search would find them: what %s stores as it came is found", (door) => {
  expect(new Set(plants[door].open.map(({ place }) => place))).toEqual(new Set(openPlaces));
  const open = sentBy(door, plants[door].open);
  expect(open.length).toBeGreaterThan(0);
  for (const where of ["batches", "disk", "store"] as const) {
    const missing = open.filter(({ secret }) => !seen[where].includes(secret)).map(({ place }) => place);
    expect({ where, missing }).toEqual({ where, missing: [] });
  }
});

test("our own log and metrics quote only the names of services and metrics", () => {
  const quoted = plants.protobuf.open.filter(({ secret }) => seen.own.includes(secret)).map(({ place }) => place);
  expect(quoted.filter((place) => place !== "service name" && place !== "metric name")).toEqual([]);
});
