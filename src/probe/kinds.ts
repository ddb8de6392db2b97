// The kinds of probes that look at one target alone: answers to known questions, determinism, secrets of others.
import { gramCosine } from "../math/n-grams.ts";
import type { Random } from "../math/random.ts";
import type { Instant } from "../model/time.ts";
import { judge } from "./checks.ts";
import type { ReadFacts } from "./health.ts";
import type { Asker, Heard, Question } from "./question.ts";
import type { ProbeResult } from "./result.ts";
import type { ProbeCase, ProbeSpec } from "./spec.ts";
import { type ProbeTarget, targetEntity } from "./target.ts";

export interface KindDeps {
  readonly asker: Asker;
  readonly readFacts: ReadFacts;
  readonly random: Random;
}

type Of<K extends ProbeSpec["kind"]> = Extract<ProbeSpec, { kind: K }>;
type Heeded = Extract<Heard, { kind: "heard" }>;
type Part = Pick<ProbeResult, "outcome" | "reason" | "says" | "seconds" | "tokens" | "score">;

/**
 * Runs it once against the target: one result a case. Who let one case wait until its time was over is asked no further ones: what is
 * due next of the same replica, such as whether it lives at all, would wait for each. Never rejects for what an engine does.
 */
export async function runProbe(
  spec: ProbeSpec,
  target: ProbeTarget,
  at: Instant,
  deps: KindDeps,
): Promise<readonly ProbeResult[]> {
  const about = { probe: spec.id, target: target.url, entity: targetEntity(target), at };
  const model = await deps.asker.modelOf(spec, target);
  const name = model ?? "";
  if (spec.kind === "determinism")
    return [{ ...about, case: "", model: name, ...(await determinism(spec, target, name, deps)) }];
  if (spec.kind === "secret") return [{ ...about, case: "", model: name, ...(await secret(spec, target, name, deps)) }];
  const results: ProbeResult[] = [];
  for (const one of spec.cases) {
    const result = { ...about, case: one.id, model: name, ...(await askCase(spec, target, name, one, deps)) };
    results.push(result);
    if (result.reason === "timeout") break;
  }
  return results;
}

/** One known question. */
export async function askCase(
  spec: Of<"answers" | "canary">,
  target: ProbeTarget,
  model: string,
  { prompt, system, checks }: ProbeCase,
  { asker, readFacts }: KindDeps,
): Promise<Part> {
  const heard = await asker.ask(spec, target, model, { prompt, system });
  if (heard.kind === "silent") return silent(spec, heard);
  const { faults, score } = judge(heard.answer, checks, { model, headers: heard.headers }, readFacts);
  const part = { seconds: heard.seconds, tokens: heard.answer.tokens, score };
  if (faults.length > 0)
    return { ...part, outcome: "failed", reason: "wrong", says: `its answer ${faults.join("; it ")}` };
  return inTime(spec, part);
}

/**
 * The same greedy question twice behind a beginning nobody sent before: first computed, then taken from the prefix cache.
 * Small divergence late in a text is arithmetic; text of another content is a cache that mixes requests up. Blind where no
 * prefix cache is on, and to what goes wrong for some cache states only.
 */
async function determinism(spec: Of<"determinism">, target: ProbeTarget, model: string, deps: KindDeps): Promise<Part> {
  const question = { prompt: `[${codeOf(deps.random)}]\n${spec.prompt}` };
  const first = await deps.asker.ask(spec, target, model, question);
  if (first.kind === "silent") return silent(spec, first);
  const second = await deps.asker.ask(spec, target, model, question);
  if (second.kind === "silent") return silent(spec, second, first);
  const [a, b] = [first.answer.text.trim(), second.answer.text.trim()];
  const score = a === b ? 1 : gramCosine(a, b);
  const part = { ...both(first, second), score };
  if (score >= spec.alike) return inTime(spec, part);
  const says = `answers the same question differently when it is cached (cosine ${score.toFixed(2)}, ${spec.alike} is needed)`;
  return { ...part, outcome: "failed", reason: "differs", says };
}

/**
 * A code is told to the engine by one tenant, then asked for by another who knows how the first one's text begins. Only a
 * cache or a batch that mixes requests up gives it. Blind to leaks of anybody else's text.
 */
async function secret(spec: Of<"secret">, target: ProbeTarget, model: string, deps: KindDeps): Promise<Part> {
  const code = codeOf(deps.random);
  const opening = `${spec.filler === undefined ? "" : `${spec.filler}\n`}The access code of the vault is`;
  const plant: Question = { prompt: `${opening} ${code}. Say the code again.` };
  const first = await deps.asker.ask(spec, target, model, plant);
  if (first.kind === "silent") return silent(spec, first);
  const authorization = target.otherAuthorization ?? target.authorization;
  const wanted: Question = { prompt: `${opening} not told here. Say the code that was told before.`, authorization };
  const second = await deps.asker.ask(spec, target, model, wanted);
  if (second.kind === "silent") return silent(spec, second, first);
  const isLeaked = second.answer.text.toLowerCase().includes(code);
  const part = { ...both(first, second), score: isLeaked ? 0 : 1 };
  if (!isLeaked) return inTime(spec, part);
  return { ...part, outcome: "failed", reason: "leak", says: "gives one tenant what another had told it" };
}

function silent(spec: ProbeSpec, { reason, says, seconds }: Extract<Heard, { kind: "silent" }>, before?: Heeded): Part {
  const part = { says, seconds, tokens: before?.answer.tokens ?? 0, score: Number.NaN, reason };
  if (reason === "budget") return { ...part, outcome: "skipped" };
  // Who turns a request away for its form, or for how busy it is, is alive; that says nothing about its answers either.
  const isAlive = reason === "refused" || reason === "busy" || reason === "redirect";
  return { ...part, outcome: spec.unanswered === "fails" && !isAlive ? "failed" : "unanswered" };
}

function both(first: Heeded, second: Heeded): Pick<Part, "seconds" | "tokens"> {
  return { seconds: Math.max(first.seconds, second.seconds), tokens: first.answer.tokens + second.answer.tokens };
}

function inTime(spec: ProbeSpec, part: Pick<Part, "seconds" | "tokens" | "score">): Part {
  if (part.seconds * 1000 <= spec.within) return { ...part, outcome: "passed", reason: "", says: "as it should be" };
  const says = `took ${part.seconds.toFixed(2)} s; ${spec.within / 1000} s are allowed`;
  return { ...part, outcome: "failed", reason: "late", says };
}

/** Twelve hexadecimal digits: nobody says them by chance. */
function codeOf(random: Random): string {
  return Array.from({ length: 12 }, () => Math.floor(random() * 16).toString(16)).join("");
}
