// The doors: what HTTP and gRPC clients are answered, for good requests, bad ones, and when there is no room.

import { createServer } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Client, credentials as grpcCredentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openReceive, type Receive, type ReceiveOptions } from "../../src/receive/receive.ts";
import { countingTelemetry, createMemoryJournal, latch, type MemoryJournal, until } from "./memory-journal.ts";
import { nowMs, spanRequest } from "./payloads.ts";

const protobuf = "application/x-protobuf";
let journal: MemoryJournal;
let counts: ReturnType<typeof countingTelemetry>;
let receive: Receive;

async function open(options: Partial<ReceiveOptions> = {}): Promise<Receive> {
  return openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: 0, window: null, ...options },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
}

async function reopen(options: Partial<ReceiveOptions>): Promise<void> {
  await receive[Symbol.asyncDispose]();
  receive = await open(options);
}

beforeEach(async () => {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  receive = await open();
});
afterEach(() => receive[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

async function post(
  body: Uint8Array,
  headers: Record<string, string> = {},
  path = "/v1/traces",
  method = "POST",
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${receive.httpPort}${path}`, {
    method,
    headers: { "Content-Type": protobuf, ...headers },
    ...(method === "POST" ? { body: Buffer.from(body) } : {}),
  });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

async function callGrpc(body: Uint8Array, metadata: Record<string, string> = {}): Promise<Buffer> {
  const client = new Client(`127.0.0.1:${receive.grpcPort}`, grpcCredentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const sent = Metadata.fromHttp2Headers(metadata);
      const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
      client.makeUnaryRequest(path, same, same, Buffer.from(body), sent, (error, value) =>
        error === null ? resolve(value!) : reject(error),
      );
    });
  } finally {
    client.close();
  }
}

describe("OTLP/HTTP", () => {
  it("answers a good request with an empty response of its own type", async () => {
    const answer = await post(spanRequest("a"));
    expect([answer.status, answer.headers.get("content-type"), answer.body.length]).toEqual([200, protobuf, 0]);
    const json = await post(Buffer.from('{"resourceSpans":[]}'), { "Content-Type": "application/json; charset=utf-8" });
    expect([json.status, json.headers.get("content-type"), json.body.toString()]).toEqual([
      200,
      "application/json",
      "{}",
    ]);
    expect(journal.rows("otel_traces")).toHaveLength(1);
  });

  it("tells what it rejected in partial_success", async () => {
    const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "00" }] }] }] });
    const answer = JSON.parse((await post(Buffer.from(json), { "Content-Type": "application/json" })).body.toString());
    expect(answer.partialSuccess.rejectedSpans).toBe("1");
    expect(answer.partialSuccess.errorMessage).toContain("trace_id");
    const { status, body } = await post(spanRequest("x", { traceId: new Uint8Array(3) }));
    expect([status, body[0], body[2], body[3]]).toEqual([200, 0x0a, 0x08, 1]);
  });

  it("takes gzip, in several members too", async () => {
    const body = spanRequest("zipped");
    const parts = [gzipSync(body.subarray(0, 20)), gzipSync(body.subarray(20))];
    expect((await post(Buffer.concat(parts), { "Content-Encoding": "gzip" })).status).toBe(200);
    expect(journal.rows("otel_traces")[0]?.SpanName).toBe("zipped");
  });

  it.each([
    ["an unknown path", 404, {}, "/v1/nothing", "POST"],
    ["another method", 405, {}, "/v1/traces", "GET"],
    ["another content type", 415, { "Content-Type": "text/plain" }, "/v1/traces", "POST"],
    ["another compression", 415, { "Content-Encoding": "br" }, "/v1/traces", "POST"],
  ])("refuses %s", async (_, status, headers, path, method) => {
    expect((await post(spanRequest("a"), headers, path, method)).status).toBe(status);
  });

  it("answers malformed bodies with 400 and google.rpc.Status in the type of the request", async () => {
    const binary = await post(Uint8Array.of(0x0a, 0x7f));
    expect([binary.status, binary.body[0], binary.body[1]]).toEqual([400, 0x08, 3]);
    const json = await post(Buffer.from("{"), { "Content-Type": "application/json" });
    expect([json.status, JSON.parse(json.body.toString()).code]).toEqual([400, 3]);
  });

  it("answers bodies over a limit with 413, by length, by count and once inflated", async () => {
    await reopen({ maxBodyBytes: 1000, maxInflatedBytes: 5000 });
    expect((await post(new Uint8Array(1001))).status).toBe(413);
    const chunked = await fetch(`http://127.0.0.1:${receive.httpPort}/v1/traces`, {
      method: "POST",
      headers: { "Content-Type": protobuf },
      body: new Blob([new Uint8Array(2000)]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    expect((await post(gzipSync(new Uint8Array(6000)), { "Content-Encoding": "gzip" })).status).toBe(413);
  });

  it("asks clients to come back when the journal is full or fails", async () => {
    journal.state = { backlogBytes: 90, backlogLimitBytes: 100, writable: true };
    const full = await post(spanRequest("a"));
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "5"]);
    journal.state = { backlogBytes: 0, backlogLimitBytes: 100, writable: true };
    journal.failure = "disk full";
    const failed = await post(spanRequest("a"));
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "5"]);
  });

  it("answers what is not HTTP, and closes the connection", async () => {
    const socket = connect(receive.httpPort, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.write("NOT HTTP\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 400/);
  });

  it("finishes and acknowledges what is in flight when it closes", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    const answer = post(spanRequest("last"));
    await until(() => journal.appends === 1);
    const closing = receive[Symbol.asyncDispose]();
    gate.open();
    expect((await answer).status).toBe(200);
    await closing;
    receive = await open();
  });
});

