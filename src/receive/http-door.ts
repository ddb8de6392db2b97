// OTLP over HTTP: POST /v1/traces, /v1/metrics, /v1/logs as protobuf or JSON.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { TLSSocket } from "node:tls";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Body, type BodyLimits, readBody, startKey } from "./body.ts";
import { refuseBrokenHttp } from "./broken-http.ts";
import type { Authenticate } from "./credentials.ts";
import type { Encoding, Signal } from "./decoder.ts";
import type { Intake, Refusal } from "./intake.ts";
import { limits } from "./limits.ts";
import { listen } from "./listen.ts";
import { codes, exportResponse, statusBody } from "./status.ts";
import type { Peer, TlsOptions } from "./tls.ts";

export interface Door extends AsyncDisposable {
  readonly port: number;
}

/** How long a client may take, ms. */
export interface Patience {
  readonly headersMs: number;
  /** Headers and body. */
  readonly requestMs: number;
  /** How often it is looked at. */
  readonly checkMs: number;
}

export interface DoorDeps {
  readonly intake: Intake;
  readonly authenticate: Authenticate;
  readonly telemetry: Telemetry;
  /** Handlers of other paths on the same port. */
  readonly others?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>>;
}

const signals: Readonly<Record<string, Signal>> = {
  "/v1/traces": "traces",
  "/v1/metrics": "metrics",
  "/v1/logs": "logs",
};
const contentTypes: Readonly<Record<Encoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};
/** Connections of one address: one client must not take them all. */
const CONNECTIONS_PER_ADDRESS = 100;
const CLOSE_MS = 5000;

/** google.rpc.Code of each HTTP status the door answers with. */
const codeOf: Readonly<Record<number, number>> = {
  400: codes.invalidArgument,
  401: codes.unauthenticated,
  404: codes.notFound,
  405: codes.unimplemented,
  413: codes.resourceExhausted,
  415: codes.invalidArgument,
  429: codes.resourceExhausted,
  500: codes.internal,
  503: codes.unavailable,
};

