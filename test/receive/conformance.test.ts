// What the OTLP specification asks of a server, and what hostile senders try, at both real doors.
import { gzipSync } from "node:zlib";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Signal } from "../../src/receive/decoder.ts";
import { openReceive, type Receive, type ReceiveOptions } from "../../src/receive/receive.ts";
import { callGrpc, contentTypes, exportOverGrpc, post } from "./door-client.ts";
import { countingTelemetry, createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { encode, messages, otlpJson } from "./otlp-proto.ts";
import { gaugeRequest, logRequest, nowMs, spanRequest } from "./payloads.ts";

let journal: MemoryJournal;
let counts: ReturnType<typeof countingTelemetry>;
let receive: Receive;

const json = { "Content-Type": contentTypes.json };
const gzip = { "Content-Encoding": "gzip" };
const signals: readonly Signal[] = ["traces", "metrics", "logs"];
const good: Readonly<Record<Signal, Uint8Array>> = {
  traces: spanRequest("a"),
  metrics: gaugeRequest("m", 1),
  logs: logRequest("hello"),
};
const tables: Readonly<Record<Signal, string>> = {
  traces: "otel_traces",
  metrics: "otel_metrics_gauge",
  logs: "otel_logs",
};

async function open(options: Partial<ReceiveOptions> = {}): Promise<void> {
  await receive?.[Symbol.asyncDispose]();
  receive = await openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: 0, window: null, ...options },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
}

beforeEach(async () => {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  await open();
});
afterEach(() => receive[Symbol.asyncDispose]());

const twin = (signal: Signal, body: Uint8Array): string =>
  otlpJson(signal, messages[signal].toObject(messages[signal].decode(body), { longs: String }));
const send = (body: Uint8Array | string, headers: Record<string, string> = {}, signal: Signal = "traces") =>
  post(receive.httpPort, body, headers, `/v1/${signal}`);
const refused = (signal: Signal, body: Uint8Array, zipped = false): Promise<ServiceError> =>
  exportOverGrpc(receive.grpcPort, signal, body, zipped).then(
    () => Promise.reject(new Error("was taken")),
    (error: ServiceError) => error,
  );

describe.each(signals)("%s", (signal) => {
  it("are taken on their path as protobuf and as JSON, and over gRPC", async () => {
    const binary = await send(good[signal], {}, signal);
    expect([binary.status, binary.headers.get("content-type"), binary.body.length]).toEqual([
      200,
      contentTypes.protobuf,
      0,
    ]);
    const text = await send(twin(signal, good[signal]), json, signal);
    expect([text.status, text.headers.get("content-type"), text.body.toString()]).toEqual([
      200,
      contentTypes.json,
      "{}",
    ]);
    // Not the same bytes again, which would be a resend.
    const unknownField = Uint8Array.from([...good[signal], 0x78, 1]);
    expect(await exportOverGrpc(receive.grpcPort, signal, unknownField)).toHaveLength(0);
    expect(journal.rows(tables[signal])).toHaveLength(3);
  });

  it("may be gzipped at both doors", async () => {
    const zipped = await send(gzipSync(good[signal]), gzip, signal);
    expect(zipped.status).toBe(200);
    const unknownField = Uint8Array.from([...good[signal], 0x78, 1]);
    expect(await exportOverGrpc(receive.grpcPort, signal, unknownField, true)).toHaveLength(0);
    expect(journal.rows(tables[signal])).toHaveLength(2);
  });

  it("may be none: an empty request succeeds", async () => {
    const binary = await send(new Uint8Array(0), {}, signal);
    const text = await send("{}", json, signal);
    expect([binary.status, binary.body.length, text.status, text.body.toString()]).toEqual([200, 0, 200, "{}"]);
    expect(await exportOverGrpc(receive.grpcPort, signal, new Uint8Array(0))).toHaveLength(0);
  });

  it("that are rejected are counted in partial_success under the signal's own name", async () => {
    await open({ window: { pastMs: 1000, futureMs: 1000 } });
    const old = nowMs - 86_400_000;
    const late: Readonly<Record<Signal, Uint8Array>> = {
      traces: spanRequest("a", { startTimeUnixNano: `${old}000000` }),
      metrics: gaugeRequest("m", 1, {}, { timeUnixNano: `${old}000000` }),
      logs: encode("logs", { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: `${old}000000` }] }] }] }),
    };
    const name = { traces: "rejectedSpans", metrics: "rejectedDataPoints", logs: "rejectedLogRecords" }[signal];
    const text = await send(twin(signal, late[signal]), json, signal);
    const { partialSuccess } = JSON.parse(text.body.toString());
    expect([text.status, Object.keys(partialSuccess), partialSuccess[name]]).toEqual([
      200,
      [name, "errorMessage"],
      "1",
    ]);
    const binary = await exportOverGrpc(receive.grpcPort, signal, late[signal]);
    // partial_success (1), holding rejected (1) = 1.
    expect([binary[0], binary[2], binary[3]]).toEqual([0x0a, 0x08, 1]);
    expect(counts.total("homeostat.receive.dropped", { signal, reason: "time" })).toBe(2);
  });
});

