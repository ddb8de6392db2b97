// OTLP/JSON read a second way, for comparison: a plain parser that keeps every member and digit, and the message by reflection.
import type { Field, Message, Type } from "protobufjs";

/** Members in the order of the text, with those that come twice. Numbers as they are written. */
type Value =
  | { readonly kind: "object"; readonly members: readonly (readonly [string, Value])[] }
  | { readonly kind: "array"; readonly elements: readonly Value[] }
  | { readonly kind: "number" | "string"; readonly text: string }
  | { readonly kind: "literal"; readonly value: boolean | null };

export type JsonReading =
  /** Not JSON, by the platform's own parser: nobody may take it. */
  | { readonly kind: "not-json" }
  /** JSON, but not this message. */
  | { readonly kind: "not-otlp"; readonly why: string }
  | { readonly kind: "message"; readonly message: Message };

const limits: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The message an OTLP/JSON body stands for. */
export function readJson(type: Type, json: Uint8Array): JsonReading {
  const text = utf8.decode(json);
  try {
    JSON.parse(text);
  } catch {
    return { kind: "not-json" };
  }
  try {
    return { kind: "message", message: type.fromObject(messageOf(type, parse(text))) };
  } catch (error) {
    return { kind: "not-otlp", why: String(error) };
  }
}

/** Text already known to be JSON. */
function parse(text: string): Value {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  let at = 0;
  const list = <T>(end: string, element: () => T): T[] => {
    const elements: T[] = [];
    while (tokens[at] !== end) {
      elements.push(element());
      if (tokens[at] === ",") at++;
    }
    at++;
    return elements;
  };
  function value(): Value {
    const token = tokens[at++]!;
    if (token === "{") {
      const members = list("}", () => {
        const key = JSON.parse(tokens[at]!) as string;
        at += 2;
        return [key, value()] as const;
      });
      return { kind: "object", members };
    }
    if (token === "[") return { kind: "array", elements: list("]", value) };
    // Lone surrogates are no text: as bytes they become U+FFFD.
    if (token.startsWith('"')) return { kind: "string", text: Buffer.from(JSON.parse(token) as string).toString() };
    if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
    return token === "null" ? { kind: "literal", value: null } : { kind: "number", text: token };
  }
  return value();
}

function messageOf(type: Type, value: Value): Record<string, unknown> {
  if (value.kind !== "object") throw new Error(`${type.name} is not an object`);
  const message: Record<string, unknown> = {};
  for (const [key, member] of value.members) {
    const field = Object.hasOwn(type.fields, key) ? type.fields[key]!.resolve() : undefined;
    if (field === undefined || isNull(member)) continue;
    for (const rival of field.partOf?.fieldsArray ?? []) if (rival !== field) delete message[rival.name];
    if (!field.repeated) message[key] = single(field, member);
    else {
      if (member.kind !== "array") throw new Error(`${key} is not an array`);
      const elements = member.elements.filter((element) => !isNull(element)).map((element) => single(field, element));
      message[key] = [...((message[key] as unknown[] | undefined) ?? []), ...elements];
    }
  }
  return message;
}

function single(field: Field, value: Value): unknown {
  const { resolvedType } = field;
  if (resolvedType !== null && "fields" in resolvedType) return messageOf(resolvedType, value);
  switch (field.type) {
    case "string":
      return textOf(field, value);
    case "bytes":
      return bytesOf(field, textOf(field, value));
    case "bool":
      if (value.kind !== "literal" || value.value === null) throw new Error(`${field.name} is not a boolean`);
      return value.value;
    case "double":
      return doubleOf(field, value);
    default:
      return integerOf(field, value);
  }
}

function textOf(field: Field, value: Value): string {
  if (value.kind !== "string") throw new Error(`${field.name} is not a string`);
  return value.text;
}

/** Ids are hex; what is not becomes bytes of a length no id has. */
function bytesOf(field: Field, text: string): Uint8Array {
  if (/[iI]d$/.test(field.name))
    return /^([0-9a-f]{2})*$/i.test(text) ? Uint8Array.from(Buffer.from(text, "hex")) : Uint8Array.of(0xff);
  const digits = text.replace(/=+$/, "");
  if (!/^[\w+/-]*$/.test(digits) || digits.length % 4 === 1) throw new Error(`${field.name} is not base64`);
  return Uint8Array.from(Buffer.from(digits, "base64"));
}

function doubleOf(field: Field, value: Value): number {
  if (value.kind === "string" && /^(NaN|-?Infinity)$/.test(value.text)) return Number(value.text);
  return Number(decimal(field, value));
}

function integerOf(field: Field, value: Value): string | number {
  const text = decimal(field, value);
  const plain = /^-?\d+$/.test(text);
  if (!plain && !Number.isSafeInteger(Number(text))) throw new Error(`${field.name} is not an integer`);
  const exact = plain ? BigInt(text) : BigInt(Number(text));
  const [low, high] = limits[field.type]!;
  if (exact < low || exact > high) throw new Error(`${field.name} does not fit ${field.type}`);
  return field.type.endsWith("64") ? String(exact) : Number(exact);
}

function decimal(field: Field, value: Value): string {
  const text = value.kind === "number" || value.kind === "string" ? value.text : "";
  if (!/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) throw new Error(`${field.name} is not a number`);
  return text;
}

function isNull(value: Value): boolean {
  return value.kind === "literal" && value.value === null;
}
