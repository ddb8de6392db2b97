// Requests that somebody sends to one engine itself, past the gateway: through the same queue, on virtual time.
import type { Delivery } from "./delivery.ts";
import { createRandom } from "./random.ts";
import type { Replica } from "./replica.ts";
import { ABANDONED, AT_ENGINE, CAPPED, DIRECT, FREE, type Requests } from "./requests.ts";
import type { Scenario } from "./scenario.ts";
import { createStandIn, type Said, type StandIn, tokensOf } from "./stand-in.ts";
import type { Timeline } from "./timeline.ts";
import { plainRequest } from "./traffic.ts";

/** As it comes over HTTP; `body` is parsed JSON, absent for a GET. */
export interface DirectRequest {
  readonly path: string;
  readonly body?: unknown;
}

/** What comes back. `refused`: nobody listens; `closed`: the process died with it; `timeout`: nothing came in time. */
export type DirectReply =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "refused" | "closed" | "timeout" };

export type Replied = (reply: DirectReply, atMs: number) => void;

/** Takes it back: nothing is replied any more. */
export type TakeBack = () => void;

export interface DirectDoor {
  /** `replied` is called once, perhaps before this returns. A replica nobody has refuses, as an address nobody has does. */
  ask(replica: string, request: DirectRequest, timeoutMs: number, replied: Replied): TakeBack;
  /** True if a finished request was one of these; its slot is released. */
  finished(slot: number, nowMs: number): boolean;
  /** A replica died: those of `slots` that are not of these. */
  died(replica: Replica, slots: readonly number[], nowMs: number): readonly number[];
}

interface Open {
  readonly model: string;
  readonly isChat: boolean;
  readonly said: Said;
  readonly promptTokens: number;
  readonly maxTokens: number;
  reply(reply: DirectReply, atMs: number): void;
}

const maxTokensDefault = 16;

/**
 * OpenAI's `/v1/models`, `/v1/completions` and `/v1/chat/completions`, not streamed. Answers are a stand-in's ({@link createStandIn});
 * their time is the engine's. Blind to prefix caching of these requests, to adapters and to every field but model, prompt, messages
 * and max_tokens.
 */