describe("credentials", () => {
  const credentials = [
    { kind: "bearer", secret: "token-1", tenant: "a" },
    { kind: "basic", secret: "user:pass word", tenant: "b" },
  ] as const;

  it("are asked for at both doors, and only the right ones let in", async () => {
    await reopen({ credentials });
    const basic = `Basic ${Buffer.from("user:pass word").toString("base64")}`;
    for (const [authorization, status] of [
      [undefined, 401],
      ["Bearer wrong", 401],
      ["Bearer user:pass word", 401],
      ["Basic token-1", 401],
      ["Bearer token-1", 200],
      ["bearer token-1", 200],
      [basic, 200],
    ] as const) {
      const headers = authorization === undefined ? {} : { authorization };
      expect((await post(spanRequest(String(authorization)), headers)).status).toBe(status);
      const code = await callGrpc(spanRequest(`grpc ${authorization}`), headers).then(
        () => 0,
        (error: ServiceError) => error.code,
      );
      expect(code).toBe(status === 200 ? 0 : 16);
    }
  });
});

describe("OTLP/gRPC", () => {
  it("stores and acknowledges, and tells what it rejected", async () => {
    expect((await callGrpc(spanRequest("over grpc"))).length).toBe(0);
    expect(journal.rows("otel_traces").map((row) => row.SpanName)).toEqual(["over grpc"]);
    const partial = await callGrpc(spanRequest("x", { spanId: new Uint8Array(2) }));
    expect([partial[0], partial[2], partial[3]]).toEqual([0x0a, 0x08, 1]);
  });

  it("answers malformed messages with INVALID_ARGUMENT", async () => {
    await expect(callGrpc(Uint8Array.of(0x0a, 0x7f))).rejects.toMatchObject({ code: 3 });
  });

  it("answers UNAVAILABLE with RetryInfo when there is no room", async () => {
    journal.state = { backlogBytes: 0, backlogLimitBytes: 1, writable: false, reason: "disk full" };
    const error = await callGrpc(spanRequest("a")).catch((caught: ServiceError) => caught as ServiceError);
    expect(error).toMatchObject({ code: 14 });
    const [details] = (error as ServiceError).metadata.get("grpc-status-details-bin");
    expect(String(details)).toContain("google.rpc.RetryInfo");
  });

  it("refuses messages over the limit with RESOURCE_EXHAUSTED", async () => {
    await reopen({ maxInflatedBytes: 1000 });
    await expect(callGrpc(new Uint8Array(2000))).rejects.toMatchObject({ code: 8 });
  });
});

describe("ports", () => {
  it("in use are named, with what to do", async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) =>
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port)),
    );
    try {
      for (const ports of [{ httpPort: port }, { grpcPort: port }]) {
        const attempt = open(ports);
        await expect(attempt).rejects.toMatchObject({ name: "PortError", port });
        await expect(attempt).rejects.toThrow(/is in use: stop what uses it, or set receive\.(http|grpc)Port/);
      }
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it("of -1 keep a door shut", async () => {
    await reopen({ grpcPort: -1 });
    expect(receive.grpcPort).toBe(-1);
    expect((await post(spanRequest("a"))).status).toBe(200);
  });
});
