// Deterministic checks on an answer: what of it is not as it should be.
import type { IncomingHttpHeaders } from "node:http";
import { gramCosine } from "../math/n-grams.ts";
import type { Answer } from "./answer.ts";
import { ailmentsOf, type ReadFacts } from "./health.ts";
import type { Checks } from "./spec.ts";

export interface Judged {
  /** What failed, in words that quote nothing of the answer; empty if all is well. */
  readonly faults: readonly string[];
  /** 0 to 1: the cosine to the stored answer if there is one, else the share of checks that hold. */
  readonly score: number;
}

export interface Asked {
  readonly model: string;
  readonly headers: IncomingHttpHeaders;
}

/** Of a long answer patterns look at the first so many characters. */
const lookedAtMax = 32_768;

/** Runs every check. Without any, an answer is good unless it is ill in itself; a single token may be blank. */
export function judge(answer: Answer, checks: Checks, asked: Asked, readFacts: ReadFacts): Judged {
  const text = answer.text.trim();
  const seen = text.slice(0, lookedAtMax);
  const faults: string[] = [];
  let done = 0;
  const check = (holds: boolean, fault: string): void => {
    done++;
    if (!holds) faults.push(fault);
  };
  const { exact, matches, lacks, json, language, charactersMin, charactersMax, ends, like, modelAsked, header } =
    checks;

  const isWanted = Object.keys(checks).some((name) => !routeChecks.has(name));
  if (isWanted) {
    const ailments = ailmentsOf(readFacts(answer.text), answer.finishReason, { language, ends });
    check(ailments.length === 0, ailments.map((one) => ailmentWords[one]).join(", "));
  }
  if (exact !== undefined) check(text === exact.trim(), "is not the one right answer");
  if (matches !== undefined) check(matches.test(seen), "lacks what it must hold");
  if (lacks !== undefined) check(!lacks.test(seen), "holds what it must not");
  if (json !== undefined) check(holdsJson(text, json), "is not the JSON asked for");
  if (charactersMin !== undefined) check(text.length >= charactersMin, `is shorter than ${charactersMin} characters`);
  if (charactersMax !== undefined) check(text.length <= charactersMax, `is longer than ${charactersMax} characters`);
  if (modelAsked === true) check(answer.model === asked.model, "is of another model than was asked");
  if (header !== undefined) {
    const value = asked.headers[header.name.toLowerCase()];
    check(header.matches.test(String(value ?? "").slice(0, 1000)), `header ${header.name} is not as it should be`);
  }
  const cosine = like === undefined ? undefined : gramCosine(seen, like.answer);
  if (cosine !== undefined && like !== undefined)
    check(cosine >= like.min, `is unlike the stored answer (${cosine.toFixed(2)} of ${like.min})`);
  return { faults, score: cosine ?? (done === 0 ? 1 : 1 - faults.length / done) };
}

/** These say who answered, not what. */
const routeChecks: ReadonlySet<string> = new Set(["modelAsked", "header"]);

const ailmentWords = {
  empty: "is empty",
  repeated: "repeats itself",
  garbled: "is garbled",
  wrong_language: "is in another language",
  length_pinned: "was cut off at its length limit",
} as const;

function holdsJson(text: string, schema: NonNullable<Checks["json"]>): boolean {
  const bare = /^```(?:json)?\s*([\s\S]*?)\s*```$/.exec(text)?.[1] ?? text;
  try {
    return schema.safeParse(JSON.parse(bare)).success;
  } catch {
    return false;
  }
}
