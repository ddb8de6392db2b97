// What answers say, as far as it matters: sound, looping, garbled, or another's words.
import type { Condition } from "./condition.ts";
import type { Random } from "./random.ts";

export type AnswerKind = "sound" | "loop" | "garbled" | "foreign";

const sentences = [
  "You can change the delivery address in your account until the parcel has left the warehouse.",
  "The function returns early when the list is empty, so the loop below never runs in that case.",
  "According to the document, the warranty covers the battery for two years from the date of purchase.",
  "Please restart the router and wait until the green light is steady before you try again.",
  "The meeting notes name three open questions, and each of them has somebody who looks after it.",
];

/** Which kind an answer of such a process is. */
export function answerKind(condition: Condition, random: Random): AnswerKind {
  const { nanShare, garbledShare, foreignShare } = condition;
  if (nanShare === 0 && garbledShare === 0 && foreignShare === 0) return "sound";
  if (random.uniform() < nanShare) return "loop";
  if (random.uniform() < garbledShare) return "garbled";
  return random.uniform() < foreignShare ? "foreign" : "sound";
}

export function answerText(kind: AnswerKind, random: Random): string {
  const first = Math.floor(random.uniform() * sentences.length);
  const pick = (): string => sentences[first]!;
  /** Another sentence than the first: the same twice is a loop. */
  const another = (): string =>
    sentences[(first + 1 + Math.floor(random.uniform() * (sentences.length - 1))) % sentences.length]!;
  switch (kind) {
    case "loop":
      return "!".repeat(400);
    case "garbled":
      return `${pick()} \uFFFD\uFFFDÃ©\uFFFD ä½ \uFFFDสวัส\uFFFD\uFFFD ${pick().split("").reverse().join("")} \uFFFD\uFFFD\uFFFD`;
    case "foreign":
      return `${pick()} [tenant-b canary 7f3a-91c2] ${another()}`;
    default:
      return `${pick()} ${another()}`;
  }
}
