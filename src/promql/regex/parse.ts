// Reads RE2 syntax. What RE2 lacks (backreferences, lookaround, …) is refused by name.
import type { CharSet, RegexNode, RegexTree } from "./ast.ts";
import { complement, foldCase, perlClasses, posixClasses, union } from "./ast.ts";

/** Longest pattern taken, in UTF-16 code units. */
const patternLengthMax = 4096;
/** As RE2. */
const repeatMax = 1000;
const nestingMax = 100;

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly lazy: boolean;
}

/** A mistake as a message, or the tree. `.` matches a newline too, as PromQL has it. */
export function parseRegex(pattern: string): RegexTree | { readonly error: string } {
  if (pattern.length > patternLengthMax) {
    return { error: `the pattern has ${pattern.length} characters, more than the ${patternLengthMax} allowed` };
  }
  const reader = { chars: [...pattern], at: 0, names: new Map<string, number>(), captures: 0, depth: 0 };
  try {
    const start: Flags = { ignoreCase: false, multiline: false, dotAll: true, lazy: false };
    const root = parseEither(reader, start);
    if (reader.at < reader.chars.length) refuse("a closing parenthesis has no opening one");
    return { root, names: reader.names, captures: reader.captures };
  } catch (error) {
    if (error instanceof Error && error.name === "RegexRefusal") return { error: error.message };
    throw error;
  }
}

interface Reader {
  readonly chars: readonly string[];
  at: number;
  readonly names: Map<string, number>;
  captures: number;
  depth: number;
}

function refuse(message: string): never {
  throw Object.assign(new Error(message), { name: "RegexRefusal" });
}

function parseEither(reader: Reader, flags: Flags): RegexNode {
  if (++reader.depth > nestingMax) refuse(`groups are nested deeper than ${nestingMax}`);
  // A bare flag group such as (?i) holds from there to the end of the group, over | as well.
  const scope = { flags };
  const options = [parseSequence(reader, scope)];
  while (reader.chars[reader.at] === "|") {
    reader.at++;
    options.push(parseSequence(reader, scope));
  }
  reader.depth--;
  return options.length === 1 ? options[0]! : { kind: "either", options };
}

function parseSequence(reader: Reader, scope: { flags: Flags }): RegexNode {
  const parts: RegexNode[] = [];
  while (reader.at < reader.chars.length) {
    const char = reader.chars[reader.at]!;
    if (char === "|" || char === ")") break;
    if (char === "\\" && reader.chars[reader.at + 1] === "Q") {
      reader.at += 2;
      const quoted = parseQuoted(reader, scope.flags);
      const last = quoted.pop();
      parts.push(...quoted);
      // A repetition after it is of its last character.
      if (last !== undefined) parts.push(parseRepeats(reader, last, scope.flags));
      continue;
    }
    const atom = parseAtom(reader, scope);
    if (atom !== undefined) parts.push(parseRepeats(reader, atom, scope.flags));
  }
  if (parts.length === 0) return { kind: "empty" };
  return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
}

function parseQuoted(reader: Reader, flags: Flags): RegexNode[] {
  const parts: RegexNode[] = [];
  while (reader.at < reader.chars.length) {
    const char = reader.chars[reader.at++]!;
    if (char === "\\" && reader.chars[reader.at] === "E") {
      reader.at++;
      break;
    }
    parts.push(literal(char, flags));
  }
  return parts;
}

function parseAtom(reader: Reader, scope: { flags: Flags }): RegexNode | undefined {
  const { flags } = scope;
  const char = reader.chars[reader.at++]!;
  switch (char) {
    case "(":
      return parseGroup(reader, scope);
    case "[":
      return { kind: "set", set: parseClass(reader, flags) };
    case ".":
      return { kind: "set", set: flags.dotAll ? complement([]) : complement([0x0a, 0x0a]) };
    case "^":
      return { kind: "assert", what: flags.multiline ? "line-start" : "text-start" };
    case "$":
      return { kind: "assert", what: flags.multiline ? "line-end" : "text-end" };
    case "*":
    case "+":
    case "?":
      return refuse(`nothing before "${char}" to repeat`);
    case "\\":
      return parseEscape(reader, flags);
    default:
      return literal(char, flags);
  }
}

