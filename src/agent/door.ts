// The agent's door: one path for signed requests and one for its health, with a limit on everything.
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfterS?: number;
}

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly bodyBytes: number;
  /** Longest wait for the headers, and for the whole request. */
  readonly headersMs?: number;
  readonly requestMs?: number;
}

export interface Delivery {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** Address of the sender. */
  readonly from: string;
}

export interface DoorRooms {
  take(delivery: Delivery): Answer;
  health(): Answer;
  /** Told of what was sent away before it was read. */
  turnedAway(from: string, says: string): void;
}

export interface Door extends AsyncDisposable {
  readonly port: number;
}

const connectionsMax = 64;

/** Rejects if the address cannot be listened on. */
export async function openDoor(options: DoorOptions, rooms: DoorRooms): Promise<Door> {
  const { headersMs = 5000, requestMs = 10_000 } = options;
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, headersMs / 4)),
    keepAliveTimeout: 5000,
    maxHeaderSize: 16 * 1024,
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, options, rooms);
  };
  const server =
    options.tls === undefined
      ? http.createServer(limits, onRequest)
      : https.createServer(
          { ...limits, ...options.tls, minVersion: "TLSv1.2", handshakeTimeout: headersMs },
          onRequest,
        );
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), 2000);
      await closed;
      clearTimeout(late);
    },
  };
}

function serve(request: IncomingMessage, response: ServerResponse, options: DoorOptions, rooms: DoorRooms): void {
  const from = request.socket.remoteAddress ?? "?";
  request.on("error", () => {});
  if (pathOf(request) === "/health" && (request.method === "GET" || request.method === "HEAD")) {
    answer(response, rooms.health());
    return;
  }
  const away = ({ status, says, headers }: TurnedAway): void => {
    rooms.turnedAway(from, says);
    // What is still coming is not waited for.
    answer(response, { status, body: { says } }, { ...headers, connection: "close" });
  };
  const why = whyTurnedAway(request, options);
  if (why !== undefined) {
    away(why);
    return;
  }
  const chunks: Buffer[] = [];
  let read = 0;
  request.on("data", (chunk: Buffer) => {
    read += chunk.length;
    if (read <= options.bodyBytes) chunks.push(chunk);
    else {
      request.removeAllListeners("data").removeAllListeners("end").resume();
      away(tooLarge(options));
    }
  });
  request.on("end", () =>
    answer(response, rooms.take({ headers: request.headers, body: Buffer.concat(chunks), from })),
  );
}

interface TurnedAway {
  readonly status: number;
  readonly says: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** By the headers alone. */
function whyTurnedAway(request: IncomingMessage, options: DoorOptions): TurnedAway | undefined {
  if (pathOf(request) !== options.path) return { status: 404, says: "there is nothing at this path" };
  if (request.method !== "POST") return { status: 405, says: "requests are sent by POST", headers: { allow: "POST" } };
  const { "content-type": type = "", "content-encoding": encoding, "content-length": length } = request.headers;
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type))
    return { status: 415, says: "the content type must be application/json" };
  if (encoding !== undefined) return { status: 415, says: "the body must not be encoded" };
  return Number(length ?? 0) > options.bodyBytes ? tooLarge(options) : undefined;
}

function tooLarge({ bodyBytes }: DoorOptions): TurnedAway {
  return { status: 413, says: `the body is over ${bodyBytes} bytes` };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?")[0]!;
}

function answer(
  response: ServerResponse,
  { status, body, retryAfterS }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    ...headers,
  });
  response.end(text);
}
