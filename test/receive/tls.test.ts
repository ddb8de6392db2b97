// The doors behind TLS: who gets in, and which tenant a client certificate makes of it.
import { request } from "node:https";
import { Client, credentials as grpcCredentials, Metadata } from "@grpc/grpc-js";
import { afterEach, expect, it } from "vitest";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openReceive, type Receive, type ReceiveOptions } from "../../src/receive/receive.ts";
import { tenantOfCertificate } from "../../src/receive/tls.ts";
import { createAuthority, type TestCertificate } from "./certificates.ts";
import { contentTypes } from "./door-client.ts";
import { createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { nowMs, spanRequest } from "./payloads.ts";

const authority = createAuthority("test authority");
const server = authority.issue("localhost");
const acme = authority.issue("acme-agent");
const beta = authority.issue("beta-agent");
const stranger = createAuthority("another authority").issue("acme-agent");
const tls = { certificate: server.certificate, key: server.key };
let receive: Receive | undefined;
let journal: MemoryJournal;

async function open(options: Partial<ReceiveOptions>, telemetry: Telemetry = silentTelemetry): Promise<void> {
  journal = createMemoryJournal();
  receive = await openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: 0, window: null, ...options },
    { journal, telemetry, now: () => nowMs },
  );
}
afterEach(async () => {
  await receive?.[Symbol.asyncDispose]();
  receive = undefined;
});

/** Status of the answer, or "refused" if there was no connection. */
function overHttp(name: string, client?: TestCertificate, authorization?: string): Promise<number | "refused"> {
  return new Promise((resolve) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: receive!.httpPort,
        path: "/v1/traces",
        method: "POST",
        agent: false,
        ca: authority.certificate,
        ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
        headers: {
          "Content-Type": contentTypes.protobuf,
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode!);
      },
    );
    sent.on("error", () => resolve("refused"));
    sent.end(spanRequest(name));
  });
}

/** Code of the answer; 14 if there was no connection. */
async function overGrpc(name: string, client?: TestCertificate, authorization?: string): Promise<number> {
  const pair = client === undefined ? [] : ([Buffer.from(client.key), Buffer.from(client.certificate)] as const);
  const caller = new Client(
    `127.0.0.1:${receive!.grpcPort}`,
    grpcCredentials.createSsl(Buffer.from(authority.certificate), ...pair),
  );
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set("authorization", authorization);
  const same = (bytes: Buffer): Buffer => bytes;
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  try {
    return await new Promise((resolve) => {
      caller.makeUnaryRequest(path, same, same, Buffer.from(spanRequest(name)), metadata, (error) =>
        resolve(error?.code ?? 0),
      );
    });
  } finally {
    caller.close();
  }
}

it("takes telemetry over TLS at both doors, and nothing in the clear", async () => {
  await open({ tls });
  expect(await overHttp("http")).toBe(200);
  expect(await overGrpc("grpc")).toBe(0);
  const clear = fetch(`http://127.0.0.1:${receive!.httpPort}/v1/traces`, { method: "POST", body: "{}" });
  await expect(clear).rejects.toThrow();
  expect(journal.rows("otel_traces", "default").map((row) => row.SpanName)).toEqual(["http", "grpc"]);
});

it("makes a client certificate its tenant, by subject or fingerprint, whatever the header says", async () => {
  const clients = [
    { subject: "acme-agent", tenant: "acme" },
    { fingerprint256: beta.fingerprint256.replaceAll(":", "").toLowerCase(), tenant: "beta" },
  ];
  const credentials = [{ kind: "bearer", secret: "token-of-gamma", tenant: "gamma" }] as const;
  await open({ tls: { ...tls, clientCa: authority.certificate, clients }, credentials });
  const gamma = "Bearer token-of-gamma";
  expect([await overHttp("a1", acme), await overHttp("a2", acme, gamma), await overHttp("b1", beta)]).toEqual([
    200, 200, 200,
  ]);
  expect([await overGrpc("a3", acme, gamma), await overGrpc("b2", beta)]).toEqual([0, 0]);
  // The authority knows this one, but it is nobody's; a credential says whose.
  const unnamed = authority.issue("new-agent");
  expect([await overHttp("x", unnamed), await overHttp("g1", unnamed, gamma)]).toEqual([401, 200]);
  expect([await overGrpc("x", unnamed), await overGrpc("g2", unnamed, gamma)]).toEqual([16, 0]);
  const names = (tenant: string): unknown[] => journal.rows("otel_traces", tenant).map((row) => row.SpanName);
  expect([names("acme"), names("beta"), names("gamma")]).toEqual([
    ["a1", "a2", "a3"],
    ["b1", "b2"],
    ["g1", "g2"],
  ]);
});

it("lets nobody in without a certificate of the authority once one is named", async () => {
  await open({
    tls: { ...tls, clientCa: authority.certificate, clients: [{ subject: "acme-agent", tenant: "acme" }] },
  });
  expect([await overHttp("none"), await overHttp("forged", stranger)]).toEqual(["refused", "refused"]);
  expect([await overGrpc("none"), await overGrpc("forged", stranger)]).toEqual([14, 14]);
  expect(journal.appends).toBe(0);
});

it("warns of doors open to everybody with TLS as without, until clients must show who they are", async () => {
  const warnings: string[] = [];
  const telemetry = {
    ...silentTelemetry,
    log: { ...silentTelemetry.log, warn: (text: string) => void warnings.push(text) },
  };
  const host = "0.0.0.0";
  for (const options of [{}, { tls }]) {
    await open({ host, ...options }, telemetry);
    await receive![Symbol.asyncDispose]();
  }
  expect(warnings.filter((text) => text.includes("open to everybody"))).toHaveLength(2);
  await open({ host, tls: { ...tls, clientCa: authority.certificate } }, telemetry);
  expect(warnings).toHaveLength(2);
});

it("holds for nobody if an entry names nothing, and for both if it names both", () => {
  const peer = { subject: { CN: "a" } as never, fingerprint256: "AA:BB" };
  expect(tenantOfCertificate([{ tenant: "x" }], peer)).toBeUndefined();
  expect(tenantOfCertificate([{ subject: "a", fingerprint256: "ccdd", tenant: "x" }], peer)).toBeUndefined();
  expect(tenantOfCertificate([{ subject: "a", fingerprint256: "aabb", tenant: "x" }], peer)).toBe("x");
});
