// Reading protobuf's wire format: tags, varints, lengths, skipping. Every read is checked against the end of its message.
import { type Bytes, sourceOf } from "../model/columns/bytes.ts";

/** A body and where reading goes on in it. Functions here move `pos` past what they read. */
export interface Wire {
  readonly data: Uint8Array;
  readonly view: DataView;
  /** The body as something to copy from: of the same shape as every other source, which keeps the copying loops fast. */
  readonly source: Bytes;
  pos: number;
  /** Halves of the last 64-bit varint read. */
  low: number;
  high: number;
  /** Whether messages that must come once do; if not, reading stops at one that comes again, to have them merged. */
  readonly merged: boolean;
}

/** What a body that is not the message it should be is refused with. */
export interface Malformed extends Error {
  readonly name: "Malformed";
}

/** What a body that is well-formed but more than a request may hold is refused with. */
export interface TooLarge extends Error {
  readonly name: "TooLarge";
}

/** What reading stops with where a message that must come once comes again; the body is then read anew, merged. */
export interface CameTwice extends Error {
  readonly name: "CameTwice";
}

export function wireOf(data: Uint8Array, merged = false): Wire {
  const source = sourceOf(data);
  return { data, view: source.view, source, pos: 0, low: 0, high: 0, merged };
}

export function malformed(says: string): Malformed {
  return Object.assign(new Error(says), { name: "Malformed" as const });
}

export function tooLarge(says: string): TooLarge {
  return Object.assign(new Error(says), { name: "TooLarge" as const });
}

export function isRefusal(error: unknown): error is Malformed | TooLarge {
  return error instanceof Error && (error.name === "Malformed" || error.name === "TooLarge");
}

/** To be called where a message that must come once comes again. Throws unless the body was merged already. */
export function meetAgain(wire: Wire): void {
  if (!wire.merged) throw Object.assign(new Error("a message came twice"), { name: "CameTwice" as const });
}

export function isCameTwice(error: unknown): error is CameTwice {
  return error instanceof Error && error.name === "CameTwice";
}

/** Reads a tag: field number * 8 + wire type. */
export function readTag(wire: Wire, end: number): number {
  const first = wire.data[wire.pos]!;
  if (first < 0x80 && first > 7 && wire.pos < end) {
    wire.pos++;
    return first;
  }
  const tag = readVarint(wire, end);
  if (tag < 8) throw malformed(`field number 0 at byte ${wire.pos}`);
  if (tag > 0xffffffff) throw malformed(`field number out of range at byte ${wire.pos}`);
  return tag;
}

/** Reads a length and returns where the field ends; `pos` is then where it starts. */
export function readEnd(wire: Wire, end: number): number {
  const first = wire.data[wire.pos]!;
  let length = first;
  if (first < 0x80 && wire.pos < end) wire.pos++;
  else length = readVarint(wire, end);
  const fieldEnd = wire.pos + length;
  if (fieldEnd > end)
    throw malformed(`a field of ${length} bytes at byte ${wire.pos} runs past the end of its message`);
  return fieldEnd;
}

/** Reads an unsigned varint. Exact below 2^53; larger ones are only good for being out of range. */
export function readVarint(wire: Wire, end: number): number {
  readVarint64(wire, end);
  return (wire.high >>> 0) * 4294967296 + (wire.low >>> 0);
}

/** Reads a varint of up to 64 bits into `low` and `high`. */
export function readVarint64(wire: Wire, end: number): void {
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (wire.pos >= end) throw malformed(`a number at byte ${wire.pos} is cut off`);
    const byte = wire.data[wire.pos++]!;
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) {
      wire.low = low;
      wire.high = high;
      return;
    }
  }
  throw malformed(`a number at byte ${wire.pos} is longer than ten bytes`);
}

/** Reads a varint as int32 and enums are: the low 32 bits, signed. */
export function readInt32(wire: Wire, end: number): number {
  readVarint64(wire, end);
  return wire.low;
}

/** Reads a varint as sint32 is: zigzag. */
export function readSint32(wire: Wire, end: number): number {
  readVarint64(wire, end);
  return (wire.low >>> 1) ^ -(wire.low & 1);
}

/** Reads a varint as bool is: true if any bit is set, those beyond the 64th too. */
export function readBool(wire: Wire, end: number): boolean {
  let at = wire.pos;
  readVarint64(wire, end);
  while (at < wire.pos) if ((wire.data[at++]! & 0x7f) !== 0) return true;
  return false;
}

/** Position of a fixed64 field, which is stepped over. */
export function takeFixed64(wire: Wire, end: number): number {
  const at = wire.pos;
  if (at + 8 > end) throw malformed(`a 64-bit number at byte ${at} is cut off`);
  wire.pos = at + 8;
  return at;
}

export function readFixed32(wire: Wire, end: number): number {
  const at = wire.pos;
  if (at + 4 > end) throw malformed(`a 32-bit number at byte ${at} is cut off`);
  wire.pos = at + 4;
  return wire.view.getUint32(at, true);
}

/** Groups that may lie in each other; other protobuf readers go as deep. */
const GROUP_DEPTH = 100;

/** Steps over the value of a field that is not known or not wanted. */
export function skip(wire: Wire, tag: number, end: number): void {
  switch (tag & 7) {
    case 0:
      readVarint64(wire, end);
      return;
    case 1:
      takeFixed64(wire, end);
      return;
    case 2:
      wire.pos = readEnd(wire, end);
      return;
    case 5:
      readFixed32(wire, end);
      return;
    case 3:
      skipGroup(wire, tag, end);
      return;
    default:
      throw malformed(`wire type ${tag & 7} at byte ${wire.pos} does not start a field`);
  }
}

/** Long deprecated and never in OTLP, but an unknown field may be one: fields up to the end tag of the same number. */
function skipGroup(wire: Wire, tag: number, end: number): void {
  const open = [tag];
  while (open.length > 0) {
    if (wire.pos >= end) throw malformed(`a group at byte ${wire.pos} is cut off`);
    const inner = readTag(wire, end);
    if ((inner & 7) === 3) {
      open.push(inner);
      if (open.length > GROUP_DEPTH) throw malformed(`groups nested deeper than ${GROUP_DEPTH} at byte ${wire.pos}`);
    } else if ((inner & 7) !== 4) skip(wire, inner, end);
    else if (open.pop() !== inner - 1) throw malformed(`a group at byte ${wire.pos} ends another than it began`);
  }
}