export function createDirectDoor(
  scenario: Scenario,
  replicas: readonly Replica[],
  requests: Requests,
  timeline: Timeline,
  deliver: Delivery,
  now: () => number,
): DirectDoor {
  const open = new Map<number, Open>();
  const standIns = new Map<Replica, StandIn>();
  let ids = 0;

  const standInOf = (replica: Replica): StandIn => {
    let standIn = standIns.get(replica);
    if (standIn === undefined) {
      standIn = createStandIn(scenario, createRandom(scenario.seed, `direct/${replica.index}`));
      standIns.set(replica, standIn);
    }
    return standIn;
  };

  /** Takes the request from where it is, and lets go of its slot as soon as the engine does. */
  function withdraw(slot: number, nowMs: number): void {
    open.delete(slot);
    const replica = replicas[requests.replica[slot]!]!;
    if (requests.state[slot] !== AT_ENGINE || replica.engine.abort(slot, nowMs)) requests.release(slot);
    else requests.state[slot] = ABANDONED;
  }

  return {
    ask(name, { path, body }, timeoutMs, replied) {
      const nowMs = now();
      const replica = replicas.find((one) => one.name === name);
      let done = false;
      const reply = (what: DirectReply, atMs: number): void => {
        if (done) return;
        done = true;
        replied(what, atMs);
      };
      const status = (code: number, said: unknown): TakeBack => {
        reply({ kind: "answered", status: code, body: said }, nowMs);
        return () => {};
      };
      if (replica?.state !== "serving") {
        reply({ kind: "refused" }, nowMs);
        return () => {};
      }
      const standIn = standInOf(replica);
      // The API process knows its models by itself: a stuck engine core does not keep it from saying so.
      if (path === "/v1/models") return status(200, { object: "list", data: [{ id: standIn.model, object: "model" }] });
      const isChat = path === "/v1/chat/completions";
      if (!isChat && path !== "/v1/completions") return status(404, { error: { message: "Not Found" } });
      const asked = askedOf(body, isChat);
      if (asked === undefined) return status(400, { error: { message: "the request has no text" } });
      const promptTokens = tokensOf(asked.text) + (isChat ? 8 : 0);
      const { maxTokens } = asked;
      if (promptTokens + maxTokens > replica.spec.config.max_model_len)
        return status(400, { error: { message: "the prompt is longer than the maximum model length" } });
      const slot = requests.take();
      if (slot < 0) return status(503, { error: { message: "too many requests" } });
      const said = standIn.say(asked.text, replica);
      const tokens = Math.min(maxTokens, said.tokens);
      requests.ask(slot, { ...plainRequest(promptTokens, tokens), limit: maxTokens, marks: DIRECT });
      requests.id[slot] = -++ids;
      const id = requests.id[slot];
      requests.replica[slot] = replica.index;
      requests.state[slot] = AT_ENGINE;
      requests.dispatchedAt[slot] = nowMs;
      // No moment of the gateway's: it gives up what arrived there too long ago, and tries again what it sent too seldom.
      requests.arrivedAt[slot] = Number.NaN;
      requests.attempts[slot] = 255;
      open.set(slot, { model: standIn.model, isChat, said, promptTokens, maxTokens, reply });
      const isStill = (): boolean => open.has(slot) && requests.id[slot] === id;
      timeline.add(nowMs + timeoutMs, (atMs) => {
        if (!isStill()) return;
        reply({ kind: "timeout" }, atMs);
        withdraw(slot, atMs);
      });
      deliver(replica, slot, nowMs);
      return () => {
        done = true;
        if (isStill()) withdraw(slot, now());
      };
    },
    finished(slot, nowMs) {
      const one = open.get(slot);
      if (one === undefined || (requests.marks[slot]! & DIRECT) === 0) return false;
      open.delete(slot);
      const runsOn = (requests.marks[slot]! & CAPPED) > 0;
      const generated = requests.generated[slot]!;
      requests.release(slot);
      one.reply({ kind: "answered", status: 200, body: answerOf(one, generated, runsOn) }, nowMs);
      return true;
    },
    died(replica, slots, nowMs) {
      for (const [slot, one] of open) {
        if (requests.replica[slot] !== replica.index) continue;
        open.delete(slot);
        requests.release(slot);
        one.reply({ kind: "closed" }, nowMs);
      }
      return slots.filter((slot) => requests.state[slot] !== FREE);
    },
  };
}

function answerOf({ model, isChat, said, promptTokens, maxTokens }: Open, generated: number, runsOn: boolean): unknown {
  const text = cut(
    runsOn ? `${said.text} `.repeat(Math.ceil((4 * maxTokens) / (said.text.length + 1))) : said.text,
    generated,
  );
  const finish_reason = runsOn || said.tokens > generated ? "length" : "stop";
  const choice = isChat ? { message: { role: "assistant", content: text } } : { text };
  return {
    object: isChat ? "chat.completion" : "text_completion",
    model,
    choices: [{ index: 0, ...choice, finish_reason }],
    usage: { prompt_tokens: promptTokens, completion_tokens: generated, total_tokens: promptTokens + generated },
  };
}

/** The beginning of a text that so many tokens are. */
function cut(text: string, tokens: number): string {
  return text.slice(0, 4 * tokens);
}

function askedOf(body: unknown, isChat: boolean): { readonly text: string; readonly maxTokens: number } | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { prompt, messages, max_tokens } = body as Readonly<Record<string, unknown>>;
  const text = isChat ? contentOf(messages) : prompt;
  if (typeof text !== "string" || text === "") return undefined;
  const isCount = typeof max_tokens === "number" && Number.isInteger(max_tokens) && max_tokens >= 1;
  return { text, maxTokens: isCount ? max_tokens : maxTokensDefault };
}

function contentOf(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return undefined;
  return messages.map((message) => String((message as { content?: unknown } | null)?.content ?? "")).join("\n\n");
}
