// Reads YAML from users without trusting it: size and nesting are bounded before anything recursive sees the text, and
// every value can say where it stands.
import type { Node } from "yaml";
import { Document, isMap, isNode, isScalar, LineCounter, parseAllDocuments, Scalar } from "yaml";
import { beyondLimits } from "../../model/yaml-limits.ts";

export interface Position {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface YamlMistake extends Position {
  readonly what: string;
  readonly mend: string;
}

export type YamlPath = readonly (string | number)[];

export interface YamlFile {
  /** Maps, lists and strings only: scalars are left as written. */
  readonly value: unknown;
  /** Where the value at a path stands; the nearest one around it if there is none. */
  at(path: YamlPath): Position;
  /** Where a key of the map at a path stands. */
  atKey(path: YamlPath, key: string): Position;
  /** Where a place inside the string at a path stands. */
  inside(path: YamlPath, place: Position): Position;
}

/** Longest rule file, in UTF-16 code units: all rules of a large organisation, generated into one file. */
const lengthMax = 2 * 1024 * 1024;

/** Positions and values of a file of one document, or its mistakes. Never throws on bad input. */
export function readYaml(text: string): YamlFile | { readonly mistakes: readonly YamlMistake[] } {
  const read = readDocuments(text);
  if ("mistakes" in read) return read;
  const [first, second] = read;
  if (second === undefined) return first;
  const mistake = { ...second.at([]), what: "a second document begins here", mend: "keep one document in a file" };
  return { mistakes: [mistake] };
}

/** As {@link readYaml}, of every document: at least one, which may be empty. */
export function readDocuments(
  text: string,
): readonly [YamlFile, ...YamlFile[]] | { readonly mistakes: readonly YamlMistake[] } {
  const beyond = beyondLimits(text, lengthMax);
  if (beyond !== undefined) {
    const [what, mend] = beyond.says.split("; ") as [string, string];
    return { mistakes: [{ line: beyond.line, column: beyond.column, what: `the file ${what}`, mend }] };
  }
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // Every scalar stays a string, so that `version: 1.10` is not 1.1 and `on` is no boolean.
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: "failsafe",
    customTags: ["merge"],
    merge: true,
    prettyErrors: false,
    uniqueKeys: true,
  });
  const documents = "empty" in parsed ? [] : parsed;
  const mistakes = documents.flatMap(({ errors }) =>
    errors.map((error) => ({
      ...position(error.pos[0]),
      what: error.message,
      mend: "correct the YAML here; a wrong indentation or a missing quote is the usual cause",
    })),
  );
  if (mistakes.length > 0) return { mistakes };
  const files: YamlFile[] = [];
  for (const document of documents) {
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 50 });
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      return {
        mistakes: [{ line: 1, column: 1, what, mend: "write the values out instead of repeating them by alias" }],
      };
    }
    files.push(placed(document, value, text, position));
  }
  const [first, ...others] = files;
  return first === undefined ? [placed(new Document(), undefined, text, position)] : [first, ...others];
}

function placed(document: Document, value: unknown, text: string, position: (offset: number) => Position): YamlFile {
  return {
    value,
    at: (path) => position(nodeAt(document, path)?.range?.[0] ?? 0),
    atKey(path, key) {
      const map = nodeAt(document, path);
      const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
      return position((isNode(pair?.key) ? pair.key.range?.[0] : undefined) ?? map?.range?.[0] ?? 0);
    },
    inside: (path, place) => insideScalar(nodeAt(document, path), place, text, position),
  };
}

function nodeAt(document: Document, path: YamlPath): Node | undefined {
  for (let length = path.length; length >= 0; length--) {
    const found: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(found)) return found;
  }
  return undefined;
}

function insideScalar(
  node: Node | undefined,
  place: Position,
  text: string,
  position: (offset: number) => Position,
): Position {
  const start = node?.range?.[0];
  if (start === undefined) return { line: 1, column: 1 };
  const begins = position(start);
  const type = isScalar(node) ? node.type : undefined;
  if (type === Scalar.BLOCK_LITERAL || type === Scalar.BLOCK_FOLDED) {
    const lines = text.split("\n");
    const firstContent = lines.slice(begins.line).find((line) => line.trim() !== "") ?? "";
    const indent = firstContent.length - firstContent.trimStart().length;
    // Folding joins lines with a blank, so a place on the first line may stand further down.
    if (type === Scalar.BLOCK_FOLDED) return unfold(lines, begins.line, indent, place.column);
    return { line: begins.line + place.line, column: indent + place.column };
  }
  const quote = type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE ? 1 : 0;
  return { line: begins.line, column: begins.column + quote + place.column - 1 };
}

function unfold(lines: readonly string[], from: number, indent: number, column: number): Position {
  let rest = column;
  let line = from;
  for (; line < lines.length - 1; line++) {
    const length = Math.max(0, lines[line]!.length - indent) + 1;
    if (rest <= length) break;
    rest -= length;
  }
  return { line: line + 1, column: indent + rest };
}
