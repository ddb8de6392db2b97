// What a connection is answered whose bytes are not HTTP, or come too slowly: the last thing it hears.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Telemetry } from "../model/ports/telemetry.ts";

interface Refusal {
  readonly status: string;
  /** Counted with `homeostat.receive.dropped_connections`. */
  readonly reason: string;
}

const refusals: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: "408 Request Timeout", reason: "too-slow" },
  HPE_HEADER_OVERFLOW: { status: "431 Request Header Fields Too Large", reason: "headers-too-large" },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: "413 Payload Too Large", reason: "headers-too-large" },
};
const notHttp: Refusal = { status: "400 Bad Request", reason: "not-http" };

/** Requests sent ahead on the same connection, before the bytes that are wrong, get their answers first. */
export function refuseBrokenHttp(server: Server | SecureServer, telemetry: Telemetry): void {
  const unanswered = new WeakMap<Duplex, Set<ServerResponse>>();

  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const open = unanswered.get(socket) ?? new Set();
    unanswered.set(socket, open.add(response));
    response.once("close", () => open.delete(response));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const { status, reason } = refusals[error.code ?? ""] ?? notHttp;
    telemetry.count("homeostat.receive.dropped_connections", 1, { reason });
    // A request that is not there as a whole is the broken one: nobody answers it but we.
    const earlier = [...(unanswered.get(socket) ?? [])].filter((response) => response.req.complete);
    const say = (): void => {
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      // Not waited for: a client that does not close would hold the connection.
      (socket as Duplex & { destroySoon(): void }).destroySoon();
    };
    let left = earlier.length;
    if (left === 0) say();
    for (const response of earlier) {
      response.once("close", () => {
        left--;
        if (left === 0) say();
      });
    }
  });
}
