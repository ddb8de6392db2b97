// Finds personal data and secrets in UTF-8 text in one pass over its bytes: e-mail and IP addresses, payment cards, IBANs,
// US social security numbers, phone numbers, access keys and tokens, by their own marks or by the name before them. No regular expressions, nothing backtracks: most bytes
// cost one table look-up, and what a trigger starts is bounded in length.
// Blind to names, postal addresses and numbers without any structure; those need "drop" instead of "mask".

import { bearerAt, mayEndName, named, namedSecretAt, privateKeyAt, userInfoAt } from "./named-secrets.ts";
import { secretPrefixes } from "./secrets.ts";
import { cardDigits, ibanValid, type Span, type SpanKind, spanLengthMax } from "./spans.ts";

const other = 0;
const digit = 1;
const letter = 2;
const at = 3;
const colon = 4;

/** Class of each byte. Bytes >= 0x80 count as letters, so that words in other alphabets hold together. */
const classes = new Uint8Array(256);
for (let b = 0; b < 256; b++) {
  if (b >= 48 && b <= 57) classes[b] = digit;
  else if ((b >= 65 && b <= 90) || (b >= 97 && b <= 122) || b >= 0x80) classes[b] = letter;
}
classes[64] = at;
classes[58] = colon;

/** Prefixes of secrets by their first byte, in their order. */
const secretsFrom = Array.from({ length: 256 }, (_, byte) => secretPrefixes.filter(({ prefix }) => prefix[0] === byte));

/** Spans found in `bytes[from, to)`, in order and without overlap. */
export function scanText(bytes: Uint8Array, from: number, to: number): Span[] {
  const spans: Span[] = [];
  let done = from;
  const push = (start: number, end: number, kind: SpanKind): number => {
    // A span may begin in what was passed over already (an address before its @): the later, longer one wins.
    while (spans.length > 0 && spans.at(-1)!.end > start) spans.pop();
    spans.push({ start, end, kind });
    done = end;
    return end;
  };
  let before = other;
  for (let i = from; i < to; ) {
    const kind = classes[bytes[i]!]!;
    if (kind === other) {
      before = other;
      const c = bytes[i]!;
      if (c === 61 || c === 45) {
        const end = c === 61 ? namedAt(bytes, i, from, to, push) : pemAt(bytes, i, to, push);
        if (end > i) {
          i = end;
          continue;
        }
      }
      // "+41 …" and "(99) …" begin a phone number.
      if ((c === 43 || c === 40) && i + 1 < to && classes[bytes[i + 1]!] === digit) {
        const end = numberAt(bytes, i, to, push);
        if (end > i) {
          i = end;
          continue;
        }
      }
      // In JSON inside the text, the n of "\n" is no beginning of a word, and no part of the address after it.
      i += c === 92 && i + 1 < to && isEscape(bytes[i + 1]!) ? 2 : 1;
      if (c === 92) done = i;
      continue;
    }
    if (kind === at) {
      const [start, end] = emailAround(bytes, i, done, to);
      i = end > 0 ? push(start, end, "email") : i + 1;
      before = other;
      continue;
    }
    if (kind === colon) {
      const end = namedAt(bytes, i, from, to, push);
      if (end > i) {
        i = end;
        before = letter;
        continue;
      }
    }
    if (before === other || before === colon) {
      const end = kind === digit || kind === letter || kind === colon ? tokenAt(bytes, i, to, kind, push) : 0;
      if (end > i) {
        i = end;
        before = letter;
        continue;
      }
    }
    before = kind;
    i++;
  }
  return spans;
}

type Push = (start: number, end: number, kind: SpanKind) => number;

/** Something that starts at a token's first byte; returns its end, or 0. */
function tokenAt(bytes: Uint8Array, i: number, to: number, kind: number, push: Push): number {
  if (kind === letter) {
    const end = secretAt(bytes, i, to);
    if (end > 0) return push(i, end, "secret");
    if ((bytes[i]! | 32) === 98 && bearerAt(bytes, i, to)) return push(named.start, named.end, "secret");
    if (i + 3 < to && isLetter(bytes[i + 1]!) && isDigit(bytes[i + 2]!) && isDigit(bytes[i + 3]!)) {
      const end = ibanAt(bytes, i, to);
      if (end > 0) return push(i, end, "iban");
    }
    return isHex(bytes[i]!) ? ipv6At(bytes, i, to, push) : 0;
  }
  if (kind === colon) return bytes[i + 1] === 58 ? ipv6At(bytes, i, to, push) : 0;
  const six = ipv6At(bytes, i, to, push);
  return six > 0 ? six : numberAt(bytes, i, to, push);
}

