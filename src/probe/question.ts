// One question to one engine, and what was said: the step every kind of probe is made of.
import type { IncomingHttpHeaders } from "node:http";
import { type Answer, guessTokens, readAnswer, readFirstModel } from "./answer.ts";
import type { AskEngine, Silence } from "./exchange.ts";
import type { ProbeSpec } from "./spec.ts";
import type { ProbeTarget } from "./target.ts";

export type Heard =
  | { readonly kind: "heard"; readonly answer: Answer; readonly headers: IncomingHttpHeaders; readonly seconds: number }
  | { readonly kind: "silent"; readonly reason: Silence | "budget"; readonly says: string; readonly seconds: number };

export interface Question {
  readonly prompt: string;
  readonly system?: string | undefined;
  /** Instead of the target's own. */
  readonly authorization?: string | undefined;
}

/** Asks for as long as there is budget. */
export interface Asker {
  ask(spec: ProbeSpec, target: ProbeTarget, model: string, question: Question): Promise<Heard>;
  /** The target's model as configured, or the first it says it serves; undefined = it does not say. */
  modelOf(spec: ProbeSpec, target: ProbeTarget): Promise<string | undefined>;
}

/** Longer answers are no answers to a probe: 4096 tokens fit many times over. */
const answerBytesMax = 1024 * 1024;
const modelsTimeoutMs = 10_000;

export function createAsker(
  budget: { take(tokens: number, essential: boolean): boolean; settle(taken: number, used: number): void },
  signal: AbortSignal,
  exchange: AskEngine,
): Asker {
  return {
    async ask(spec, target, model, question) {
      const promptBytes = Buffer.byteLength(question.prompt) + Buffer.byteLength(question.system ?? "");
      const promptTokens = guessTokens(promptBytes);
      const most = promptTokens + spec.maxTokens;
      if (!budget.take(most, spec.essential))
        return {
          kind: "silent",
          reason: "budget",
          says: "was not asked: the budget of tokens is spent",
          seconds: Number.NaN,
        };
      const asked = {
        base: target.url,
        path: spec.api === "chat" ? "/v1/chat/completions" : "/v1/completions",
        body: { ...target.extra, ...spec.extra, ...bodyOf(spec, model, question) },
        authorization: question.authorization ?? target.authorization,
        probe: spec.id,
      };
      const got = await exchange(asked, { timeoutMs: spec.timeout, answerBytesMax }, signal);
      if (got.kind === "unanswered") {
        // What was asked in vain may have been worked on all the same, but for what was turned away at the door.
        const isTurnedAway = got.reason === "refused" || got.reason === "busy" || got.reason === "redirect";
        budget.settle(most, isTurnedAway || got.reason === "connection" ? 0 : most);
        return { ...got, kind: "silent" };
      }
      const answer = readAnswer(got.body, promptBytes);
      if ("wrong" in answer) {
        budget.settle(most, most);
        return { kind: "silent", reason: "garbage", says: answer.wrong, seconds: got.seconds };
      }
      budget.settle(most, answer.tokens);
      return { kind: "heard", answer, headers: got.headers, seconds: got.seconds };
    },
    async modelOf(spec, target) {
      if (target.model !== undefined) return target.model;
      const { url: base, authorization } = target;
      const limits = { timeoutMs: Math.min(modelsTimeoutMs, spec.timeout), answerBytesMax };
      const got = await exchange({ base, path: "/v1/models", authorization, probe: spec.id }, limits, signal);
      return got.kind === "answered" ? readFirstModel(got.body) : undefined;
    },
  };
}

/** Greedy and marked: `user` is what engines and gateways log and bill by. */
function bodyOf(spec: ProbeSpec, model: string, { prompt, system }: Question): Readonly<Record<string, unknown>> {
  const words =
    spec.api === "chat"
      ? {
          messages: [
            ...(system === undefined ? [] : [{ role: "system", content: system }]),
            { role: "user", content: prompt },
          ],
        }
      : { prompt: system === undefined ? prompt : `${system}\n\n${prompt}` };
  return {
    model,
    ...words,
    max_tokens: spec.maxTokens,
    temperature: 0,
    seed: 0,
    stream: false,
    user: "homeostat-probe",
  };
}
