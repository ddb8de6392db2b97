// OTLP/JSON bodies made wrong: bits, cuts, splices of tokens, and edits of tokens and of members.
import type { Choose } from "./choose.ts";

type Node = Record<string, unknown> | unknown[];

const tokenPattern = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const tokens = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "false",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e400",
  "1e3",
  "9007199254740993",
  "18446744073709551616",
  "01",
  "+1",
  ".5",
  "NaN",
  '"NaN"',
  '"-Infinity"',
  '""',
  '"x"',
  '"\\ud800"',
  '"\\u0000"',
  '"\\x"',
  '"',
  "{}",
  "[]",
  "[[[[[[[[[[[[",
  '"SPAN_KIND_SERVER"',
  '"__proto__"',
  '"attributes"',
  '"stringValue"',
] as const;
/** Marks a member to be written a second time under the same name; never part of a body otherwise. */
const AGAIN = "\u0001again";

/** Applies one to three edits. `other` is a body to splice with. */
export function mutateJson(body: string, other: string, choose: Choose): Uint8Array {
  let text = body;
  for (let edits = 1 + choose.below(3); edits > 0; edits--) text = edit(text, other, choose);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0 && choose.below(8) === 0) bytes[choose.below(bytes.length)]! ^= 1 << choose.below(8);
  return bytes;
}

function edit(text: string, other: string, choose: Choose): string {
  switch (choose.below(6)) {
    case 0:
      return text.slice(0, choose.below(text.length + 1));
    case 1:
      return editTokens(text, choose);
    case 2: {
      const [one, two] = [tokensOf(text), tokensOf(other)];
      return [...one.slice(0, choose.below(one.length + 1)), ...two.slice(choose.below(two.length + 1))].join("");
    }
    default:
      return editMembers(text, choose);
  }
}

function tokensOf(text: string): string[] {
  return text.match(tokenPattern) ?? [];
}

function editTokens(text: string, choose: Choose): string {
  const list = tokensOf(text);
  if (list.length === 0) return choose.of(tokens);
  const at = choose.below(list.length);
  const token = choose.below(2) === 0 ? choose.of(tokens) : choose.of(list);
  switch (choose.below(3)) {
    case 0:
      list[at] = token;
      break;
    case 1:
      list.splice(at, 0, token);
      break;
    default:
      list.splice(at, 1 + choose.below(3));
  }
  return list.join(choose.below(8) === 0 ? " \n" : "");
}

/** Changes the tree: members twice, in another order, gone, of another type. Text that is not JSON gets a token edit. */
function editMembers(text: string, choose: Choose): string {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch {
    return editTokens(text, choose);
  }
  const nodes = nodesOf(tree);
  if (nodes.length === 0) return editTokens(text, choose);
  const node = choose.of(nodes);
  if (Array.isArray(node)) editArray(node, choose, nodes);
  else editObject(node, choose, nodes);
  return JSON.stringify(tree).replaceAll(JSON.stringify(AGAIN).slice(1), '"');
}

function nodesOf(value: unknown): Node[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Node, ...Object.values(value).flatMap(nodesOf)];
}

function editArray(node: unknown[], choose: Choose, nodes: readonly Node[]): void {
  const at = choose.below(node.length + 1);
  if (choose.below(2) === 0) node.splice(at, 1);
  else node.splice(at, 0, structuredClone(choose.below(2) === 0 ? choose.of(nodes) : anyValue(choose)));
}

function editObject(node: Record<string, unknown>, choose: Choose, nodes: readonly Node[]): void {
  const members = Object.entries(node);
  if (members.length === 0) return;
  const [key, value] = choose.of(members);
  switch (choose.below(5)) {
    case 0:
      node[`${key}${AGAIN}`] = structuredClone(choose.below(2) === 0 ? value : anyValue(choose));
      break;
    case 1:
      for (const [name] of members) delete node[name];
      for (const [name, kept] of members.toSorted(() => choose.below(3) - 1)) node[name] = kept;
      break;
    case 2:
      delete node[key];
      break;
    case 3:
      node[key] = structuredClone(choose.of(nodes));
      break;
    default:
      node[key] = anyValue(choose);
  }
}

function anyValue(choose: Choose): unknown {
  return choose.of([
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    "",
    "7",
    "18446744073709551615",
    "ab",
    "YQ==",
    "NaN",
    [],
    {},
    [null],
  ]);
}
