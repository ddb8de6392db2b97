// What a text claims to be, and whether it is: JSON that parses, code whose fences and brackets close, a diff that
// changes something, an answer rather than a refusal.
import { jsonOf, peek, skipValue } from "../json-lexer.ts";
import { isRefusal as isMalformed } from "../wire.ts";

export interface Claims {
  /** Of a text that begins as an object or array, or a JSON fence. */
  readonly json: "valid" | "invalid" | undefined;
  /** Of a text with a code fence: whether every fence and every bracket within closes. */
  readonly code: "balanced" | "unbalanced" | "open-fence" | undefined;
  /** Lines that a unified diff adds or takes away; 0 is a diff of nothing. */
  readonly diffLines: number | undefined;
  /** It opens with a phrase that models decline with. */
  readonly refusal: boolean;
}

const OPENING_BYTES = 240;
const BACKTICK = 0x60;
const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();

/** How refusals open, in small letters with plain apostrophes. What is not listed is not seen, nor a refusal further down. */
const refusals: readonly string[] = [
  "i'm sorry, but i can",
  "i'm sorry, i can",
  "i am sorry, but i can",
  "i apologize, but i can",
  "i apologize, but i'm",
  "sorry, but i can't",
  "sorry, i can't",
  "i can't help with",
  "i can't assist",
  "i can't provide",
  "i can't fulfill",
  "i cannot help",
  "i cannot assist",
  "i cannot provide",
  "i cannot fulfill",
  "i'm unable to",
  "i am unable to",
  "i'm not able to",
  "i won't be able to",
  "i must decline",
  "i can't comply",
  "i cannot comply",
  "as an ai language model",
  "as an ai, i",
  "es tut mir leid, aber",
  "tut mir leid, aber ich kann",
  "je suis désolé, mais je ne peux",
  "désolé, mais je ne peux",
  "je ne peux pas vous aider",
  "lo siento, pero no puedo",
  "mi dispiace, ma non posso",
  "desculpe, mas não posso",
  "sinto muito, mas não posso",
  "het spijt me, maar ik kan",
  "извините, но я не могу",
  "к сожалению, я не могу",
  "抱歉，我无法",
  "抱歉，我不能",
  "对不起，我无法",
  "对不起，我不能",
  "很抱歉，我无法",
  "申し訳ありませんが",
  "申し訳ございませんが",
  "죄송하지만",
  "عذرًا، لا أستطيع",
  "क्षमा करें, मैं",
];

/** Bytes the longest of them takes with typographic apostrophes. */
const REFUSAL_BYTES_MAX = Math.max(...refusals.map((phrase) => Buffer.byteLength(phrase.replaceAll("'", "\u2019"))));

/** `whole` = `bytes[start, end)` is all of the text; a part of one is not judged by how it ends. */
export function readClaims(bytes: Uint8Array, start: number, end: number, whole: boolean): Claims {
  let from = start;
  while (from < end && bytes[from]! <= 0x20) from++;
  const refusal = opensWithRefusal(bytes, from, end);
  if (!whole) return { json: undefined, code: undefined, diffLines: undefined, refusal };
  const { code, bodyStart, bodyEnd, fence } = readFences(bytes, from, end);
  const [jsonFrom, jsonTo] = fence === "json" ? [bodyStart, bodyEnd] : [from, end];
  const json = fence === "json" || beginsAsJson(bytes, from, end) ? jsonValidity(bytes, jsonFrom, jsonTo) : undefined;
  return {
    json,
    code,
    diffLines: fence === "diff" ? diffLines(bytes, bodyStart, bodyEnd) : diffLines(bytes, from, end),
    refusal,
  };
}

/** Whether the text begins as JSON that holds something, not as a bracket of prose such as `[1]` or `[INST]`. */
export function beginsAsJson(bytes: Uint8Array, from: number, end: number): boolean {
  const open = bytes[from];
  if (open !== 0x7b && open !== 0x5b) return false;
  let at = from + 1;
  while (at < end && bytes[at]! <= 0x20) at++;
  const next = bytes[at];
  if (at >= end) return false;
  if (open === 0x7b) return next === 0x22 || next === 0x7d;
  return next === 0x22 || next === 0x7b || next === 0x5b;
}

function jsonValidity(bytes: Uint8Array, from: number, to: number): "valid" | "invalid" {
  const json = jsonOf(bytes.subarray(from, to));
  try {
    skipValue(json);
    return peek(json) === undefined ? "valid" : "invalid";
  } catch (error) {
    if (isMalformed(error)) return "invalid";
    throw error;
  }
}