describe("answers", () => {
  it("warn without rejecting: nothing rejected, but a message", async () => {
    const backwards = twin("traces", spanRequest("a", { endTimeUnixNano: `${nowMs - 1}000000` }));
    const { partialSuccess } = JSON.parse((await send(backwards, json)).body.toString());
    expect(partialSuccess).toEqual({ rejectedSpans: "0", errorMessage: expect.stringContaining("duration 0") });
  });

  it("stay small however much was rejected", async () => {
    const spans = Array.from({ length: 20_000 }, () => ({ traceId: new Uint8Array(3) }));
    const answer = await send(encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect(answer.status).toBe(200);
    expect(answer.body.length).toBeLessThan(4096);
  });

  it("to errors are google.rpc.Status in the encoding of the request, with Retry-After only where retrying helps", async () => {
    await open({ maxBodyBytes: 1000 });
    const sent = async (body: Uint8Array | string, status: number, code: number, retry: string | null) => {
      for (const headers of [{}, json]) {
        const answer = await send(body, headers);
        const isJson = headers === json;
        expect(answer.status).toBe(status);
        expect(answer.headers.get("content-type")).toBe(isJson ? contentTypes.json : contentTypes.protobuf);
        expect(answer.headers.get("retry-after")).toBe(retry);
        if (isJson) expect(JSON.parse(answer.body.toString())).toEqual({ code, message: expect.any(String) });
        else expect([answer.body[0], answer.body[1], answer.body[2]]).toEqual([0x08, code, 0x12]);
      }
    };
    await sent("\u0001", 400, 3, null);
    await sent(new Uint8Array(1001), 413, 8, null);
    journal.state = { backlogBytes: 0, backlogLimitBytes: 1, writable: false, reason: "disk full" };
    await sent("{}", 503, 14, "5");
  });

  it("over gRPC carry RetryInfo only where retrying helps", async () => {
    await open({ maxInflatedBytes: 1000 });
    const details = (error: ServiceError): string => String(error.metadata.get("grpc-status-details-bin")[0] ?? "");
    const broken = await refused("traces", Uint8Array.of(0x0a, 0x7f));
    const large = await refused("traces", new Uint8Array(2000));
    expect([broken.code, large.code]).toEqual([3, 8]);
    expect(details(broken) + details(large)).not.toContain("RetryInfo");
    journal.state = { backlogBytes: 0, backlogLimitBytes: 1, writable: false, reason: "disk full" };
    const wait = await refused("traces", good.traces);
    expect([wait.code, details(wait).includes("RetryInfo")]).toEqual([14, true]);
  });

  it("to what is not served are 404 and UNIMPLEMENTED, profiles among it", async () => {
    expect((await post(receive.httpPort, "{}", json, "/v1development/profiles")).status).toBe(404);
    const path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    await expect(callGrpc(receive.grpcPort, path, new Uint8Array(0))).rejects.toMatchObject({ code: 12 });
  });
});

describe("bombs", () => {
  it("of gzip are cut off while they inflate, at both doors", async () => {
    const bomb = gzipSync(new Uint8Array(100 * 1024 * 1024));
    const answer = await send(bomb, gzip);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([413, null]);
    expect(counts.total("homeostat.receive.dropped_requests", { reason: "body-too-large" })).toBe(1);
    await open({ maxInflatedBytes: 100_000 });
    expect((await refused("traces", new Uint8Array(200_000), true)).code).toBe(8);
  });

  it("of nesting are cut at a depth or refused, in both encodings", async () => {
    const value = `${'{"arrayValue":{"values":['.repeat(80)}{"stringValue":"core"}${"]}}".repeat(80)}`;
    const nested = twin("traces", spanRequest("nested", { attributes: [{ key: "k", value: {} }] }));
    expect((await send(nested.replace('"value":{}', `"value":${value}`), json)).status).toBe(200);
    expect(counts.total("homeostat.receive.repaired", { reason: "depth" })).toBe(1);
    expect((await send(`{"x":${"[".repeat(100_000)}`, json)).status).toBe(400);
    expect((await send(new Uint8Array(100_000).fill(0x0b))).status).toBe(400);
  });

  it("of length prefixes are refused before anything is reserved for them", async () => {
    for (const length of [
      [0x80, 0x80, 0x80, 0x80, 0x08],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ]) {
      expect((await send(Uint8Array.from([0x0a, ...length, 0]))).status).toBe(400);
      expect((await refused("logs", Uint8Array.from([0x0a, ...length, 0]))).code).toBe(3);
    }
    expect(counts.total("homeostat.receive.dropped_requests", { reason: "malformed" })).toBe(4);
  });
});

describe("odd values", () => {
  it.each<[string, object, "dropped" | "repaired", string]>([
    ["a trace id of the wrong length", { traceId: new Uint8Array(15).fill(1) }, "dropped", "trace-id"],
    ["a span id of zeros", { spanId: new Uint8Array(8) }, "dropped", "span-id"],
    ["a parent id of the wrong length", { parentSpanId: new Uint8Array(7).fill(1) }, "dropped", "span-id"],
    ["a time past what the store can hold", { startTimeUnixNano: "18446744073709551615" }, "dropped", "time"],
    ["an end before the start", { endTimeUnixNano: "1" }, "repaired", "negative-duration"],
    ["a link to an id of the wrong length", { links: [{ traceId: new Uint8Array(3).fill(1) }] }, "repaired", "link-id"],
    [
      "a key given twice",
      { attributes: ["first", "second"].map((stringValue) => ({ key: "k", value: { stringValue } })) },
      "repaired",
      "duplicate-key",
    ],
  ])("%s: stated and counted", async (_, fields, outcome, reason) => {
    const answer = await send(spanRequest("odd", fields));
    expect([answer.status, answer.body[0]]).toEqual([200, 0x0a]);
    expect(counts.total(`homeostat.receive.${outcome}`, { signal: "traces", reason })).toBe(1);
    const rows = journal.rows("otel_traces");
    expect(rows).toHaveLength(outcome === "dropped" ? 0 : 1);
    if (reason === "duplicate-key") expect(rows[0]!.SpanAttributes).toEqual([["k", "first"]]);
    if (reason === "negative-duration") expect(rows[0]!.Duration).toBe(0n);
  });

  it("bytes that are not UTF-8 become U+FFFD, counted", async () => {
    const body = spanRequest("XY");
    body[Buffer.from(body).indexOf("XY")] = 0xff;
    expect((await send(body)).status).toBe(200);
    expect(journal.rows("otel_traces")[0]!.SpanName).toBe("\ufffdY");
    expect(counts.total("homeostat.receive.repaired", { reason: "invalid-utf8" })).toBe(1);
  });

  it("NaN and infinities are kept as they are, in both encodings", async () => {
    const wanted = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of wanted) {
      expect((await send(gaugeRequest("m", value), {}, "metrics")).body).toHaveLength(0);
      expect((await send(twin("metrics", gaugeRequest("m", value)), json, "metrics")).body.toString()).toBe("{}");
    }
    expect(journal.rows("otel_metrics_gauge").map((row) => row.Value)).toEqual(
      wanted.flatMap((value) => [value, value]),
    );
  });
});
