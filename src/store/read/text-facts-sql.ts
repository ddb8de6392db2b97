// What the receiver found in texts, cut out of maps of attributes in SQL.

/** Their output is what was looked up, not what a model said. */
const lookUps = ["execute_tool", "retrieval", "embeddings", "rerank", "guardrail"];

const prefix = "homeostat.text.";

const quoted = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(", ")}]`;

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

/** Facts by their names without the prefix, of the columns of {@link factsIn}: of several texts of a row, the first that says; '' if none does. */
export function factsCalled(names: readonly string[]): string {
  return `arrayMap(name -> factValues[indexOf(factNames, concat('${prefix}', name))], ${quoted(names)})`;
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