interface Fences {
  readonly code: Claims["code"];
  /** Language word of the fence the text begins with, and what stands inside. */
  readonly fence: string;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/**
 * Goes over the lines. Brackets inside fences are matched by a stack of kinds, strings in double quotes on one line
 * passed over; brackets in comments and other strings count, so a few balanced programs look unbalanced.
 */
function readFences(bytes: Uint8Array, from: number, end: number): Fences {
  if (!bytes.subarray(from, end).includes(BACKTICK))
    return { code: undefined, fence: "", bodyStart: from, bodyEnd: end };
  let fences = 0;
  let balanced = true;
  let [fence, bodyStart, bodyEnd] = ["", from, end];
  const stack: number[] = [];
  for (let line = from; line < end; ) {
    let lineEnd = bytes.indexOf(0x0a, line);
    if (lineEnd < 0 || lineEnd > end) lineEnd = end;
    if (isFence(bytes, line, lineEnd)) {
      fences++;
      if (line === from) {
        fence = latin1
          .decode(bytes.subarray(line + 3, Math.min(lineEnd, line + 24)))
          .trim()
          .toLowerCase();
        bodyStart = Math.min(end, lineEnd + 1);
      } else if (fences === 2 && bodyStart !== from) bodyEnd = line;
      if (fences % 2 === 0) {
        balanced &&= stack.length === 0;
        stack.length = 0;
      }
    } else if (fences % 2 === 1) balanced = matchBrackets(bytes, line, lineEnd, stack) && balanced;
    line = lineEnd + 1;
  }
  const code = fences === 0 ? undefined : fences % 2 === 1 ? "open-fence" : balanced ? "balanced" : "unbalanced";
  return { code, fence, bodyStart, bodyEnd };
}

function isFence(bytes: Uint8Array, line: number, lineEnd: number): boolean {
  let at = line;
  while (at < lineEnd && at - line < 4 && bytes[at] === 0x20) at++;
  return at + 2 < lineEnd && bytes[at] === 0x60 && bytes[at + 1] === 0x60 && bytes[at + 2] === 0x60;
}

function matchBrackets(bytes: Uint8Array, line: number, lineEnd: number, stack: number[]): boolean {
  let good = true;
  for (let at = line; at < lineEnd; at++) {
    const c = bytes[at]!;
    if (c === 0x22) at = afterString(bytes, at, lineEnd);
    else if (c === 0x28 || c === 0x5b || c === 0x7b) {
      // Deeper than any program is a broken one.
      if (stack.length < 512) stack.push(c);
    } else if (c === 0x29) good = stack.pop() === 0x28 && good;
    else if (c === 0x5d || c === 0x7d) good = stack.pop() === c - 2 && good;
  }
  return good;
}

/** Position of the closing quote; without one the rest of the line is passed over, so that no byte is read twice. */
function afterString(bytes: Uint8Array, quote: number, lineEnd: number): number {
  for (let at = quote + 1; at < lineEnd; at++) {
    if (bytes[at] === 0x5c) at++;
    else if (bytes[at] === 0x22) return at;
  }
  return lineEnd;
}

/** Lines added and taken away in hunks; undefined if the text has no diff's header. */
function diffLines(bytes: Uint8Array, from: number, end: number): number | undefined {
  if (bytes[from] !== 0x64 && bytes[from] !== 0x2d) return undefined;
  const opening = latin1.decode(bytes.subarray(from, Math.min(end, from + OPENING_BYTES)));
  if (!opening.startsWith("diff --git ") && !(opening.startsWith("--- ") && opening.includes("\n+++ ")))
    return undefined;
  let changed = 0;
  let inHunk = false;
  for (let line = from; line < end; ) {
    let lineEnd = bytes.indexOf(0x0a, line);
    if (lineEnd < 0 || lineEnd > end) lineEnd = end;
    const c = bytes[line];
    if (c === 0x40 && bytes[line + 1] === 0x40) inHunk = true;
    else if (c === 0x64) inHunk = false;
    else if (inHunk && (c === 0x2b || c === 0x2d)) changed++;
    line = lineEnd + 1;
  }
  return changed;
}

function opensWithRefusal(bytes: Uint8Array, from: number, end: number): boolean {
  const opening = utf8
    .decode(bytes.subarray(from, Math.min(end, from + REFUSAL_BYTES_MAX)))
    .toLowerCase()
    .replaceAll("\u2019", "'");
  return refusals.some((phrase) => opening.startsWith(phrase));
}
