// The grammar of Go's templates as Prometheus uses them: from text to a tree, or to what is wrong with it.
import type { FunctionName } from "./functions.ts";
import { isFunction, understood } from "./functions.ts";

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "show"; readonly pipe: Pipe }
  | { readonly kind: "if" | "with" | "range"; readonly pipe: Pipe; readonly body: Nodes; readonly otherwise: Nodes };
export type Nodes = readonly Node[];

/** `$x := a | b`: each command gets what is before it as its last argument. */
export interface Pipe {
  readonly names: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

export type Command =
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Operand[] }
  | { readonly kind: "operand"; readonly operand: Operand };

export type Operand =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly value: number; readonly whole: boolean }
  | { readonly kind: "boolean"; readonly value: boolean }
  /** `.a.b` has no `name`, `$x.a` has; `$` alone is the root. */
  | { readonly kind: "path"; readonly name: string | undefined; readonly fields: readonly string[] }
  | { readonly kind: "pipe"; readonly pipe: Pipe; readonly fields: readonly string[] };

interface Token {
  readonly text: string;
  /** Whether a blank stands before it. */
  readonly apart: boolean;
}

interface Action {
  readonly before: string;
  readonly tokens: Token[];
}

interface Parsing {
  readonly actions: Action[];
  readonly tail: string;
  /** Names declared so far, innermost block last. */
  readonly scopes: Set<string>[];
}

const given = ["$labels", "$externalLabels", "$externalURL", "$value"];
/** Most blocks inside one another. */
const depthMax = 50;

/** Throws an Error whose message says what is not understood. */
export function parseTemplate(source: string): Nodes {
  const { actions, tail } = split(source);
  const parsing: Parsing = { actions, tail, scopes: [new Set(given)] };
  const { nodes, end } = parseBlock(parsing);
  if (end !== undefined) throw new Error(`{{ ${end[0]!.text} }} closes nothing`);
  return nodes;
}

/** The template cut at its actions; `{{-` and `-}}` take the white space beside them along. */
function split(source: string): { actions: Action[]; tail: string } {
  const actions: Action[] = [];
  let rest = source;
  for (;;) {
    const open = rest.indexOf("{{");
    if (open < 0) return { actions, tail: rest };
    let before = rest.slice(0, open);
    const comment = /^\{\{(-\s)?\/\*[\s\S]*?\*\/(\s-)?\}\}/.exec(rest.slice(open));
    const close = comment === null ? closing(rest, open + 2) : open + comment[0].length - 2;
    if (close < 0) throw new Error('a "{{" has no "}}"');
    const action = rest.slice(open + 2, close);
    rest = rest.slice(close + 2);
    if (/^-\s/.test(action)) before = before.trimEnd();
    if (/\s-$/.test(action)) rest = rest.trimStart();
    if (comment !== null) {
      rest = before + rest;
      continue;
    }
    const tokens = tokenize(action.replace(/^-(?=\s)/, "").replace(/(?<=\s)-$/, ""));
    if (tokens.length === 0) throw new Error("an empty {{ }}");
    actions.push({ before, tokens });
  }
}

/** Where the action that begins at `from` ends: `}}` inside a string does not count. */
function closing(text: string, from: number): number {
  const pieces = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}\}/g;
  pieces.lastIndex = from;
  for (let found = pieces.exec(text); found !== null; found = pieces.exec(text)) {
    if (found[0] === "}}") return found.index;
  }
  return -1;
}

function tokenize(action: string): Token[] {
  const pattern =
    /(\s*)("(?:[^"\\\n]|\\.)*"|`[^`]*`|:=|[=|(),]|\$\w*|\.[A-Za-z_]\w*|[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|\.|\S)/gy;
  const tokens: Token[] = [];
  for (const [, blank, text] of action.matchAll(pattern)) tokens.push({ text: text!, apart: blank !== "" });
  return tokens;
}

function parseBlock(parsing: Parsing): { nodes: Node[]; end: Token[] | undefined } {
  if (parsing.scopes.length > depthMax) throw new Error(`blocks are nested deeper than ${depthMax}`);
  const nodes: Node[] = [];
  const write = (text: string): void => {
    if (text !== "") nodes.push({ kind: "text", text });
  };
  for (;;) {
    const action = parsing.actions.shift();
    if (action === undefined) {
      write(parsing.tail);
      return { nodes, end: undefined };
    }
    write(action.before);
    const [head, ...tokens] = action.tokens;
    const word = head!.text;
    if (word === "end" || word === "else") return { nodes, end: action.tokens };
    if (word === "if" || word === "with" || word === "range") nodes.push(parseBranch(parsing, word, tokens));
    else if (["define", "template", "block", "break", "continue"].includes(word)) {
      throw new Error(`${word} is not supported in {{ }}; supported are ${understood}`);
    } else nodes.push({ kind: "show", pipe: parsePipe(parsing, action.tokens, 1) });
  }
}

