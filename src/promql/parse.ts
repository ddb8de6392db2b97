// From the text of a query to a checked tree, or to every mistake in it.
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import type { ParsedQuery, SelectorExpr } from "./ast.ts";
import { typeOf } from "./ast.ts";
import type { QueryError } from "./errors.ts";
import { queryError } from "./errors.ts";
import { whyRefused } from "./functions.ts";
import { buildExpr } from "./syntax/build.ts";

export type { ParsedQuery } from "./ast.ts";
export type { QueryError } from "./errors.ts";

/** Longest query taken, in UTF-16 code units. */
const queryLengthMax = 64 * 1024;
/** Deepest tree taken: beyond it, walking would risk the stack. */
const depthMax = 200;

/**
 * Parses and checks a query. Once the text follows the grammar, every mistake in it is reported; where it does not, only
 * the first, since what follows is an echo of it. What Prometheus knows and this evaluator does not is refused here, by name.
 */
export function parseQuery(text: string): ParsedQuery | { readonly errors: readonly QueryError[] } {
  const fail = (message: string, from = 0, to = text.length): { errors: readonly QueryError[] } => ({
    errors: [queryError(text, "syntax", message, { from, to })],
  });
  if (text.trim() === "") return fail("the query is empty");
  if (text.length > queryLengthMax) return fail(`the query has ${text.length} characters, more than ${queryLengthMax}`);
  const deep = tooDeep(text);
  if (deep !== undefined) return fail(`parentheses are nested deeper than ${depthMax}`, deep);
  const tree = parser.parse(withKnownNumbers(text));
  const top = tree.topNode;
  const broken = firstError(top, text);
  if (broken !== undefined) return { errors: [broken] };
  const errors: QueryError[] = [];
  const selectors: SelectorExpr[] = [];
  const counts = { subqueries: 0 };
  const first = childExpr(top);
  if (first === undefined) return fail("the query has no expression");
  if (treeDepth(top) > depthMax * 4) return fail(`the query is nested deeper than ${depthMax}`);
  const root = buildExpr(first, { text, errors, selectors, counts, broken: new Set() });
  if (errors.length > 0) return { errors };
  return { text, root, type: typeOf(root), selectors, subqueries: counts.subqueries };
}

/** Where the nesting of brackets passes the limit, strings and comments left out. */
function tooDeep(text: string): number | undefined {
  const pieces = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|[([{]|[)\]}]/gs;
  let depth = 0;
  for (const piece of text.matchAll(pieces)) {
    if (/^[([{]/.test(piece[0])) depth++;
    else if (/^[)\]}]/.test(piece[0])) depth--;
    if (depth > depthMax) return piece.index;
  }
  return undefined;
}

/** Prometheus reads `2.` as 2 and `0X1F` as 31, which the editor grammar does not know. Every position stays. */
function withKnownNumbers(text: string): string {
  const pieces =
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|[A-Za-z_:][\w:]*|\d[\w]*\.\d+|\d+\.(?![\w.])|0X\w+/gs;
  return text.replace(pieces, (piece) => {
    if (piece.startsWith("0X")) return `0x${piece.slice(2)}`;
    return /^\d+\.$/.test(piece) ? `${piece.slice(0, -1)} ` : piece;
  });
}

function treeDepth(top: SyntaxNode): number {
  const cursor = top.cursor();
  let depth = 0;
  let deepest = 0;
  cursor.iterate(
    () => {
      deepest = Math.max(deepest, ++depth);
    },
    () => {
      depth--;
    },
  );
  return deepest;
}

function childExpr(top: SyntaxNode): SyntaxNode | undefined {
  for (let child = top.firstChild; child !== null; child = child.nextSibling)
    if (child.name !== "LineComment") return child;
  return undefined;
}

function firstError(top: SyntaxNode, text: string): QueryError | undefined {
  let found: SyntaxNode | undefined;
  top.cursor().iterate((node) => {
    if (found === undefined && node.type.isError) found = node.node;
  });
  if (found === undefined) return undefined;
  return openString(top, text) ?? unknownFunction(found, text) ?? unexpected(found, text);
}

/** A string without its closing quote swallows the rest of the query. */
function openString(top: SyntaxNode, text: string): QueryError | undefined {
  let open: SyntaxNode | undefined;
  top.cursor().iterate((node) => {
    if (node.name === "StringLiteral" && (node.to - node.from < 2 || text[node.to - 1] !== text[node.from]))
      open ??= node.node;
  });
  if (open === undefined) return undefined;
  return queryError(text, "syntax", "this string is not closed, or has an unknown escape", {
    from: open.from,
    to: open.to,
  });
}

/** A name followed by a parenthesis that the grammar does not know as a function. */
function unknownFunction(error: SyntaxNode, text: string): QueryError | undefined {
  const called = /([A-Za-z_:][A-Za-z0-9_:]*)\s*$/.exec(text.slice(0, error.from));
  if (called === null || text[error.from] !== "(") return undefined;
  const name = called[1]!;
  const span = { from: called.index, to: called.index + name.length };
  const why = whyRefused(name.toLowerCase());
  if (why !== undefined) return queryError(text, "unsupported", `${name} is not supported: ${why}`, span);
  return queryError(text, "syntax", `unknown function ${name}`, span);
}

function unexpected(error: SyntaxNode, text: string): QueryError {
  const rest = text.slice(error.from);
  const token = /^\s*([A-Za-z_:][A-Za-z0-9_:]*|[0-9.]+[A-Za-z0-9]*|\S)/.exec(rest);
  if (token === null)
    return queryError(text, "syntax", "unexpected end of the query", { from: text.length, to: text.length });
  const from = error.from + token[0].length - token[1]!.length;
  return queryError(text, "syntax", `unexpected ${JSON.stringify(token[1])}`, { from, to: from + token[1]!.length });
}