function literal(char: string, flags: Flags): RegexNode {
  const point = char.codePointAt(0)!;
  return { kind: "set", set: flags.ignoreCase ? foldCase([point, point]) : [point, point] };
}

function parseRepeats(reader: Reader, atom: RegexNode, flags: Flags): RegexNode {
  const bounds = readBounds(reader);
  if (bounds === undefined) return atom;
  const lazy = reader.chars[reader.at] === "?";
  if (lazy) reader.at++;
  if (reader.chars[reader.at] === "+" || reader.chars[reader.at] === "*") {
    refuse(`"${reader.chars[reader.at]}" after a repetition: possessive and nested repetitions are not in RE2`);
  }
  const node: RegexNode = { kind: "repeat", node: atom, min: bounds.min, max: bounds.max, greedy: lazy === flags.lazy };
  if (readAhead(reader)) refuse("a repetition of a repetition is not in RE2");
  return node;
}

function readAhead(reader: Reader): boolean {
  const before = reader.at;
  const found = readBounds(reader) !== undefined;
  reader.at = before;
  return found;
}

function readBounds(reader: Reader): { min: number; max: number } | undefined {
  const char = reader.chars[reader.at];
  const infinite = Number.POSITIVE_INFINITY;
  if (char === "*" || char === "+" || char === "?") {
    reader.at++;
    return { min: char === "+" ? 1 : 0, max: char === "?" ? 1 : infinite };
  }
  if (char !== "{") return undefined;
  const found = /^\{(\d{1,5})(,(\d{1,5})?)?\}/.exec(reader.chars.slice(reader.at, reader.at + 14).join(""));
  if (found === null) return undefined;
  reader.at += found[0].length;
  const min = Number(found[1]);
  const max = found[2] === undefined ? min : found[3] === undefined ? infinite : Number(found[3]);
  if (min > repeatMax || (max !== infinite && max > repeatMax))
    refuse(`a repetition count above ${repeatMax} is not in RE2`);
  if (max < min) refuse(`the repetition ${found[0]} ends before it begins`);
  return { min, max };
}

function parseGroup(reader: Reader, scope: { flags: Flags }): RegexNode | undefined {
  const rest = reader.chars.slice(reader.at, reader.at + 80).join("");
  if (!rest.startsWith("?")) return parseCapture(reader, scope.flags);
  if (/^\?(=|!|<=|<!)/.test(rest)) refuse("lookaround is not in RE2, so it is refused");
  if (rest.startsWith("?>")) refuse("atomic groups are not in RE2, so they are refused");
  const named = /^\?P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(rest);
  if (named !== null) {
    reader.at += named[0].length;
    if (reader.names.has(named[1]!)) refuse(`two groups are named ${named[1]}`);
    reader.names.set(named[1]!, reader.captures + 1);
    return parseCapture(reader, scope.flags);
  }
  const flagged = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
  if (flagged === null)
    return refuse(`a group that begins with "(${rest.slice(0, 3)}" is not in RE2, so it is refused`);
  reader.at += flagged[0].length;
  const flags = withFlags(withFlags(scope.flags, flagged[1]!, true), flagged[2] ?? "", false);
  if (flagged[3] === ")") {
    scope.flags = flags;
    return undefined;
  }
  return closeGroup(reader, parseEither(reader, flags));
}

function withFlags(flags: Flags, letters: string, on: boolean): Flags {
  return {
    ignoreCase: letters.includes("i") ? on : flags.ignoreCase,
    multiline: letters.includes("m") ? on : flags.multiline,
    dotAll: letters.includes("s") ? on : flags.dotAll,
    lazy: letters.includes("U") ? on : flags.lazy,
  };
}

function parseCapture(reader: Reader, flags: Flags): RegexNode {
  const index = ++reader.captures;
  return { kind: "capture", index, node: closeGroup(reader, parseEither(reader, flags)) };
}

