// Clients that send too slowly, stop speaking HTTP or open too many connections, at the real door: what they hear.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openReceive, type Receive, type ReceiveOptions } from "../../src/receive/receive.ts";
import { contentTypes, post } from "./door-client.ts";
import { countingTelemetry, createMemoryJournal, type MemoryJournal, until } from "./memory-journal.ts";
import { nowMs, spanRequest } from "./payloads.ts";

let journal: MemoryJournal;
let counts: ReturnType<typeof countingTelemetry>;
let receive: Receive;
const good = spanRequest("a");

const open = (options: Partial<ReceiveOptions> = {}): Promise<Receive> =>
  openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: -1, window: null, ...options },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
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

const send = (body: Uint8Array) => post(receive.httpPort, body);

describe("a body that trickles in", () => {
  it("is cut by the request timeout, and what it held is given back", async () => {
    await reopen({ patience: { headersMs: 100, requestMs: 100, checkMs: 20 } });
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentTypes.protobuf}\r\nContent-Length: 1000\r\n\r\n`;
    const answer = await trickle(head, "x");
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    await until(() => counts.total("homeostat.receive.dropped_requests", { reason: "body-gone" }) === 1);
    expect(counts.total("homeostat.receive.dropped_connections", { reason: "too-slow" })).toBe(1);
    expect((await send(good)).status).toBe(200);
  });

  it("is cut by the headers timeout where not even they arrive", async () => {
    await reopen({ patience: { headersMs: 100, requestMs: 1000, checkMs: 20 } });
    expect(await trickle("POST /v1/traces HTTP/1.1\r\n", "x: y\r\n")).toMatch(/^HTTP\/1\.1 408 /);
    expect(counts.total("homeostat.receive.dropped_connections", { reason: "too-slow" })).toBe(1);
  });

  it("may take half a minute unless configured otherwise", async () => {
    expect(await serverOf()).toMatchObject({ headersTimeout: 10_000, requestTimeout: 30_000, maxConnections: 1000 });
  });
});

describe("a connection that stops speaking HTTP", () => {
  it("gets the answers to what it sent before, and then 400", async () => {
    const { length } = good;
    const socket = connect(receive.httpPort, "127.0.0.1");
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentTypes.protobuf}\r\nContent-Length: ${length}\r\n\r\n`,
    );
    socket.write(Buffer.concat([good, Buffer.from("garbage\r\n\r\n")]));
    expect((await heard(socket)).match(/HTTP\/1\.1 \d\d\d/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(journal.rows("otel_traces")).toHaveLength(1);
    expect(counts.total("homeostat.receive.dropped_connections", { reason: "not-http" })).toBe(1);
  });

  it("is told so when its headers are too large", async () => {
    const socket = connect(receive.httpPort, "127.0.0.1");
    socket.write(`POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 431 /);
    expect(counts.total("homeostat.receive.dropped_connections", { reason: "headers-too-large" })).toBe(1);
  });
});

describe("connections beyond what may be open", () => {
  it("of one address are closed and counted, and the others go on", async () => {
    let closed = 0;
    const sockets = Array.from({ length: 120 }, () => connect(receive.httpPort, "127.0.0.1").on("error", () => {}));
    for (const socket of sockets) socket.once("close", () => closed++);
    await until(() => closed === 20);
    expect(counts.total("homeostat.receive.dropped_connections", { reason: "per-address" })).toBe(20);
    for (const socket of sockets) socket.destroy();
    await until(() => closed === 120);
    expect((await send(good)).status).toBe(200);
  });

  it("in all are closed and counted", async () => {
    (await serverOf()).maxConnections = 2;
    const sockets = Array.from({ length: 5 }, () => connect(receive.httpPort, "127.0.0.1").on("error", () => {}));
    await until(() => counts.total("homeostat.receive.dropped_connections", { reason: "total" }) >= 3);
    for (const socket of sockets) socket.destroy();
  });
});

/** The door's own server, as Node tells of it. */
async function serverOf(): Promise<Server> {
  let server: Server | undefined;
  const onRequest = (message: unknown): void => {
    server = (message as { server: Server }).server;
  };
  subscribe("http.server.request.start", onRequest);
  try {
    await send(new Uint8Array(0));
  } finally {
    unsubscribe("http.server.request.start", onRequest);
  }
  return server!;
}

/** Sends `head`, then `drop` again and again until the other side closes; returns what it answered. */
async function trickle(head: string, drop: string): Promise<string> {
  const socket = connect(receive.httpPort, "127.0.0.1");
  socket.write(head);
  const drip = setInterval(() => socket.write(drop), 10);
  try {
    return await heard(socket);
  } finally {
    clearInterval(drip);
  }
}

/** All the other side says before it closes. */
async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}
