// A growable run of bytes: the memory every column is made of.

/**
 * Bytes, and how many of them count. Writers call {@link ensure} first; the `append…` functions of this file do not
 * check room, except where they say so. What is copied from has the same shape as what is copied to: the loops below
 * see one kind of object and stay fast.
 */
export interface Bytes {
  data: Uint8Array;
  view: DataView;
  length: number;
}

/** Capacity a column falls back to when it is emptied after holding more than {@link KEPT_CAPACITY}. */
const SMALL_CAPACITY = 4096;
const KEPT_CAPACITY = 16 * 1024 * 1024;

const encoder = new TextEncoder();

export function createBytes(capacity: number = SMALL_CAPACITY): Bytes {
  const data = new Uint8Array(capacity);
  return { data, view: new DataView(data.buffer, 0, capacity), length: 0 };
}

/** Existing bytes, to be copied from. */
export function sourceOf(data: Uint8Array): Bytes {
  return { data, view: new DataView(data.buffer, data.byteOffset, data.byteLength), length: data.length };
}

/** UTF-8 bytes of a constant, to be appended like bytes off the wire. */
export function textSource(text: string): Bytes {
  return sourceOf(encoder.encode(text));
}

/** Makes room for `more` bytes. */
export function ensure(bytes: Bytes, more: number): void {
  if (bytes.length + more > bytes.data.length) grow(bytes, more);
}

/** Forgets the content; memory is kept for the next rows unless it was exceptionally much. */
export function clearBytes(bytes: Bytes): void {
  bytes.length = 0;
  if (bytes.data.length > KEPT_CAPACITY) Object.assign(bytes, createBytes());
}

export function appendByte(bytes: Bytes, value: number): void {
  bytes.data[bytes.length++] = value;
}

export function appendUint32(bytes: Bytes, value: number): void {
  bytes.view.setInt32(bytes.length, value, true);
  bytes.length += 4;
}

/** A 64-bit word in two halves. */
export function appendWord(bytes: Bytes, low: number, high: number): void {
  bytes.view.setInt32(bytes.length, low, true);
  bytes.view.setInt32(bytes.length + 4, high, true);
  bytes.length += 8;
}

export function appendFloat64(bytes: Bytes, value: number): void {
  bytes.view.setFloat64(bytes.length, value, true);
  bytes.length += 8;
}

/** LEB128 of a whole number below 2^53; takes up to 8 bytes. */
export function appendVarint(bytes: Bytes, value: number): void {
  let rest = value;
  while (rest > 127) {
    bytes.data[bytes.length++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  bytes.data[bytes.length++] = rest;
}

/**
 * Copies `count` bytes, a word at a time (a `set` of a subarray costs more than it saves at the usual 5 to 60 bytes).
 * Returns non-zero if any byte is outside ASCII.
 */
export function appendCopy(bytes: Bytes, source: Bytes, start: number, count: number): number {
  const at = bytes.length;
  bytes.length = at + count;
  let seen = 0;
  if (count < 4) {
    for (let i = 0; i < count; i++) {
      const byte = source.data[start + i]!;
      seen |= byte;
      bytes.data[at + i] = byte;
    }
    return seen & 0x80;
  }
  const from = source.view;
  const to = bytes.view;
  const last = count - 4;
  for (let i = 0; i < last; i += 4) {
    const word = from.getInt32(start + i, true);
    seen |= word;
    to.setInt32(at + i, word, true);
  }
  // The last word overlaps the one before instead of running past the end.
  const word = from.getInt32(start + last, true);
  to.setInt32(at + last, word, true);
  return (seen | word) & 0x80808080;
}

/** Whether `count` bytes are the same on both sides. */
export function sameBytes(a: Bytes, aStart: number, b: Bytes, bStart: number, count: number): boolean {
  if (count < 4) {
    for (let i = 0; i < count; i++) if (a.data[aStart + i] !== b.data[bStart + i]) return false;
    return true;
  }
  const left = a.view;
  const right = b.view;
  const last = count - 4;
  let i = 0;
  // Eight bytes as a double: equal ones are the same bytes, but for zeros of either sign. Unequal ones may be not-a-numbers.
  for (; i + 8 <= count; i += 8) {
    const double = left.getFloat64(aStart + i, true);
    if (double !== right.getFloat64(bStart + i, true) || double === 0) break;
  }
  for (; i < last; i += 4) if (left.getInt32(aStart + i, true) !== right.getInt32(bStart + i, true)) return false;
  return left.getInt32(aStart + last, true) === right.getInt32(bStart + last, true);
}

/** Appends again what already stands at `start`: memory is grown here if need be. */
export function appendOwn(bytes: Bytes, start: number, count: number): void {
  ensure(bytes, count);
  if (count <= 512) appendCopy(bytes, bytes, start, count);
  else {
    bytes.data.copyWithin(bytes.length, start, start + count);
    bytes.length += count;
  }
}

/** Appends an even number of bytes as lower-case hex, four digits at a time: a nibble in each byte of a word. */
export function appendHex(bytes: Bytes, source: Bytes, start: number, count: number): void {
  const { view } = bytes;
  let at = bytes.length;
  bytes.length = at + count * 2;
  for (let i = start; i < start + count; i += 2, at += 4) {
    const pair = source.data[i]! | (source.data[i + 1]! << 16);
    const nibbles = ((pair >> 4) & 0x000f000f) | ((pair & 0x000f000f) << 8);
    const letters = ((nibbles + 0x06060606) >> 4) & 0x01010101;
    view.setInt32(at, nibbles + 0x30303030 + letters * 39, true);
  }
}

/** Appends text of ASCII characters only; memory is grown here if need be. */
export function appendAscii(bytes: Bytes, text: string): void {
  ensure(bytes, text.length);
  for (let i = 0; i < text.length; i++) bytes.data[bytes.length++] = text.charCodeAt(i);
}

function grow(bytes: Bytes, more: number): void {
  const data = new Uint8Array(Math.max(bytes.data.length * 2, bytes.length + more + SMALL_CAPACITY));
  data.set(bytes.data.subarray(0, bytes.length));
  bytes.data = data;
  bytes.view = new DataView(data.buffer);
}
