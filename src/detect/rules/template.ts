// Templates in labels and annotations: Go's language as Prometheus rules use it. What is not understood is refused at load.
import type { Labels } from "../../model/labels.ts";
import type { Sample } from "../../promql/evaluate.ts";
import type { CallContext } from "./template/functions.ts";
import { call, whyNotCalled } from "./template/functions.ts";
import type { Command, Nodes, Operand, Pipe } from "./template/parse.ts";
import { parseTemplate } from "./template/parse.ts";
import type { Datum, Root } from "./template/values.ts";
import { entriesOf, fail, field, isTrue, write } from "./template/values.ts";

export interface TemplateFacts {
  readonly labels: Labels;
  readonly value: number;
  readonly externalLabels?: Labels;
  readonly externalUrl?: string;
  /** An instant query at the time of the evaluation; may throw. */
  query?(text: string): readonly Sample[];
}

export interface Template {
  readonly source: string;
  /** Never throws: what goes wrong is written into the text, as Prometheus does. */
  render(facts: TemplateFacts): string;
}

/** Most characters a rendered template has; the rest is cut off. */
const lengthMax = 64 * 1024;
/** Most nodes one rendering goes through. */
const stepsMax = 100_000;

interface Rendering {
  readonly root: Root;
  readonly context: CallContext;
  text: string;
  steps: number;
}

type Scope = ReadonlyMap<string, { value: Datum }>;

/** A template ready to render, or what in it is not understood. */
export function compileTemplate(source: string): Template | { readonly error: string } {
  if (!source.includes("{{")) return { source, render: () => source };
  let nodes: Nodes;
  try {
    nodes = parseTemplate(source);
    checkCalls(nodes);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
  return {
    source,
    render(facts) {
      try {
        return renderAll(nodes, facts);
      } catch (error) {
        return `<error expanding template: ${error instanceof Error ? error.message : String(error)}>`;
      }
    },
  };
}

function renderAll(nodes: Nodes, facts: TemplateFacts): string {
  const { labels, value, externalLabels = {}, externalUrl = "" } = facts;
  const query = facts.query ?? (() => fail("there is nothing here to query"));
  const root: Root = { Labels: labels, ExternalLabels: externalLabels, ExternalURL: externalUrl, Value: value };
  const scope: Scope = new Map<string, { value: Datum }>([
    ["$", { value: root }],
    ["$labels", { value: labels }],
    ["$externalLabels", { value: externalLabels }],
    ["$externalURL", { value: externalUrl }],
    ["$value", { value }],
  ]);
  const rendering: Rendering = { root, context: { externalUrl, query }, text: "", steps: 0 };
  renderNodes(rendering, nodes, root, new Map(scope));
  return rendering.text.slice(0, lengthMax);
}

function renderNodes(rendering: Rendering, nodes: Nodes, dot: Datum, scope: Map<string, { value: Datum }>): void {
  for (const node of nodes) {
    if (++rendering.steps > stepsMax) fail(`the template takes more than ${stepsMax} steps`);
    if (rendering.text.length > lengthMax) return;
    if (node.kind === "text") {
      rendering.text += node.text;
      continue;
    }
    const own = node.kind === "show" ? scope : new Map(scope);
    const value = evaluatePipe(rendering, node.pipe, dot, own, node.kind !== "range");
    if (node.kind === "show") rendering.text += node.pipe.names.length === 0 ? write(value) : "";
    else if (node.kind === "range") renderRange(rendering, node, value, dot, own);
    else if (isTrue(value)) renderNodes(rendering, node.body, node.kind === "with" ? value : dot, own);
    else renderNodes(rendering, node.otherwise, dot, own);
  }
}

function renderRange(
  rendering: Rendering,
  { pipe, body, otherwise }: Extract<Nodes[number], { kind: "range" | "if" | "with" }>,
  over: Datum,
  dot: Datum,
  scope: Scope,
): void {
  const entries = over === undefined ? [] : entriesOf(over);
  if (entries.length === 0) renderNodes(rendering, otherwise, dot, new Map(scope));
  for (const [key, element] of entries) {
    const own = new Map(scope);
    const [first, second] = pipe.names;
    if (first !== undefined) own.set(first, { value: second === undefined ? element : key });
    if (second !== undefined) own.set(second, { value: element });
    renderNodes(rendering, body, element, own);
  }
}

function evaluatePipe(
  rendering: Rendering,
  pipe: Pipe,
  dot: Datum,
  scope: Map<string, { value: Datum }>,
  assigns: boolean,
): Datum {
  let value: Datum;
  pipe.commands.forEach((command, i) => {
    value = evaluateCommand(rendering, command, dot, scope, i === 0 ? [] : [value]);
  });
  const [name] = pipe.names;
  if (name !== undefined && assigns) {
    const slot = scope.get(name);
    // An assignment reaches the block that declared the variable; a declaration is this block's own.
    if (pipe.declares || slot === undefined) scope.set(name, { value });
    else slot.value = value;
  }
  return value;
}

function evaluateCommand(
  rendering: Rendering,
  command: Command,
  dot: Datum,
  scope: Map<string, { value: Datum }>,
  piped: readonly Datum[],
): Datum {
  const resolve = (operand: Operand): Datum => {
    switch (operand.kind) {
      case "text":
        return operand.text;
      case "number":
        return operand.whole ? { int: operand.value } : operand.value;
      case "boolean":
        return operand.value;
      case "path": {
        const from = operand.name === undefined ? dot : scope.get(operand.name)?.value;
        return operand.fields.reduce<Datum>(field, from);
      }
      case "pipe":
        return operand.fields.reduce<Datum>(field, evaluatePipe(rendering, operand.pipe, dot, scope, true));
    }
  };
  if (command.kind === "operand") return resolve(command.operand);
  return call(command.name, [...command.args.map(resolve), ...piped], rendering.context);
}

function checkCalls(nodes: Nodes): void {
  for (const node of nodes) {
    if (node.kind === "text") continue;
    checkPipe(node.pipe);
    if (node.kind === "show") continue;
    checkCalls(node.body);
    checkCalls(node.otherwise);
  }
}

function checkPipe({ commands }: Pipe): void {
  commands.forEach((command, i) => {
    const operands = command.kind === "call" ? command.args : [command.operand];
    for (const operand of operands) if (operand.kind === "pipe") checkPipe(operand.pipe);
    if (command.kind !== "call") return;
    const why = whyNotCalled(command.name, command.args.length + (i === 0 ? 0 : 1));
    if (why !== undefined) fail(why);
  });
}
