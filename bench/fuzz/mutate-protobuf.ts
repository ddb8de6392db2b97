// Protobuf bodies made wrong: bits, cuts, splices, and edits of single fields and their lengths.
import type { Type } from "protobufjs";
import type { Choose } from "./choose.ts";

/** A field as it stands on the wire; `children` where it is a message. */
interface Field {
  readonly tag: number;
  /** Value without length; of a message that could be read, empty. */
  readonly value: Uint8Array;
  readonly children: Field[] | undefined;
  /** What is added to the true length when it is written. */
  lengthError: number;
}

const lengthErrors = [1, -1, 2, 7, 127, 16_384, 2 ** 31, 2 ** 32, 2 ** 40];

/** Applies one to three edits. `other` is a body to splice with. */
export function mutateProtobuf(type: Type, body: Uint8Array, other: Uint8Array, choose: Choose): Uint8Array {
  let bytes = body;
  for (let edits = 1 + choose.below(3); edits > 0; edits--) bytes = edit(type, bytes, other, choose);
  return bytes;
}

function edit(type: Type, body: Uint8Array, other: Uint8Array, choose: Choose): Uint8Array {
  switch (choose.below(8)) {
    case 0:
      return flipBits(body, choose);
    case 1:
      return body.slice(0, choose.below(body.length + 1));
    case 2:
      return splice(body, other, choose);
    default:
      return editFields(type, body, choose);
  }
}

function flipBits(body: Uint8Array, choose: Choose): Uint8Array {
  const bytes = body.slice();
  if (bytes.length > 0)
    for (let flips = 1 + choose.below(4); flips > 0; flips--)
      bytes[choose.below(bytes.length)]! ^= 1 << choose.below(8);
  return bytes;
}

function splice(body: Uint8Array, other: Uint8Array, choose: Choose): Uint8Array {
  const head = body.subarray(0, choose.below(body.length + 1));
  return Uint8Array.from([...head, ...other.subarray(choose.below(other.length + 1))]);
}

function editFields(type: Type, body: Uint8Array, choose: Choose): Uint8Array {
  const fields = readFields(type, body);
  if (fields === undefined) return flipBits(body, choose);
  const lists = listsOf(fields);
  const list = choose.of(lists);
  if (list.length === 0) return flipBits(body, choose);
  const at = choose.below(list.length);
  const field = list[at]!;
  switch (choose.below(5)) {
    case 0:
      field.lengthError = choose.of(lengthErrors);
      break;
    case 1:
      list.splice(choose.below(list.length + 1), 0, field);
      break;
    case 2:
      shuffle(list, choose);
      break;
    case 3:
      list.splice(at, 1);
      break;
    default:
      // A field of one message in another: unknown there, or known and of another type.
      choose
        .of(lists)
        .push({ ...field, children: undefined, value: field.children ? writeFields(field.children) : field.value });
  }
  return writeFields(fields);
}

function listsOf(fields: Field[]): Field[][] {
  return [fields, ...fields.flatMap(({ children }) => (children === undefined ? [] : listsOf(children)))];
}

function shuffle(list: Field[], choose: Choose): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = choose.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}

/** Fields of a message, undefined if the bytes are none. */
function readFields(type: Type, bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const start = at;
    let length = 0;
    switch (tag % 8) {
      case 0:
        varint();
        length = at - start;
        at = start;
        break;
      case 1:
        length = 8;
        break;
      case 2:
        length = varint();
        break;
      case 5:
        length = 4;
        break;
      default:
        return undefined;
    }
    if (!(at + length <= bytes.length)) return undefined;
    const value = bytes.subarray(at, at + length);
    at += length;
    const inner = tag % 8 === 2 ? messageType(type, Math.floor(tag / 8)) : undefined;
    const children = inner === undefined ? undefined : readFields(inner, value);
    fields.push({ tag, value: children === undefined ? value : new Uint8Array(0), children, lengthError: 0 });
  }
  return fields;
}

function messageType(type: Type, number: number): Type | undefined {
  const resolved = type.fieldsById[number]?.resolve().resolvedType;
  return resolved !== undefined && resolved !== null && "fieldsById" in resolved ? resolved : undefined;
}

function writeFields(fields: readonly Field[]): Uint8Array {
  const parts = fields.map(({ tag, value, children, lengthError }) => {
    const bytes = children === undefined ? value : writeFields(children);
    const length = tag % 8 === 2 ? writeVarint(Math.max(0, bytes.length + lengthError)) : [];
    return Buffer.concat([Uint8Array.from(writeVarint(tag)), Uint8Array.from(length), bytes]);
  });
  return new Uint8Array(Buffer.concat(parts));
}

function writeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
