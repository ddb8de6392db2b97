// One request to an engine: bounded in time and size, marked as a probe, never redirected.
import http from "node:http";
import https from "node:https";

export interface ExchangeLimits {
  /** Of the whole exchange: an answer that trickles in is as late as none. */
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

/** Why there is no answer to judge. `refused`: a status that blames the request, so the engine lives. */
export type Silence =
  | "timeout"
  | "connection"
  | "server-error"
  | "busy"
  | "refused"
  | "redirect"
  | "too-large"
  | "garbage";

export type Exchange =
  | {
      readonly kind: "answered";
      readonly body: Buffer;
      readonly headers: http.IncomingHttpHeaders;
      readonly seconds: number;
    }
  | { readonly kind: "unanswered"; readonly reason: Silence; readonly says: string; readonly seconds: number };

export interface Ask {
  /** Of the engine, as {@link import("./target.ts").ProbeTarget} has it. */
  readonly base: string;
  /** Such as `/v1/completions`. */
  readonly path: string;
  /** Sent as JSON by POST; undefined = GET. */
  readonly body?: unknown;
  readonly authorization?: string | undefined;
  /** Id of the probe: by header, baggage and request id whatever counts or bills can leave it out. */
  readonly probe: string;
}

/** The way a question goes to an engine and its answer comes back. Resolves whatever happens. */
export type AskEngine = (ask: Ask, limits: ExchangeLimits, signal: AbortSignal) => Promise<Exchange>;

/** Over HTTP. Nothing of the answer is logged. */
export function exchange(ask: Ask, limits: ExchangeLimits, signal: AbortSignal): Promise<Exchange> {
  return new Promise((resolve) => {
    const url = new URL(`${ask.base.replace(/\/+$/, "")}${ask.path}`);
    const bytes = ask.body === undefined ? undefined : Buffer.from(JSON.stringify(ask.body));
    const begun = performance.now();
    const seconds = (): number => (performance.now() - begun) / 1000;
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method: bytes === undefined ? "GET" : "POST",
      agent: false,
      headers: {
        accept: "application/json",
        "user-agent": "homeostat-probe",
        "x-homeostat-probe": ask.probe,
        baggage: `homeostat.probe=${ask.probe}`,
        connection: "close",
        ...(bytes === undefined ? {} : { "content-type": "application/json", "content-length": String(bytes.length) }),
        ...(ask.authorization === undefined ? {} : { authorization: ask.authorization }),
      },
    });
    const timer = setTimeout(
      () => fail("timeout", `gave no complete answer within ${limits.timeoutMs / 1000} s`),
      limits.timeoutMs,
    );
    const stop = (): void => fail("connection", "the probe was stopped");
    let ended = false;
    const end = (result: Exchange): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      request.destroy();
      resolve(result);
    };
    const fail = (reason: Silence, says: string): void => end({ kind: "unanswered", reason, says, seconds: seconds() });
    request.on("error", (error) => fail("connection", `cannot be talked to (${codeOf(error)})`));
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      const silence = silenceOf(status);
      if (silence !== undefined) return fail(...silence);
      const chunks: Buffer[] = [];
      let read = 0;
      response.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > limits.answerBytesMax)
          fail("too-large", `answers with more than ${Math.round(limits.answerBytesMax / 1024)} KiB`);
        else chunks.push(chunk);
      });
      response.on("end", () =>
        response.complete
          ? end({ kind: "answered", body: Buffer.concat(chunks), headers: response.headers, seconds: seconds() })
          : fail("connection", "closed the connection in the middle of an answer"),
      );
      response.on("error", () => fail("connection", "closed the connection in the middle of an answer"));
    });
    if (signal.aborted) stop();
    else {
      signal.addEventListener("abort", stop, { once: true });
      request.end(bytes);
    }
  });
}

/** What a status other than 200 says; undefined for 200. */
export function silenceOf(status: number): readonly [Silence, string] | undefined {
  if (status === 200) return undefined;
  if (status === 408 || status === 429 || status === 503) return ["busy", `says it is busy (${status})`];
  if (status >= 500) return ["server-error", `answers ${status}`];
  if (status >= 300 && status < 400)
    return ["redirect", `redirects (${status}), which is not followed; give the address it serves at`];
  if (status >= 400)
    return ["refused", `refuses the request (${status}); check model, route and authorization of the target`];
  return ["garbage", `answers status ${status}`];
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "connection failed";
}
