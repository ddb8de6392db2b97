// OTLP over gRPC: the three Export services, with bodies passed on undecoded to the same intake.
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { keyOf } from "./body.ts";
import type { Signal } from "./decoder.ts";
import type { Door, DoorDeps } from "./http-door.ts";
import { limits } from "./limits.ts";
import { portError } from "./listen.ts";
import { codes, exportResponse, statusBody } from "./status.ts";
import type { TlsOptions } from "./tls.ts";

interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

const services: Readonly<Record<Signal, string>> = {
  traces: "opentelemetry.proto.collector.trace.v1.TraceService",
  metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
  logs: "opentelemetry.proto.collector.logs.v1.LogsService",
};
const CLOSE_MS = 5000;

export async function openGrpcDoor(
  options: { host: string; port: number; inflatedBytes: number; tls?: TlsOptions },
  deps: DoorDeps,
): Promise<Door> {
  const { intake, authenticate, telemetry } = deps;

  async function serve(signal: Signal, call: ServerUnaryCall<Buffer, Buffer>): Promise<Buffer | Refusal> {
    const { request: message, metadata } = call;
    const peer = options.tls?.clientCa === undefined ? undefined : call.getAuthContext().sslPeerCertificate;
    const tenant = authenticate(metadata.get("authorization")[0]?.toString(), peer);
    if (tenant === undefined)
      return refusal(codes.unauthenticated, "credentials are missing or wrong; send authorization metadata");
    const no = intake.refusal(tenant, signal);
    if (no !== undefined) {
      // With RetryInfo RESOURCE_EXHAUSTED may be sent again, without (too large) it may not.
      const code = no.kind === "limited" ? codes.resourceExhausted : codes.unavailable;
      return refusal(code, no.says, no.retryAfterSeconds);
    }
    if (!intake.claim(tenant, message.length)) {
      telemetry.count("homeostat.receive.dropped_requests", 1, { signal, reason: "body-busy" });
      return refusal(codes.unavailable, "too much is being received at once; send again later");
    }
    const { length } = message;
    try {
      const key = await keyOf(tenant, signal, "protobuf", message);
      // A copy: the body is handed to another thread, and grpc-js keeps its messages in shared memory.
      const answer = await intake.submit({
        tenant,
        signal,
        encoding: "protobuf",
        body: Uint8Array.from(message),
        key,
      });
      switch (answer.kind) {
        case "accepted":
          return Buffer.from(exportResponse(signal, "protobuf", answer.rejected, answer.says));
        case "malformed":
          return refusal(codes.invalidArgument, answer.says);
        case "too-large":
          return refusal(codes.resourceExhausted, answer.says);
        case "failed":
          return refusal(codes.internal, answer.says);
        case "busy":
          return refusal(codes.unavailable, answer.says);
      }
    } finally {
      intake.release(tenant, length);
    }
  }

  const server = new Server({
    "grpc.max_receive_message_length": options.inflatedBytes,
    "grpc.max_concurrent_streams": 100,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  for (const signal of Object.keys(services) as Signal[]) {
    server.addService(definition(services[signal]), {
      Export(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
        serve(signal, call)
          .then((result) => (Buffer.isBuffer(result) ? answer(null, result) : answer(result)))
          .catch((error: unknown) => {
            telemetry.log.error("the OTLP/gRPC door failed: a bug", { why: String(error) });
            answer(refusal(codes.internal, "internal error"));
          });
      },
    });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address(options.host, options.port), credentialsOf(options.tls), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(portError(options.host, options.port, "grpcPort", error));
    });
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => server.forceShutdown(), CLOSE_MS);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(timer);
    },
  };
}

/** UNAVAILABLE always carries RetryInfo: without it some clients would not try again. */
function refusal(code: number, details: string, retryAfterSeconds?: number): Refusal {
  const metadata = new Metadata();
  const retry = retryAfterSeconds ?? (code === codes.unavailable ? limits.retryAfterSeconds : undefined);
  metadata.set("grpc-status-details-bin", Buffer.from(statusBody("protobuf", code, details, retry)));
  return { code, details, metadata };
}

function credentialsOf(tls: TlsOptions | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { certificate, key, clientCa } = tls;
  const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) };
  return ServerCredentials.createSsl(
    clientCa === undefined ? null : Buffer.from(clientCa),
    [pair],
    clientCa !== undefined,
  );
}

function definition(service: string): ServiceDefinition {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    Export: {
      path: `/${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}

function address(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