/** The value after the name of a secret, or user and password in an address; returns its end, or 0. */
function namedAt(bytes: Uint8Array, i: number, from: number, to: number, push: Push): number {
  const found = (mayEndName(bytes, i, from) && namedSecretAt(bytes, i, from, to)) || userInfoAt(bytes, i, to);
  return found ? push(named.start, named.end, "secret") : 0;
}

function pemAt(bytes: Uint8Array, i: number, to: number, push: Push): number {
  if (bytes[i + 4] !== 45 || bytes[i + 5] !== 66) return 0;
  const end = privateKeyAt(bytes, i, to);
  return end > 0 ? push(i, end, "secret") : 0;
}

function emailAround(bytes: Uint8Array, atSign: number, floor: number, to: number): readonly [number, number] {
  let start = atSign;
  while (start > floor && atSign - start < 64 && isLocal(bytes[start - 1]!)) start--;
  while (start < atSign && bytes[start] === 46) start++;
  if (start === atSign) return [0, 0];
  let end = atSign + 1;
  let lastDot = -1;
  while (
    end < to &&
    end - atSign < 254 &&
    (isWord(bytes[end]!) || bytes[end] === 45 || (bytes[end] === 46 && bytes[end - 1] !== 46))
  ) {
    if (bytes[end] === 46) lastDot = end;
    end++;
  }
  while (end > atSign && (bytes[end - 1] === 46 || bytes[end - 1] === 45)) end--;
  if (lastDot >= end - 1) lastDot = bytes.lastIndexOf(46, end - 2);
  return lastDot > atSign + 1 && end - lastDot > 2 && isLetter(bytes[lastDot + 1]!) ? [start, end] : [0, 0];
}

function secretAt(bytes: Uint8Array, i: number, to: number): number {
  for (const { prefix, lengthMin } of secretsFrom[bytes[i]!]!) {
    if (i + prefix.length + lengthMin > to) continue;
    let k = 0;
    while (k < prefix.length && bytes[i + k] === prefix[k]) k++;
    if (k < prefix.length) continue;
    let end = i + prefix.length;
    while (end < to && end - i < spanLengthMax && isToken(bytes[end]!)) end++;
    if (end - i - prefix.length >= lengthMin) return end;
  }
  return 0;
}

function ibanAt(bytes: Uint8Array, i: number, to: number): number {
  let end = i;
  let characters = 0;
  while (end < to && characters < 34) {
    if (isWord(bytes[end]!)) characters++;
    else if (bytes[end] !== 32 || (characters & 3) !== 0 || end + 1 >= to || !isWord(bytes[end + 1]!)) break;
    end++;
  }
  for (; end > i && characters >= 15; end--) {
    if (bytes[end - 1] === 32) continue;
    if ((end >= to || !isWord(bytes[end]!)) && ibanValid(bytes, i, end)) return end;
    characters--;
  }
  return 0;
}

/** Hex groups with colons: at least two colons, and eight groups or a `::`. MAC addresses and clock times are neither. */
function ipv6At(bytes: Uint8Array, i: number, to: number, push: Push): number {
  let end = i;
  let groups = 0;
  let size = 0;
  let double = false;
  while (end < to && end - i < 46) {
    const c = bytes[end]!;
    if (isHex(c)) {
      if (size === 0) groups++;
      if (++size > 4) return 0;
    } else if (c === 58 && (end > i || bytes[end + 1] === 58)) {
      if (bytes[end + 1] === 58 && !double) {
        double = true;
        end++;
      } else if (bytes[end - 1] === 58 || end + 1 >= to || !isHex(bytes[end + 1]!)) break;
      size = 0;
    } else break;
    end++;
  }
  if (end < to && isWord(bytes[end]!)) return 0;
  const whole = groups === 8 || (double && groups >= 2 && groups < 8 && end - i >= 6);
  return whole ? push(i, end, "ip") : 0;
}

