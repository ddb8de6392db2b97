// Clients that send numbered requests and, as OTLP clients do, send the same bytes again until they are acknowledged.
import { Agent, request as httpRequest } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { type NumberedRequest, requestOf, type Signal } from "./requests.ts";

/** What the clients know: the one side of the judgement. */
export interface Ledger {
  /** Rows of every request ever sent, by its number. */
  readonly sent: Map<number, { readonly signal: Signal; readonly rows: number }>;
  readonly acknowledged: Set<number>;
  /** Requests sent again because the answer did not come. */
  readonly resentUnanswered: Set<number>;
  /** Requests sent again although they had been acknowledged. */
  resentAcknowledged: number;
  /** Answers 503, and those of them that do not say when to come again. */
  refused: number;
  refusedWithoutRetryAfter: number;
}

export interface Senders {
  readonly ledger: Ledger;
  /** Where to send; undefined while nobody is there. */
  aim(otlpUrl: string | undefined): void;
  /** One request more, resolved when it is acknowledged. */
  send(signal?: Signal): Promise<number>;
  /** Lanes that each send one request after the other. */
  start(lanes: number): void;
  /** Begins no more, and resolves once all that were begun are acknowledged. */
  finish(): Promise<void>;
  /** Throws if a lane met an answer it must never get. */
  check(): void;
  close(): void;
}

const answerMs = 15_000;
const retryMs = 40;
/** Pause of a lane between two requests: the load is to be steady, not the machine's utmost. */
const paceMs = 4;
/** Share of acknowledged requests that are sent once more, at once or up to so many acknowledgements later. */
const again = { share: 0.1, after: 60 };

/** `draw` gives numbers in [0, 1), `now` is Unix ms. An answer that is neither 200 nor 503 ends the run with an error. */
export function createSenders(draw: () => number, now: () => number): Senders {
  const ledger: Ledger = {
    sent: new Map(),
    acknowledged: new Set(),
    resentUnanswered: new Set(),
    resentAcknowledged: 0,
    refused: 0,
    refusedWithoutRetryAfter: 0,
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let target: string | undefined;
  let next = 0;
  let going = true;
  let lanes: Promise<void>[] = [];
  let failure: unknown;
  const toRepeat: { readonly request: NumberedRequest; readonly after: number }[] = [];

  const deliver = async (request: NumberedRequest): Promise<void> => {
    for (;;) {
      const url = target;
      const { status, retryAfter } = url === undefined ? nothing : await post(agent, url, request);
      if (status === 200) return;
      if (status === 503) ledger.refused++;
      if (status === 503 && retryAfter === undefined) ledger.refusedWithoutRetryAfter++;
      if (status !== undefined && status !== 503) throw new Error(`request ${request.number} was answered ${status}`);
      if (url !== undefined) ledger.resentUnanswered.add(request.number);
      await wait(retryMs);
    }
  };
  const send = async (signal?: Signal): Promise<number> => {
    const request = requestOf(next++, now(), draw, signal);
    ledger.sent.set(request.number, { signal: request.signal, rows: request.rows });
    await deliver(request);
    ledger.acknowledged.add(request.number);
    if (draw() < again.share) toRepeat.push({ request, after: ledger.acknowledged.size + draw() * again.after });
    return request.number;
  };
  const lane = async (): Promise<void> => {
    while (going) {
      await send();
      const due = toRepeat.findIndex(({ after }) => after <= ledger.acknowledged.size);
      const [repeat] = due < 0 ? [] : toRepeat.splice(due, 1);
      if (repeat !== undefined) {
        await deliver(repeat.request);
        ledger.resentAcknowledged++;
      }
      await wait(paceMs);
    }
  };
  return {
    ledger,
    aim(otlpUrl) {
      target = otlpUrl;
    },
    send,
    start(count) {
      going = true;
      lanes = Array.from({ length: count }, lane);
      for (const one of lanes)
        one.catch((error: unknown) => {
          failure ??= error;
        });
    },
    async finish() {
      going = false;
      await Promise.all(lanes);
    },
    check() {
      if (failure !== undefined) throw failure;
    },
    close: () => agent.destroy(),
  };
}

interface Answer {
  /** Undefined if the connection died or nothing came. */
  readonly status?: number | undefined;
  readonly retryAfter?: string | undefined;
}

const nothing: Answer = {};

async function post(agent: Agent, url: string, { signal, contentType, bytes }: NumberedRequest): Promise<Answer> {
  return await new Promise((resolve) => {
    const headers = { "content-type": contentType, "content-length": bytes.length };
    const ask = httpRequest(`${url}/v1/${signal}`, { method: "POST", agent, headers, timeout: answerMs });
    ask
      .once("response", (answer) => {
        // An acknowledgement counts when all of it has come.
        answer
          .resume()
          .once("end", () =>
            resolve(
              answer.complete ? { status: answer.statusCode, retryAfter: answer.headers["retry-after"] } : nothing,
            ),
          )
          .once("close", () => resolve(nothing));
      })
      .once("timeout", () => ask.destroy())
      .once("error", () => resolve(nothing))
      .once("close", () => resolve(nothing))
      .end(bytes);
  });
}