function closeGroup(reader: Reader, node: RegexNode): RegexNode {
  if (reader.chars[reader.at] !== ")") refuse("a parenthesis is not closed");
  reader.at++;
  return node;
}

function parseEscape(reader: Reader, flags: Flags): RegexNode {
  const char = reader.chars[reader.at];
  if (char === undefined) return refuse("the pattern ends with a backslash");
  const asserts = { A: "text-start", z: "text-end", b: "word-edge", B: "no-word-edge" } as const;
  if (Object.hasOwn(asserts, char)) {
    reader.at++;
    return { kind: "assert", what: asserts[char as keyof typeof asserts] };
  }
  if (/[1-9]/.test(char) || char === "k") refuse("backreferences are not in RE2, so they are refused");
  const set = readEscapedSet(reader);
  return { kind: "set", set: flags.ignoreCase ? foldCase(set) : set };
}

/** What follows a backslash, inside or outside a class, as a set. */
function readEscapedSet(reader: Reader): CharSet {
  const char = reader.chars[reader.at++];
  if (char === undefined) return refuse("the pattern ends with a backslash");
  const perl = perlClasses[char];
  if (perl !== undefined) return perl;
  const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
  const control = controls[char];
  if (control !== undefined) return [control, control];
  if (char === "x" || char === "0") {
    const rest = reader.chars.slice(reader.at, reader.at + 10).join("");
    const found = char === "x" ? /^([0-9a-fA-F]{2})|^\{([0-9a-fA-F]{1,6})\}/.exec(rest) : /^[0-7]{0,2}/.exec(rest);
    if (found === null) return refuse(`"\\${char}" is not followed by a character code`);
    reader.at += found[0].length;
    const point = char === "x" ? Number.parseInt(found[1] ?? found[2]!, 16) : Number.parseInt(`0${found[0]}`, 8);
    return [point, point];
  }
  if (/[A-Za-z0-9]/.test(char)) {
    const unicode = char === "p" || char === "P" ? " (Unicode classes are not supported here)" : "";
    return refuse(`the escape "\\${char}" is refused${unicode}`);
  }
  const point = char.codePointAt(0)!;
  return [point, point];
}

function parseClass(reader: Reader, flags: Flags): CharSet {
  const negated = reader.chars[reader.at] === "^";
  if (negated) reader.at++;
  let set: CharSet = [];
  for (let first = true; ; first = false) {
    const char = reader.chars[reader.at];
    if (char === undefined) return refuse("a bracket is not closed");
    if (char === "]" && !first) break;
    const low = readClassItem(reader);
    const isRange = reader.chars[reader.at] === "-" && (reader.chars[reader.at + 1] ?? "]") !== "]";
    if (!isRange) {
      set = union(set, low);
      continue;
    }
    reader.at++;
    const high = readClassItem(reader);
    const single = low.length === 2 && low[0] === low[1] && high.length === 2 && high[0] === high[1];
    if (!single || low[0]! > high[0]!) return refuse("a range in brackets runs backwards or between classes");
    set = union(set, [low[0]!, high[0]!]);
  }
  reader.at++;
  if (flags.ignoreCase) set = foldCase(set);
  return negated ? complement(set) : set;
}

function readClassItem(reader: Reader): CharSet {
  const char = reader.chars[reader.at]!;
  if (char === "[" && reader.chars[reader.at + 1] === ":") {
    const found = /^\[:(\^?)([a-z]+):\]/.exec(reader.chars.slice(reader.at, reader.at + 14).join(""));
    const posix = found === null ? undefined : posixClasses[found[2]!];
    if (found === null || posix === undefined) return refuse('"[:" in brackets does not begin a known class');
    reader.at += found[0].length;
    return found[1] === "^" ? complement(posix) : posix;
  }
  reader.at++;
  if (char === "\\") return readEscapedSet(reader);
  const point = char.codePointAt(0)!;
  return [point, point];
}
