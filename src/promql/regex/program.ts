// Runs a regular expression in time linear in the text, whatever the pattern: a Pike machine.
// Source: Thompson 1968; Pike's captures as described by Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009.
import type { Assertion, CharSet, RegexNode, RegexTree } from "./ast.ts";
import { parseRegex } from "./parse.ts";

type Instruction =
  | { readonly op: "set"; readonly set: CharSet; readonly next: number }
  | { readonly op: "assert"; readonly what: Assertion; readonly next: number }
  /** `first` is preferred. */
  | { op: "split"; first: number; second: number }
  | { readonly op: "save"; readonly slot: number; readonly next: number }
  | { readonly op: "match" };

/** Most instructions a pattern may expand to; nested counted repetitions multiply. */
const programMax = 20_000;

export interface Regex {
  /** Start and end of the whole match and of each group (-1 = took no part), if the pattern matches the whole text. */
  match(text: string): Int32Array | undefined;
  test(text: string): boolean;
  readonly names: ReadonlyMap<string, number>;
}

/** An anchored regular expression of RE2's language, or why it is refused. */
export function compileRegex(pattern: string): Regex | { readonly error: string } {
  const tree = parseRegex(pattern);
  if ("error" in tree) return tree;
  const program = compile(tree);
  if (program === undefined) return { error: `the pattern expands to more than ${programMax} instructions` };
  const slots = 2 * (tree.captures + 1);
  return {
    names: tree.names,
    match: (text) => run(program, text, slots),
    test: (text) => run(program, text, 0) !== undefined,
  };
}

function compile(tree: RegexTree): Instruction[] | undefined {
  const program: Instruction[] = [{ op: "match" }];
  // Built back to front: each piece is told where to go next, so nothing is patched but loops.
  const emit = (instruction: Instruction): number => program.push(instruction) - 1;
  const build = (node: RegexNode, next: number): number => {
    if (program.length > programMax) return next;
    switch (node.kind) {
      case "empty":
        return next;
      case "set":
        return emit({ op: "set", set: node.set, next });
      case "assert":
        return emit({ op: "assert", what: node.what, next });
      case "sequence":
        return node.parts.reduceRight((after, part) => build(part, after), next);
      case "either":
        return node.options
          .map((option) => build(option, next))
          .reduceRight((second, first) => emit({ op: "split", first, second }));
      case "capture": {
        const end = emit({ op: "save", slot: 2 * node.index + 1, next });
        return emit({ op: "save", slot: 2 * node.index, next: build(node.node, end) });
      }
      case "repeat":
        return buildRepeat(node, next);
    }
  };
  const buildRepeat = (node: RegexNode & { kind: "repeat" }, next: number): number => {
    const choice = (go: number, skip: number): number =>
      emit(node.greedy ? { op: "split", first: go, second: skip } : { op: "split", first: skip, second: go });
    let start = next;
    if (node.max === Number.POSITIVE_INFINITY) {
      const loop = choice(next, next);
      const body = build(node.node, loop);
      const split = program[loop];
      if (split?.op === "split") split[node.greedy ? "first" : "second"] = body;
      start = loop;
    } else {
      for (let i = node.min; i < node.max && program.length <= programMax; i++)
        start = choice(build(node.node, start), next);
    }
    for (let i = 0; i < node.min && program.length <= programMax; i++) start = build(node.node, start);
    return start;
  };
  const entry = build(tree.root, 0);
  if (program.length > programMax) return undefined;
  emit({ op: "split", first: entry, second: entry });
  return program;
}

interface Threads {
  /** Instructions in order of preference. */
  readonly list: number[];
  readonly captures: Int32Array[];
}

function run(program: readonly Instruction[], text: string, slots: number): Int32Array | undefined {
  let current: Threads = { list: [], captures: [] };
  let next: Threads = { list: [], captures: [] };
  const seen = new Int32Array(program.length).fill(-1);
  const start = new Int32Array(slots).fill(-1);
  addThread(program, current, program.length - 1, text, 0, start, seen);
  for (let at = 0; at < text.length && current.list.length > 0; ) {
    const point = text.codePointAt(at)!;
    const after = at + (point > 0xffff ? 2 : 1);
    for (let i = 0; i < current.list.length; i++) {
      const instruction = program[current.list[i]!]!;
      if (instruction.op !== "set" || !contains(instruction.set, point)) continue;
      addThread(program, next, instruction.next, text, after, current.captures[i]!, seen);
    }
    [current, next] = [next, current];
    next.list.length = 0;
    next.captures.length = 0;
    at = after;
  }
  const found = current.list.findIndex((pc) => program[pc]!.op === "match");
  if (found < 0) return undefined;
  const captures = Int32Array.from(current.captures[found]!);
  if (slots > 0) {
    captures[0] = 0;
    captures[1] = text.length;
  }
  return captures;
}

/** Follows everything that takes no character. `seen` holds the position an instruction was last reached at. */
function addThread(
  program: readonly Instruction[],
  threads: Threads,
  entry: number,
  text: string,
  at: number,
  captures: Int32Array,
  seen: Int32Array,
): void {
  const stack: { pc: number; captures: Int32Array }[] = [{ pc: entry, captures }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (seen[top.pc] === at) continue;
    seen[top.pc] = at;
    const instruction = program[top.pc]!;
    switch (instruction.op) {
      case "split":
        stack.push({ pc: instruction.second, captures: top.captures });
        stack.push({ pc: instruction.first, captures: top.captures });
        break;
      case "save": {
        let saved = top.captures;
        if (instruction.slot < saved.length) {
          saved = Int32Array.from(saved);
          saved[instruction.slot] = at;
        }
        stack.push({ pc: instruction.next, captures: saved });
        break;
      }
      case "assert":
        if (holds(instruction.what, text, at)) stack.push({ pc: instruction.next, captures: top.captures });
        break;
      default:
        threads.list.push(top.pc);
        threads.captures.push(top.captures);
    }
  }
}

function holds(what: Assertion, text: string, at: number): boolean {
  switch (what) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === text.length;
    case "line-start":
      return at === 0 || text[at - 1] === "\n";
    case "line-end":
      return at === text.length || text[at] === "\n";
    case "word-edge":
      return isWord(text, at - 1) !== isWord(text, at);
    case "no-word-edge":
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: string, at: number): boolean {
  return /^[A-Za-z0-9_]$/.test(text[at] ?? "");
}

function contains(set: CharSet, point: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (point < set[i]!) return false;
    if (point <= set[i + 1]!) return true;
  }
  return false;
}
