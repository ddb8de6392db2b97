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

const prefix = "homeostat.text.";
const perSide = ["bytes", "characters", "blank", "loop_share", "garbled_share", "language", "language_confidence"];
const ofAnswer = ["refusal", "json", "code", "diff_lines", "found"];
/** Every fact that is read, without the prefix. */
const factNames = [
  ...["input", "output"].flatMap((side) => perSide.map((name) => `${side}.${name}`)),
  ...ofAnswer.map((name) => `output.${name}`),
  ...["copy_ratio", "length_ratio", "finish_reason"],
];

const quoted = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(", ")}]`;
/** The fact as the text it is stored as, '' if it is not said; of the columns of {@link factColumns}. */
const said = (name: string): string => `fact_${name.replaceAll(".", "_")}`;
const has = (name: string): string => `${said(name)} != ''`;
const number = (name: string): string => `toFloat64OrZero(${said(name)})`;

/** A failed call has no answer, and one that ends in a tool call needs no words: neither is an empty answer. */
const answered = `status != 'Error' AND NOT startsWith(finishReason, 'tool') AND ${said("finish_reason")} != 'tool_calls'`;
const sure = (side: string): string =>
  `${number(`${side}.language_confidence`)} >= ${textThresholds.languageConfidence}`;
const isAsked = `has(${quoted(languages)}, target)`;
const isOther = `${isAsked} AND ${said("output.language")} != target`;
const isUntranslated = `target = '' AND scenario = 'translation' AND ${sure("input")} AND ${said("output.language")} = ${said("input.language")}`;

/** One number a row; they read its facts, `status`, `finishReason`, `genAi`, `scenario`, `target` and `documents`. */
const perRow: Readonly<Record<TextCounter, string>> = {
  inputSeen: has("input.bytes"),
  inputCharacters: number("input.characters"),
  inputEmpty: `${said("input.blank")} = 'true'`,
  inputLoop: loops("input"),
  inputGarbled: isGarbled("input"),
  outputSeen: has("output.bytes"),
  outputCharacters: number("output.characters"),
  outputEmpty: `${said("output.blank")} = 'true' AND ${answered}`,
  outputLoop: loops("output"),
  outputGarbled: isGarbled("output"),
  refusal: `${said("output.refusal")} = 'true'`,
  copied: `${number("copy_ratio")} >= ${textThresholds.copiedShare}`,
  wrongLanguage: `${sure("output")} AND ((${isOther}) OR (${isUntranslated}))`,
  jsonInvalid: `${said("output.json")} = 'invalid'`,
  codeUnbalanced: `${said("output.code")} IN ('unbalanced', 'open-fence')`,
  diffEmpty: `${said("output.diff_lines")} = '0'`,
  personalData: `hasAny(splitByChar(',', ${said("output.found")}), ${quoted(personalKinds)})`,
  claimsJson: has("output.json"),
  claimsCode: has("output.code"),
  claimsDiff: has("output.diff_lines"),
  retrievalFound: "genAi = 'retrieval' AND documents > 0",
  retrievalEmpty: "genAi = 'retrieval' AND documents = 0",
};

/** The counts of a group, in the order of `textCounters`. */
export const textCounts = `sumForEach([${(Object.keys(textCounters) as TextCounter[])
  .map((name) => `toFloat64(${perRow[name]})`)
  .join(",\n      ")}])`;

/** Characters of output for each of input, -1 where that is not said; of the columns of {@link factColumns}. */
export const lengthRatio = `if(${has("length_ratio")}, ${number("length_ratio")}, -1)`;

/**
 * Names and values of the facts in these maps of attributes, which are written as arrays. Filtered before they are looked
 * through, since most rows have none. Branches around the lambdas would be faster for look-ups and end the engine.
 */
export function factsIn(names: string, values: string, genAi: string): string {
  const wanted = `startsWith(name, '${prefix}')`;
  const cut = (list: string): string => `arraySlice(${list}, 1, if(has(${quoted(lookUps)}, ${genAi}), 0, 100))`;
  return `${cut(`arrayFilter(name -> ${wanted}, ${names})`)} AS factNames,
        ${cut(`arrayFilter((value, name) -> ${wanted}, ${values}, ${names})`)} AS factValues`;
}

/** Each fact as a column of its own: of several texts of a row, the first that says. */
export const factColumns = factNames
  .map((name) => `factValues[indexOf(factNames, '${prefix}${name}')] AS ${said(name)}`)
  .join(", ");

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