export async function openHttpDoor(
  options: { host: string; port: number; body: BodyLimits; patience: Patience; tls?: TlsOptions },
  deps: DoorDeps,
): Promise<Door> {
  const { intake, authenticate, telemetry } = deps;
  let closing = false;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const contentType = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
    const encoding: Encoding = contentType === contentTypes.protobuf ? "protobuf" : "json";
    const refuse = (status: number, says: string, retryAfterSeconds?: number): void =>
      fail(request, response, encoding, status, says, retryAfterSeconds);
    const path = (request.url ?? "").split("?")[0]!;
    const other = deps.others !== undefined && Object.hasOwn(deps.others, path) ? deps.others[path] : undefined;
    if (other !== undefined) {
      if (closing) return refuse(503, "shutting down; send again later");
      return await other(request, response);
    }
    const signal = signals[path];
    if (signal === undefined) return refuse(404, "unknown path; OTLP goes to /v1/traces, /v1/metrics and /v1/logs");
    if (request.method !== "POST") {
      response.setHeader("Allow", "POST");
      return refuse(405, "use POST");
    }
    const tenant = authenticate(request.headers.authorization, peerOf(request));
    if (tenant === undefined) {
      response.setHeader("WWW-Authenticate", "Bearer");
      return refuse(401, "credentials are missing or wrong; send an Authorization header");
    }
    if (contentType !== contentTypes[encoding])
      return refuse(415, "Content-Type must be application/x-protobuf or application/json");
    const compression = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
    if (compression !== "gzip" && compression !== "identity" && compression !== "")
      return refuse(415, "Content-Encoding must be gzip or none");
    if (Number(request.headers["content-length"] ?? 0) > options.body.wireBytes) {
      return refuse(413, `the body is larger than ${options.body.wireBytes} bytes; send smaller batches`);
    }
    if (closing) return refuse(503, "shutting down; send again later");
    const refusal = intake.refusal(tenant, signal);
    if (refusal !== undefined) return refuse(statusOf(refusal), refusal.says, refusal.retryAfterSeconds);
    let claimed = 0;
    const claim = (bytes: number): boolean => {
      if (!intake.claim(tenant, bytes)) return false;
      claimed += bytes;
      return true;
    };
    try {
      const body = await readBody(
        request,
        compression === "gzip",
        startKey(tenant, signal, encoding),
        options.body,
        claim,
      );
      if (body.kind !== "read") return refuseBody(body, signal, refuse);
      const answer = await intake.submit({ tenant, signal, encoding, body: body.bytes, key: body.key });
      if (answer.kind === "accepted") {
        return send(
          response,
          200,
          contentTypes[encoding],
          exportResponse(signal, encoding, answer.rejected, answer.says),
        );
      }
      const status = { malformed: 400, "too-large": 413, failed: 500, busy: 503 }[answer.kind];
      refuse(status, answer.says);
    } finally {
      intake.release(tenant, claimed);
    }
  }

  function refuseBody(
    body: Exclude<Body, { kind: "read" }>,
    signal: Signal,
    refuse: (status: number, says: string) => void,
  ): void {
    telemetry.count("homeostat.receive.dropped_requests", 1, { signal, reason: `body-${body.kind}` });
    if (body.kind !== "gone") refuse({ malformed: 400, "too-large": 413, busy: 503 }[body.kind], body.says);
  }

  function fail(
    request: IncomingMessage,
    response: ServerResponse,
    encoding: Encoding,
    status: number,
    says: string,
    retryAfterSeconds: number = limits.retryAfterSeconds,
  ): void {
    if (status === 503 || status === 429) response.setHeader("Retry-After", String(retryAfterSeconds));
    // What is left of the body will not be read, so the connection cannot carry another request.
    if (!request.complete) response.setHeader("Connection", "close");
    send(response, status, contentTypes[encoding], statusBody(encoding, codeOf[status] ?? codes.internal, says));
  }

  function send(response: ServerResponse, status: number, contentType: string, body: Uint8Array): void {
    if (closing) response.setHeader("Connection", "close");
    response.writeHead(status, { "Content-Type": contentType, "Content-Length": body.length });
    response.end(body);
  }

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      telemetry.log.error("the OTLP/HTTP door failed: a bug", { why: String(error) });
      if (!response.headersSent) fail(request, response, "json", 500, "internal error");
    });
  };
  const { patience, tls } = options;
  const bounds = {
    connectionsCheckingInterval: patience.checkMs,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    maxHeaderSize: 16 * 1024,
  };
  const server = tls === undefined ? createServer(bounds, answer) : secureServer(tls, bounds, answer);
  limit(server, telemetry);
  const port = await listen(server, options.host, options.port, "httpPort");
  return {
    port,
    async [Symbol.asyncDispose]() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** 429 says that the client should send less, 503 that we cannot take it now; both that it may be sent again. */
export function statusOf({ kind }: Refusal): 429 | 503 {
  return kind === "limited" ? 429 : 503;
}

function secureServer(
  { certificate, key, clientCa }: TlsOptions,
  bounds: ServerOptions,
  answer: RequestListener,
): SecureServer {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const handshake = { cert: certificate, key, handshakeTimeout: bounds.headersTimeout };
  return createSecureServer({ ...bounds, ...handshake, ...clients }, answer);
}

/** The verified certificate of the client; undefined where none was asked for. */
export function peerOf({ socket }: IncomingMessage): Peer | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const peer = socket.getPeerCertificate();
  return peer.fingerprint256 === undefined ? undefined : peer;
}

function limit(server: Server | SecureServer, telemetry: Telemetry): void {
  const perAddress = new Map<string, number>();
  server.maxConnections = limits.connections;
  server.maxHeadersCount = 100;
  // Longer than clients keep theirs, so that it is they who close.
  server.keepAliveTimeout = 75_000;
  server.on("connection", (socket) => {
    const address = socket.remoteAddress ?? "";
    const open = (perAddress.get(address) ?? 0) + 1;
    if (open > CONNECTIONS_PER_ADDRESS) {
      telemetry.count("homeostat.receive.dropped_connections", 1, { reason: "per-address" });
      socket.destroy();
      return;
    }
    perAddress.set(address, open);
    socket.once("close", () => {
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
  });
  server.on("drop", () => telemetry.count("homeostat.receive.dropped_connections", 1, { reason: "total" }));
  refuseBrokenHttp(server, telemetry);
}
