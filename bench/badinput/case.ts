// What is tried at the doors, and what should come of it.
import { Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import type { Door } from "./door.ts";

export interface Case {
  readonly group: string;
  readonly name: string;
  /** Resolves with what is wrong with the answer, undefined if nothing. */
  run(door: Door): Promise<string | undefined>;
  /** Markers of the items in it that nothing speaks against; they must be stored. */
  readonly valid?: readonly string[];
  /** Sends more than one request: its memory is not that of one. */
  readonly many?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 });
/** Bad senders have an address of their own, as they would. */
export const theirAddress = "127.0.0.2";
/** Nothing takes this long. */
const GIVE_UP_MS = 20_000;

export const protobuf = { "Content-Type": "application/x-protobuf" } as const;
export const json = { "Content-Type": "application/json" } as const;
export const gzip = { "Content-Encoding": "gzip" } as const;

/** The status is 0 where the connection was closed without an answer, -1 where none came in time. */
export function post(
  port: number,
  path: string,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>>,
  localAddress = theirAddress,
): Promise<Answer> {
  return new Promise((resolve) => {
    const request = httpRequest({
      port,
      path,
      method: "POST",
      headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
      localAddress,
      host: "127.0.0.1",
      agent,
      timeout: GIVE_UP_MS,
    });
    let answered = false;
    request.once("response", (response) => {
      answered = true;
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("close", () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
    });
    request.once("timeout", () => {
      resolve({ status: -1, body: Buffer.alloc(0) });
      request.destroy();
    });
    // A refusal may come before the body was sent, and then the sending fails.
    request.on("error", () => {
      if (!answered) setTimeout(() => resolve({ status: 0, body: Buffer.alloc(0) }), 100);
    });
    request.end(body);
  });
}

/** A case of one HTTP request that should be answered with one of `statuses`. */
export function httpCase(
  group: string,
  name: string,
  statuses: readonly number[],
  body: Uint8Array | string,
  options: {
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly valid?: readonly string[];
    /** What the answer must say. */
    readonly says?: RegExp;
  } = {},
): Case {
  const { path = "/v1/traces", headers = protobuf, valid = [], says } = options;
  return {
    group,
    name,
    valid,
    async run(door) {
      const answer = await post(door.httpPort, path, body, headers);
      const text = answer.body.toString("latin1");
      if (!statuses.includes(answer.status))
        return `answered ${answer.status}, not ${statuses.join(" or ")}: ${text.slice(0, 200)}`;
      return says === undefined || says.test(text) ? undefined : `does not say ${says}: ${text.slice(0, 200)}`;
    },
  };
}

/** A bare connection from one of the bad senders' addresses. */
export function connectFrom(port: number, host = 2): Socket {
  return connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${host}` }).on("error", () => {});
}

/** All the other side says until it closes, or until time is up. */
export function heard(socket: Socket, limitMs = GIVE_UP_MS): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(`${text}(still open)`);
    }, limitMs);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