function parseBranch(parsing: Parsing, kind: "if" | "with" | "range", tokens: Token[]): Node {
  parsing.scopes.push(new Set());
  const pipe = parsePipe(parsing, tokens, kind === "range" ? 2 : 1);
  const { nodes: body, end } = parseBlock(parsing);
  let otherwise: Nodes = [];
  if (end === undefined) throw new Error(`{{ ${kind} }} has no {{ end }}`);
  const [word, next, ...rest] = end;
  if (word!.text === "else" && next !== undefined) {
    if (next.text !== "if" && next.text !== "with") throw new Error(`unexpected ${next.text} after else`);
    otherwise = [parseBranch(parsing, next.text, rest)];
  } else if (word!.text === "else") {
    const last = parseBlock(parsing);
    if (last.end?.[0]?.text !== "end") throw new Error(`{{ ${kind} }} has no {{ end }}`);
    otherwise = last.nodes;
  }
  parsing.scopes.pop();
  return { kind, pipe, body, otherwise };
}

function parsePipe(parsing: Parsing, tokens: readonly Token[], namesMax: number): Pipe {
  const assign = tokens.findIndex(({ text }) => text === ":=" || text === "=");
  if (assign < 0) return { names: [], declares: false, commands: parseCommands(parsing, tokens) };
  const names = tokens.slice(0, assign).filter(({ text }) => text !== ",");
  const wrong = names.find(({ text }) => !/^\$\w+$/.test(text));
  if (wrong !== undefined || names.length === 0 || names.length > namesMax) {
    throw new Error(`${tokens[assign]!.text} needs ${namesMax === 1 ? "one $name" : "one or two $names"} before it`);
  }
  const commands = parseCommands(parsing, tokens.slice(assign + 1));
  const declares = tokens[assign]!.text === ":=";
  for (const { text } of names) {
    if (declares) parsing.scopes.at(-1)!.add(text);
    else known(parsing, text);
  }
  return { names: names.map(({ text }) => text), declares, commands };
}

function parseCommands(parsing: Parsing, tokens: readonly Token[]): Command[] {
  const stages: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    if (token.text === "|" && depth === 0) stages.push([]);
    else stages.at(-1)!.push(token);
  }
  if (depth !== 0) throw new Error("a parenthesis in {{ }} is not closed, or not opened");
  return stages.map((stage, i) => parseCommand(parsing, stage, i > 0));
}

function parseCommand(parsing: Parsing, tokens: readonly Token[], piped: boolean): Command {
  const [head] = tokens;
  if (head === undefined) throw new Error("an empty stage in {{ }}");
  if (/^[A-Za-z_]/.test(head.text) && head.text !== "true" && head.text !== "false") {
    if (!isFunction(head.text)) {
      throw new Error(`${head.text} is not supported in {{ }}; supported are ${understood}`);
    }
    return { kind: "call", name: head.text, args: parseOperands(parsing, tokens.slice(1)) };
  }
  const [operand, ...more] = parseOperands(parsing, tokens);
  if (more.length > 0 || piped) throw new Error(`${head.text} is no function, so it takes no values`);
  return { kind: "operand", operand: operand! };
}

function parseOperands(parsing: Parsing, tokens: readonly Token[]): Operand[] {
  const operands: Operand[] = [];
  for (let i = 0; i < tokens.length; ) {
    const { text } = tokens[i]!;
    const first = i++;
    const fields: string[] = [];
    const readFields = (): void => {
      while (i < tokens.length && !tokens[i]!.apart && /^\.\w/.test(tokens[i]!.text))
        fields.push(tokens[i++]!.text.slice(1));
    };
    if (text === "(") {
      let depth = 1;
      while (depth > 0) {
        const inner = tokens[i++]!.text;
        depth += inner === "(" ? 1 : inner === ")" ? -1 : 0;
      }
      const pipe: Pipe = {
        names: [],
        declares: false,
        commands: parseCommands(parsing, tokens.slice(first + 1, i - 1)),
      };
      readFields();
      operands.push({ kind: "pipe", pipe, fields });
    } else if (text.startsWith("$")) {
      readFields();
      known(parsing, text);
      operands.push({ kind: "path", name: text, fields });
    } else if (/^\.(?!\d)/.test(text)) {
      if (text !== ".") fields.push(text.slice(1));
      readFields();
      operands.push({ kind: "path", name: undefined, fields });
    } else operands.push(literal(text));
  }
  return operands;
}

function literal(text: string): Operand {
  if (text === "true" || text === "false") return { kind: "boolean", value: text === "true" };
  if (text.startsWith("`")) return { kind: "text", text: text.slice(1, -1) };
  if (text.startsWith('"') && text.length > 1) return { kind: "text", text: withEscapes(text.slice(1, -1)) };
  const value = Number(text.replaceAll("_", ""));
  if (/^[+-]?\.?\d/.test(text) && !Number.isNaN(value)) {
    return { kind: "number", value, whole: /^[+-]?\d+$/.test(text) };
  }
  if (/^[A-Za-z_]/.test(text) && isFunction(text)) {
    return {
      kind: "pipe",
      pipe: { names: [], declares: false, commands: [{ kind: "call", name: text, args: [] }] },
      fields: [],
    };
  }
  throw new Error(`${text} is not supported in {{ }}; supported are ${understood}`);
}

function withEscapes(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"' };
  return text.replace(/\\(.)/g, (found, char: string) => {
    const plain = escapes[char];
    if (plain === undefined) throw new Error(`${found} is no escape that strings in {{ }} know`);
    return plain;
  });
}

function known(parsing: Parsing, name: string): void {
  if (name === "$" || parsing.scopes.some((scope) => scope.has(name))) return;
  throw new Error(`${name} is not known here; known are ${given.join(", ")}`);
}
