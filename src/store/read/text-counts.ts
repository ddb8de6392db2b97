// What the facts of a text count for: which of them flag it, and from which value on.
import { ratioBounds, type TextCounter, textCounters } from "../../model/ports/span-reader.ts";

/** From which values on a fact flags a text. Told in rules/packs/README.md; change both. */
export const textThresholds = {
  /** A loop that fills half of a text is its message; tables and lists of bullets stay under that. */
  loopShare: 0.5,
  /** "Ha ha ha ha" is no loop; shorter than this, repetition is style. */
  loopCharacters: 100,
  /** Names and emoji of private use leave one or two odd characters; damaged decoding leaves many. */
  garbledShare: 0.01,
  garbledCharacters: 3,
  /** Quotes fill up to half of a good answer about a text; four fifths word for word is the text again. */
  copiedShare: 0.8,
  /** Short or mixed text is guessed at; the receiver's confidence reaches this with some ten telling words. */
  languageConfidence: 0.4,
} as const;

/** Languages the receiver can name. Asked for any other, no answer is called wrong. */
const languages = new Set(["en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko", "ar", "hi"]);
/** What is damning in an answer. Addresses and phone numbers stand in good answers too: those of the shop itself. */
const personalKinds = new Set(["card", "iban", "ssn"]);

const sides = ["input", "output"] as const;
const ofSide = [
  "bytes",
  "characters",
  "blank",
  "loop_share",
  "garbled_share",
  "language",
  "language_confidence",
] as const;
const ofAnswer = ["refusal", "json", "code", "diff_lines", "found"] as const;
const ofBoth = ["copy_ratio", "length_ratio", "finish_reason"] as const;
type Side = (typeof sides)[number];
type FactName = `${Side}.${(typeof ofSide)[number]}` | `output.${(typeof ofAnswer)[number]}` | (typeof ofBoth)[number];

/** Every fact that is read, without the prefix. */
export const factNames: readonly FactName[] = [
  ...sides.flatMap((side) => ofSide.map((name) => `${side}.${name}` as const)),
  ...ofAnswer.map((name) => `output.${name}` as const),
  ...ofBoth,
];
const places = new Map(factNames.map((name, i) => [name, i]));

/** A span or log record with facts of texts. */
export interface TextRow {
  readonly status: string;
  readonly finishReason: string;
  readonly genAi: string;
  readonly scenario: string;
  /** The language asked for, as ISO 639-1; empty if nobody says. */
  readonly target: string;
  /** How many documents a retrieval tells of; -1 if it does not say. */
  readonly documents: number;
  /** In the order of {@link factNames}, as the texts they are stored as; '' is not said. */
  readonly facts: readonly string[];
}

/** What there is where nothing says anything. */
export const noTexts: readonly number[] = Object.keys(textCounters).map(() => 0);
export const noRatios = { count: 0, sum: 0, buckets: new Array<number>(ratioBounds.length + 1).fill(0) } as const;

/** Adds what a row counts for to `counts`, which are in the order of `textCounters`. */
export function countTexts(row: TextRow, counts: Float64Array): void {
  for (let i = 0; i < counters.length; i++) counts[i] = counts[i]! + counters[i]!(row);
}

/** Characters of output for each of input; undefined where that is not said, or is no such number. */
export function lengthRatioOf(row: TextRow): number | undefined {
  const text = fact(row, "length_ratio");
  const ratio = text === "" ? Number.NaN : Number(text);
  return ratio >= 0 && Number.isFinite(ratio) ? ratio : undefined;
}

const perRow: Readonly<Record<TextCounter, (row: TextRow) => number | boolean>> = {
  inputSeen: (row) => says(row, "input.bytes"),
  inputCharacters: (row) => number(row, "input.characters"),
  inputEmpty: (row) => fact(row, "input.blank") === "true",
  inputLoop: (row) => loops(row, "input"),
  inputGarbled: (row) => isGarbled(row, "input"),
  outputSeen: (row) => says(row, "output.bytes"),
  outputCharacters: (row) => number(row, "output.characters"),
  outputEmpty: (row) => fact(row, "output.blank") === "true" && isAnswered(row),
  outputLoop: (row) => loops(row, "output"),
  outputGarbled: (row) => isGarbled(row, "output"),
  refusal: (row) => fact(row, "output.refusal") === "true",
  copied: (row) => number(row, "copy_ratio") >= textThresholds.copiedShare,
  wrongLanguage: isWrongLanguage,
  jsonInvalid: (row) => fact(row, "output.json") === "invalid",
  codeUnbalanced: (row) => ["unbalanced", "open-fence"].includes(fact(row, "output.code")),
  diffEmpty: (row) => fact(row, "output.diff_lines") === "0",
  personalData: (row) =>
    says(row, "output.found") &&
    fact(row, "output.found")
      .split(",")
      .some((kind) => personalKinds.has(kind)),
  claimsJson: (row) => says(row, "output.json"),
  claimsCode: (row) => says(row, "output.code"),
  claimsDiff: (row) => says(row, "output.diff_lines"),
  retrievalFound: ({ genAi, documents }) => genAi === "retrieval" && documents > 0,
  retrievalEmpty: ({ genAi, documents }) => genAi === "retrieval" && documents === 0,
};
const counters = (Object.keys(textCounters) as TextCounter[]).map(
  (name) => (row: TextRow) => Number(perRow[name](row)),
);

/** A failed call has no answer, and one that ends in a tool call needs no words: neither is an empty answer. */
function isAnswered(row: TextRow): boolean {
  return row.status !== "Error" && !row.finishReason.startsWith("tool") && fact(row, "finish_reason") !== "tool_calls";
}

function isWrongLanguage(row: TextRow): boolean {
  if (!isSure(row, "output")) return false;
  const { target, scenario } = row;
  if (target !== "") return languages.has(target) && fact(row, "output.language") !== target;
  // Nobody says into what: then a translation that speaks the language of its input is none.
  return (
    scenario === "translation" && isSure(row, "input") && fact(row, "output.language") === fact(row, "input.language")
  );
}

function isSure(row: TextRow, side: Side): boolean {
  return number(row, `${side}.language_confidence`) >= textThresholds.languageConfidence;
}

function loops(row: TextRow, side: Side): boolean {
  const { loopShare, loopCharacters } = textThresholds;
  return number(row, `${side}.loop_share`) >= loopShare && number(row, `${side}.characters`) >= loopCharacters;
}

function isGarbled(row: TextRow, side: Side): boolean {
  const { garbledShare, garbledCharacters } = textThresholds;
  const share = number(row, `${side}.garbled_share`);
  return share >= garbledShare && share * number(row, `${side}.characters`) >= garbledCharacters - 0.5;
}

function fact({ facts }: TextRow, name: FactName): string {
  return facts[places.get(name)!] ?? "";
}

function says(row: TextRow, name: FactName): boolean {
  return fact(row, name) !== "";
}

/** 0 where it is not said or no number: attributes may come from anybody. */
function number(row: TextRow, name: FactName): number {
  const text = fact(row, name);
  const value = text === "" ? 0 : Number(text);
  return Number.isFinite(value) ? value : 0;
}
