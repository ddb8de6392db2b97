// Plain OTLP clients for tests of the doors: bytes out, answer back.
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { Signal } from "../../src/receive/decoder.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

export const contentTypes = { protobuf: "application/x-protobuf", json: "application/json" } as const;

const services: Readonly<Record<Signal, string>> = {
  traces: "trace.v1.TraceService",
  metrics: "metrics.v1.MetricsService",
  logs: "logs.v1.LogsService",
};

export async function post(
  port: number,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
  path = "/v1/traces",
): Promise<HttpAnswer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": contentTypes.protobuf, ...headers },
    body: Buffer.from(body),
  });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

/** Calls Export of a signal's service. Rejects with grpc-js's ServiceError. */
export async function exportOverGrpc(port: number, signal: Signal, body: Uint8Array, gzip = false): Promise<Buffer> {
  return callGrpc(port, `/opentelemetry.proto.collector.${services[signal]}/Export`, body, gzip);
}

export async function callGrpc(port: number, path: string, body: Uint8Array, gzip = false): Promise<Buffer> {
  // 2 is gzip among gRPC's compression algorithms.
  const options = gzip ? { "grpc.default_compression_algorithm": 2 as const } : {};
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  const same = (bytes: Buffer): Buffer => bytes;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, Buffer.from(body), new Metadata(), (error, value) =>
        error === null ? resolve(value!) : reject(error),
      );
    });
  } finally {
    client.close();
  }
}
