// What is wrong with an answer that needs no judge: empty, repeated, garbled, in the wrong language, cut off at its limit.

/** What the receiver reads from texts, as far as it is needed here; shares lie between 0 and 1. */
export interface AnswerFacts {
  readonly characters: number;
  readonly blank: boolean;
  /** Share of the text inside its longest loop; undefined under four tokens. */
  readonly loop: number | undefined;
  /** ISO 639-1; `und` = cannot tell. */
  readonly language: string;
  readonly languageConfidence: number;
  /** Share of damaged characters. */
  readonly garbled: number;
}

/** Reads a text. Handed in: rooms that receive texts have it. */
export type ReadFacts = (text: string) => AnswerFacts;

export type Ailment = "empty" | "repeated" | "garbled" | "wrong_language" | "length_pinned";

export interface Expected {
  /** The language asked for. */
  readonly language?: string | undefined;
  /** An answer that ends by itself is expected, not one cut off at `max_tokens`. */
  readonly ends?: boolean | undefined;
}

/** From which values on; the same as for texts in telemetry. */
const thresholds = { loop: 0.5, loopCharacters: 100, garbled: 0.01, garbledCharacters: 3, languageConfidence: 0.4 };

/**
 * Everything wrong with it, each once. Blind to wrong words, and to the language of texts too short to tell (under 15 words
 * or so of a Latin language).
 */
export function ailmentsOf(facts: AnswerFacts, finishReason: string, expected: Expected): readonly Ailment[] {
  if (facts.blank) return ["empty"];
  const found: Ailment[] = [];
  if ((facts.loop ?? 0) >= thresholds.loop && facts.characters >= thresholds.loopCharacters) found.push("repeated");
  const garbled = facts.garbled * facts.characters;
  if (facts.garbled >= thresholds.garbled && garbled >= thresholds.garbledCharacters) found.push("garbled");
  const isOther = expected.language !== undefined && facts.language !== expected.language && facts.language !== "und";
  if (isOther && facts.languageConfidence >= thresholds.languageConfidence) found.push("wrong_language");
  if (expected.ends === true && finishReason === "length") found.push("length_pinned");
  return found;
}