/** A run of digits with the separators numbers are written with; decides what kind of number it is. */
function numberAt(bytes: Uint8Array, i: number, to: number, push: Push): number {
  let end = i;
  let lastDigit = i;
  let slash = false;
  while (end < to && end - i < 32) {
    const c = bytes[end]!;
    if (isDigit(c)) lastDigit = end + 1;
    else if (!isSeparator(c) && !(c === 43 && end === i)) {
      slash = c === 47 || c === 58;
      break;
    }
    // Two separators in a row end the number, except around brackets: "+46 (0)8 …".
    if (end > i && isSeparator(c) && isSeparator(bytes[end - 1]!) && c !== 40 && bytes[end - 1] !== 41) break;
    end++;
  }
  const stop = lastDigit;
  let digits = 0;
  let groups = 0;
  let dots = 0;
  let dashes = 0;
  let spaces = 0;
  let brackets = 0;
  for (let k = i; k < stop; k++) {
    const c = bytes[k]!;
    if (isDigit(c)) {
      if (k === i || !isDigit(bytes[k - 1]!)) groups++;
      digits++;
    } else if (c === 46) dots++;
    else if (c === 45) dashes++;
    else if (c === 32) spaces++;
    else if (c !== 43) brackets++;
  }
  const extension = stop < to && bytes[stop] === 120 && stop + 1 < to && isDigit(bytes[stop + 1]!);
  if (stop < to && isWord(bytes[stop]!) && !extension) return 0;
  if (dots === 3 && groups === 4 && dashes + spaces + brackets === 0 && isIpv4(bytes, i, stop))
    return push(i, stop, "ip");
  const card = cardDigits(bytes, i, stop);
  if (card >= 12 && card <= 19 && dots === 0) return push(i, stop, "card");
  if (dashes === 2 && groups === 3 && digits === 9 && isSsn(bytes, i, stop)) return push(i, stop, "ssn");
  if (slash) return 0;
  const international = bytes[i] === 43;
  const separated = groups >= 2 && (dashes > 0 || spaces > 0 || brackets > 0 || dots >= 2);
  const decimal = dots === 1 && dashes + spaces + brackets === 0;
  const plain = groups === 1 && digits === 10 && bytes[i] !== 49;
  const phone =
    digits >= 7 &&
    digits <= 15 &&
    !decimal &&
    !isDate(bytes, i, digits, dashes, groups) &&
    (international || separated || plain);
  if (!phone) return 0;
  let last = stop;
  if (extension) for (last = stop + 1; last < to && isDigit(bytes[last]!); ) last++;
  return push(i, last, "phone");
}

/** `2026-11-23`, alone or before a time. */
function isDate(bytes: Uint8Array, i: number, digits: number, dashes: number, groups: number): boolean {
  return (
    dashes >= 2 &&
    groups >= 3 &&
    digits >= 8 &&
    bytes[i + 4] === 45 &&
    bytes[i + 7] === 45 &&
    (bytes[i] === 49 || bytes[i] === 50)
  );
}

function isSsn(bytes: Uint8Array, i: number, end: number): boolean {
  return end - i === 11 && bytes[i + 3] === 45 && bytes[i + 6] === 45;
}

function isIpv4(bytes: Uint8Array, i: number, end: number): boolean {
  let value = 0;
  let size = 0;
  for (let k = i; k <= end; k++) {
    if (k === end || bytes[k] === 46) {
      if (size === 0 || size > 3 || value > 255) return false;
      value = 0;
      size = 0;
    } else {
      value = value * 10 + bytes[k]! - 48;
      size++;
    }
  }
  return true;
}

const isEscape = (c: number): boolean => c === 110 || c === 114 || c === 116 || c === 98 || c === 102;
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isLetter = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
const isWord = (c: number): boolean => isDigit(c) || isLetter(c) || c === 95;
const isHex = (c: number): boolean => isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102);
const isToken = (c: number): boolean => isWord(c) || c === 45 || c === 46 || c === 47 || c === 43 || c === 61;
const isLocal = (c: number): boolean => isWord(c) || c === 46 || c === 43 || c === 45 || c === 37 || c >= 0x80;
const isSeparator = (c: number): boolean => c === 32 || c === 45 || c === 46 || c === 40 || c === 41;
