// The words inside the JSON that carries them: messages with roles and parts, choices, generations, inputs and outputs.
import type { Bytes } from "../../model/columns/bytes.ts";
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  expect,
  forEachElement,
  type Json,
  type JsonText,
  jsonOf,
  OPEN_ARRAY,
  OPEN_OBJECT,
  peek,
  QUOTE,
  readString,
  skipValue,
} from "../json-lexer.ts";
import { isRefusal as isMalformed } from "../wire.ts";
import { beginsAsJson } from "./claims.ts";

/** Told of words and of finish reasons, each `data[start, end)` for the time of the call. */
export interface WordsVisitor {
  words(data: Uint8Array, start: number, end: number): void;
  reason(data: Uint8Array, start: number, end: number): void;
}

/** Longer JSON is not taken apart: its length is all that is known of it. */
export const MESSAGES_BYTES_MAX = 256 * 1024;
const BINARY_FROM = 512;
const KEY_BYTES_MAX = 32;

/** Members whose strings are words; of a member that is none of these only what lies deeper is looked at. */
const wordKeys: ReadonlySet<string> = new Set([
  "content",
  "text",
  "message",
  "messages",
  "parts",
  "prompt",
  "prompts",
  "completion",
  "completions",
  "body",
  "input",
  "inputs",
  "output",
  "outputs",
  "result",
  "response",
  "answer",
  "question",
  "query",
  "value",
  "generated_text",
  "reasoning",
  "reasoning_content",
  "thinking",
]);
/** Members that only JSON around words has. */
const envelopeKeys: ReadonlySet<string> = new Set(["role", "parts", "messages", "choices", "generations", "message"]);
const latin1 = new TextDecoder("latin1");
const text: JsonText = {
  source: { data: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)), length: 0 },
  start: 0,
  end: 0,
};

/**
 * Visits the words of a carrier: those inside, if it is JSON with messages, else the text itself. `sure` = JSON in it can
 * only be messages; else it must have a member such as `role` or `messages`, or it is an answer in JSON. JSON that breaks
 * off gives what stood before. Blind to words under other keys; strings of 512 bytes without a space are taken for binary.
 */
export function visitWords(source: Bytes, start: number, end: number, sure: boolean, visitor: WordsVisitor): void {
  let from = start;
  while (from < end && source.data[from]! <= 0x20) from++;
  const isJson = source.data[from] === QUOTE ? sure : beginsAsJson(source.data, from, end);
  if (!isJson || !(sure || looksLikeEnvelope(source.data, from, end))) {
    visitor.words(source.data, start, end);
    return;
  }
  const data = source.data.subarray(from, Math.min(end, from + MESSAGES_BYTES_MAX));
  try {
    visitValue(jsonOf(data), "content", visitor);
  } catch (error) {
    if (!isMalformed(error)) throw error;
  }
}

function visitValue(json: Json, key: string, visitor: WordsVisitor): void {
  const byte = peek(json);
  if (byte === OPEN_OBJECT) {
    forEachElement(json, OPEN_OBJECT, CLOSE_OBJECT, () => {
      readString(json, text);
      const length = text.end - text.start;
      const name = length > KEY_BYTES_MAX ? "" : latin1.decode(text.source.data.subarray(text.start, text.end));
      expect(json, COLON);
      visitValue(json, name, visitor);
    });
  } else if (byte === OPEN_ARRAY) forEachElement(json, OPEN_ARRAY, CLOSE_ARRAY, () => visitValue(json, key, visitor));
  else if (byte === QUOTE) {
    readString(json, text);
    const { source, start, end } = text;
    if (key === "finish_reason" || key === "finish_reasons") visitor.reason(source.data, start, end);
    else if (wordKeys.has(key) && !isBinary(source.data, start, end)) visitor.words(source.data, start, end);
  } else skipValue(json);
}

/** Whether a member of messages is named in the first bytes: enough for any message, whose roles come first or soon. */
function looksLikeEnvelope(data: Uint8Array, from: number, end: number): boolean {
  const opening = latin1.decode(data.subarray(from, Math.min(end, from + 400)));
  for (const key of envelopeKeys) {
    const at = opening.indexOf(`"${key}"`);
    if (at >= 0 && /^\s{0,8}:/.test(opening.slice(at + key.length + 2, at + key.length + 12))) return true;
  }
  return /^\{\s{0,8}"(inputs?|outputs?|args|kwargs)"\s{0,8}:/.test(opening);
}

function isBinary(data: Uint8Array, start: number, end: number): boolean {
  if (end - start < BINARY_FROM) return false;
  for (let at = start; at < start + BINARY_FROM; at++) if (data[at]! <= 0x20 || data[at]! >= 0x80) return false;
  return true;
}
