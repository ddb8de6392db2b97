// What the receiver found in texts, counted in SQL: which facts flag a text, and from which value on.
import { type TextCounter, textCounters } from "../../model/ports/span-reader.ts";

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
const languages = ["en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko", "ar", "hi"];
/** What is damning in an answer. Addresses and phone numbers stand in good answers too: those of the shop itself. */
const personalKinds = ["card", "iban", "ssn"];
/** Their output is what was looked up, not what a model said. */
const lookUps = ["execute_tool", "retrieval", "embeddings", "rerank", "guardrail"];

const quoted = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(", ")}]`;
const key = (name: string): string => `'homeostat.text.${name}'`;
/** Of one text: `fact` is the map of its facts. */
const has = (name: string): string => `mapContains(fact, ${key(name)})`;
const number = (name: string): string => `toFloat64OrZero(fact[${key(name)}])`;
const counted = (condition: string): string => `toFloat64(arrayCount(fact -> ${condition}, facts))`;
const total = (name: string): string => `arraySum(fact -> ${number(name)}, facts)`;
/** Of all texts of a row: the first that says. */
export const said = (name: string): string =>
  `facts[arrayFirstIndex(fact -> mapContains(fact, ${key(name)}), facts)][${key(name)}]`;

/** A failed call has no answer, and one that ends in a tool call needs no words: neither is an empty answer. */
const answered = `status != 'Error' AND NOT startsWith(finishReason, 'tool') AND ${said("finish_reason")} != 'tool_calls'`;
const sure = (side: string): string =>
  `toFloat64OrZero(${said(`${side}.language_confidence`)}) >= ${textThresholds.languageConfidence}`;

/** One number a row; they read `facts`, `status`, `finishReason`, `genAi`, `scenario`, `target` and `documents` of the row. */
const perRow: Readonly<Record<TextCounter, string>> = {
  inputSeen: counted(has("input.bytes")),
  inputCharacters: total("input.characters"),
  inputEmpty: counted(`fact[${key("input.blank")}] = 'true'`),
  inputLoop: counted(loops("input")),
  inputGarbled: counted(isGarbled("input")),
  outputSeen: counted(has("output.bytes")),
  outputCharacters: total("output.characters"),
  outputEmpty: `if(${answered}, ${counted(`fact[${key("output.blank")}] = 'true'`)}, 0)`,
  outputLoop: counted(loops("output")),
  outputGarbled: counted(isGarbled("output")),
  refusal: counted(`fact[${key("output.refusal")}] = 'true'`),
  copied: counted(`${number("copy_ratio")} >= ${textThresholds.copiedShare}`),
  wrongLanguage: `toFloat64(multiIf(NOT (${sure("output")}), false,
    target != '', has(${quoted(languages)}, target) AND ${said("output.language")} != target,
    scenario = 'translation', ${sure("input")} AND ${said("output.language")} = ${said("input.language")}, false))`,
  jsonInvalid: counted(`fact[${key("output.json")}] = 'invalid'`),
  codeUnbalanced: counted(`fact[${key("output.code")}] IN ('unbalanced', 'open-fence')`),
  diffEmpty: counted(`fact[${key("output.diff_lines")}] = '0'`),
  personalData: counted(`hasAny(splitByChar(',', fact[${key("output.found")}]), ${quoted(personalKinds)})`),
  claimsJson: counted(has("output.json")),
  claimsCode: counted(has("output.code")),
  claimsDiff: counted(has("output.diff_lines")),
  retrievalFound: "toFloat64(genAi = 'retrieval' AND documents > 0)",
  retrievalEmpty: "toFloat64(genAi = 'retrieval' AND documents = 0)",
};

/** The counts of a row, in the order of `textCounters`. */
export const textCounts = `[${(Object.keys(textCounters) as TextCounter[]).map((name) => perRow[name]).join(",\n      ")}]`;

/** The facts of every text that came in these maps of attributes. */
export function factsIn(maps: string, genAi: string): string {
  return `if(has(${quoted(lookUps)}, ${genAi}), [], arrayFilter(fact -> notEmpty(fact),
      arrayMap(attributes -> mapFilter((name, value) -> startsWith(name, 'homeostat.text.'), attributes), ${maps})))`;
}

/** The language asked for, as ISO 639-1; empty if nobody says. */
export function targetIn(attributes: string): string {
  const asked = [
    `${attributes}['homeostat.target_language']`,
    `${attributes}['gen_ai.request.language']`,
    "ResourceAttributes['homeostat.target_language']",
  ];
  return `lower(extract(${firstSaid(asked)}, '^[A-Za-z]+'))`;
}

/**
 * How many documents a retrieval tells of, or -1: by the rows its store returned, or by the list of documents, of which
 * only the length is left where content is dropped; "[]" is none, and any other length some.
 */
export function documentsIn(attributes: string): string {
  const rows = `${attributes}['db.response.returned_rows']`;
  const kept = `${attributes}['gen_ai.retrieval.documents']`;
  const length = `${attributes}['homeostat.text.gen_ai.retrieval.documents.length']`;
  return `multiIf(${rows} != '', toFloat64OrZero(${rows}), ${kept} != '', toFloat64(length(${kept}) > 2),
      ${length} != '', toFloat64(toFloat64OrZero(${length}) > 2), -1)`;
}

/** The first of the expressions that is not empty, or ''. */
export function firstSaid(expressions: readonly string[]): string {
  return `multiIf(${expressions.map((each) => `${each} != '', ${each}`).join(", ")}, '')`;
}

function loops(side: string): string {
  return `${number(`${side}.loop_share`)} >= ${textThresholds.loopShare} AND ${number(`${side}.characters`)} >= ${textThresholds.loopCharacters}`;
}

function isGarbled(side: string): string {
  const { garbledShare, garbledCharacters } = textThresholds;
  const share = number(`${side}.garbled_share`);
  return `${share} >= ${garbledShare} AND ${share} * ${number(`${side}.characters`)} >= ${garbledCharacters} - 0.5`;
}
