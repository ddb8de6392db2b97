// Templates in labels and annotations: a small, honest part of Go's language. What is not understood is refused at load.
import type { Labels } from "../../model/labels.ts";
import { formatAny, formatFixed, formatGeneral, humanize, humanizeDuration, humanizePercentage } from "./go-format.ts";

export interface TemplateFacts {
  readonly labels: Labels;
  readonly value: number;
}

export interface Template {
  readonly source: string;
  render(facts: TemplateFacts): string;
}

type Datum = string | number;
type Piece = (facts: TemplateFacts) => Datum;
type Refusal = { readonly error: string };

const functions: Readonly<Record<string, (value: number) => string>> = {
  humanize,
  humanizePercentage,
  humanizeDuration,
};

const understood = "$value, $labels.<name>, humanize, humanizePercentage, humanizeDuration and printf with %s %v %f %g";

/** A template ready to render, or what in it is not understood. */
export function compileTemplate(source: string): Template | Refusal {
  const pieces: Piece[] = [];
  let rest = source;
  while (rest !== "") {
    const open = rest.indexOf("{{");
    if (open < 0) break;
    const close = rest.indexOf("}}", open);
    if (close < 0) return { error: 'a "{{" has no "}}"' };
    let before = rest.slice(0, open);
    let action = rest.slice(open + 2, close);
    rest = rest.slice(close + 2);
    if (/^-\s/.test(action)) before = before.trimEnd();
    if (/\s-$/.test(action)) rest = rest.trimStart();
    action = action.replace(/^-\s/, "").replace(/\s-$/, "").trim();
    const piece = compilePipeline(action);
    if ("error" in piece) return piece;
    pieces.push(() => before, piece);
  }
  const tail = rest;
  return { source, render: (facts) => pieces.map((piece) => write(piece(facts))).join("") + tail };
}

function write(datum: Datum): string {
  return typeof datum === "number" ? formatAny(datum) : datum;
}

/** `a | f | g`: each stage gets what is before it as its last argument. */
function compilePipeline(action: string): Piece | Refusal {
  if (/^\/\*.*\*\/$/s.test(action)) return () => "";
  const tokens = action.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|\||[^\s|"`]+/g) ?? [];
  const stages: string[][] = [[]];
  for (const token of tokens) {
    if (token === "|") stages.push([]);
    else stages.at(-1)!.push(token);
  }
  let current: Piece | undefined;
  for (const stage of stages) {
    const next = compileCommand(stage, current);
    if ("error" in next) return next;
    current = next;
  }
  return current ?? { error: "an empty {{ }}" };
}

function compileCommand(words: readonly string[], piped: Piece | undefined): Piece | Refusal {
  const [head, ...rest] = words;
  if (head === undefined) return { error: "an empty stage in {{ }}" };
  const change = Object.hasOwn(functions, head) ? functions[head] : undefined;
  const takesOperands = change !== undefined || head === "printf";
  if (!takesOperands && (rest.length > 0 || piped !== undefined)) {
    return { error: `${head} is not supported in {{ }}; supported are ${understood}` };
  }
  const operands: Piece[] = [];
  for (const word of rest) {
    const operand = compileOperand(word);
    if ("error" in operand) return operand;
    operands.push(operand);
  }
  if (piped !== undefined) operands.push(piped);
  if (change !== undefined) {
    const only = operands[0];
    if (operands.length !== 1 || only === undefined)
      return { error: `${head} takes one value, not ${operands.length}` };
    return (facts) => onNumber(only(facts), change);
  }
  if (head === "printf") return compilePrintf(rest[0], operands.slice(1));
  return compileOperand(head);
}

function onNumber(datum: Datum, change: (value: number) => string): string {
  const value = typeof datum === "number" ? datum : Number(datum);
  return typeof datum === "string" && (datum.trim() === "" || Number.isNaN(value)) ? datum : change(value);
}

function compileOperand(word: string): Piece | Refusal {
  if (word === "$value" || word === ".Value") return (facts) => facts.value;
  const label = /^(?:\$labels|\.Labels)\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(word)?.[1];
  if (label !== undefined) return (facts) => facts.labels[label] ?? "";
  const text = unquote(word);
  if (text !== undefined) return () => text;
  if (/^-?\d+(\.\d+)?$/.test(word)) return () => Number(word);
  return { error: `${word} is not supported in {{ }}; supported are ${understood}` };
}

function unquote(word: string): string | undefined {
  if (/^`[^`]*`$/.test(word)) return word.slice(1, -1);
  if (!/^"(?:[^"\\]|\\["\\nt])*"$/.test(word)) return undefined;
  return word.slice(1, -1).replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char === "t" ? "\t" : char));
}

function compilePrintf(format: string | undefined, operands: readonly Piece[]): Piece | Refusal {
  const text = format === undefined ? undefined : unquote(format);
  if (text === undefined) return { error: 'printf needs its format first, as in printf "%.2f" $value' };
  const verbs = text.match(/%(?:%|[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]|.?)/g) ?? [];
  const used = verbs.filter((verb) => verb !== "%%");
  const wrong = used.find((verb) => !/^%(?:(?:\.\d{1,2})?[fg]|[sv])$/.test(verb));
  if (wrong !== undefined) return { error: `${wrong} is not supported in printf; supported are %s %v %f %g and %.2f` };
  if (used.length !== operands.length)
    return { error: `printf has ${used.length} verbs and ${operands.length} values` };
  return (facts) => {
    let next = 0;
    return text.replace(/%(?:%|(?:\.\d{1,2})?[fgsv])/g, (verb) =>
      verb === "%%" ? "%" : formatVerb(verb, operands[next++]!(facts)),
    );
  };
}

function formatVerb(verb: string, datum: Datum): string {
  const digits = /\.(\d+)/.exec(verb)?.[1];
  if (verb === "%s" || verb === "%v") return write(datum);
  const value = Number(datum);
  if (verb.endsWith("f")) return formatFixed(value, digits === undefined ? 6 : Number(digits));
  return digits === undefined ? formatAny(value) : formatGeneral(value, Number(digits));
}
