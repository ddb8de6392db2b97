// One attempt to hand a message to a receiver over HTTP, and what its answer means.
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import type { Address } from "./guard.ts";

export interface PostLimits {
  readonly connectTimeoutMs: number;
  readonly totalTimeoutMs: number;
  /** How much of an answer is read; the rest is cut off. Answers are read by programs only, never shown to anybody. */
  readonly answerBytesMax: number;
}

export type Attempt =
  | { readonly kind: "delivered"; readonly status: number; readonly answer: string }
  /** Trying again may help. */
  | { readonly kind: "retry"; readonly reason: string; readonly status?: number; readonly retryAfterMs?: number }
  /** Trying again will not help. */
  | { readonly kind: "final"; readonly reason: string; readonly status?: number };

/**
 * POSTs `body` to `url`, connecting only to `addresses`. Follows no redirect, reuses no connection (a kept one would
 * bypass the address check), and gives up after the limits. Resolves whatever happens; `nowMs` is wall time.
 */
export function post(
  url: URL,
  addresses: readonly Address[],
  headers: Readonly<Record<string, string>>,
  body: string,
  limits: PostLimits,
  nowMs: number,
  signal: AbortSignal,
  method: "POST" | "GET" = "POST",
): Promise<Attempt> {
  return new Promise((resolve) => {
    const bytes = Buffer.from(body);
    const typed = { "content-type": "application/json", "content-length": String(bytes.length) };
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method,
      agent: false,
      lookup: pinned(addresses),
      signal,
      headers: {
        ...(method === "POST" ? typed : {}),
        ...headers,
        "user-agent": "homeostat",
        connection: "close",
      },
    });
    const total = setTimeout(() => fail("no complete answer in time"), limits.totalTimeoutMs);
    const connect = setTimeout(() => fail("no connection in time"), limits.connectTimeoutMs);
    const done = (attempt: Attempt): void => {
      clearTimeout(total);
      clearTimeout(connect);
      request.destroy();
      resolve(attempt);
    };
    const fail = (reason: string): void => done({ kind: "retry", reason });
    request.on("socket", (socket) => {
      const connected = url.protocol === "https:" ? "secureConnect" : "connect";
      socket.once(connected, () => clearTimeout(connect));
    });
    request.on("error", (error) => fail("code" in error ? String(error.code) : error.message));
    request.on("response", (response) => {
      clearTimeout(connect);
      const attempt = meaningOf(response.statusCode ?? 0, response.headers["retry-after"], nowMs);
      const chunks: Buffer[] = [];
      let read = 0;
      const answered = (): void => {
        const answer = Buffer.concat(chunks).subarray(0, limits.answerBytesMax).toString("utf8");
        done(attempt.kind === "delivered" ? { ...attempt, answer } : attempt);
      };
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        read += chunk.length;
        if (read > limits.answerBytesMax) answered();
      });
      response.on("end", answered);
      // The status line is the answer; a body cut short changes nothing about it.
      response.on("error", answered);
    });
    request.end(method === "POST" ? bytes : undefined);
  });
}

/** What a status means for a webhook: 2xx taken, 408/425/429/5xx later, everything else never. */
export function meaningOf(status: number, retryAfter: string | undefined, nowMs: number): Attempt {
  if (status >= 200 && status < 300) return { kind: "delivered", status, answer: "" };
  if (status >= 300 && status < 400) return { kind: "final", status, reason: `redirect (${status}) is not followed` };
  const passing = status >= 500 || status === 408 || status === 425 || status === 429;
  if (!passing) {
    return {
      kind: "final",
      status,
      reason: status === 410 ? "receiver is gone (410)" : `receiver refused it (${status})`,
    };
  }
  const retryAfterMs = readRetryAfter(retryAfter, nowMs);
  return {
    kind: "retry",
    status,
    reason: `answered ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Milliseconds to wait by a Retry-After header, written as seconds or as an HTTP date. */
function readRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
  const ms = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1000;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** A resolver that knows one answer. */
function pinned(addresses: readonly Address[]): LookupFunction {
  return (_host, options, callback) => {
    if (options.all) callback(null, [...addresses]);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  };
}
