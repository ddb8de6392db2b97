// Finds personal data and secrets in UTF-8 text in one pass over its bytes: e-mail and IP addresses, payment cards, IBANs,
// US social security numbers, phone numbers, access keys and tokens, by their own marks or by the name before them. No
// regular expressions, nothing backtracks: most bytes cost one table look-up, and what a trigger starts is bounded in length.
// Blind to names, postal addresses and numbers without any structure; those need "drop" instead of "mask".

import { isDigit, isHex, isLetter, isLocal, isToken, isWord } from "./characters.ts";
import { bearerAt, mayEndName, named, namedSecretAt, privateKeyAt, userInfoAt } from "./named-secrets.ts";
import { found, numberAt } from "./scan-number.ts";
import { secretPrefixes } from "./secrets.ts";
import { ibanValid, type Span, spanLengthMax } from "./spans.ts";

const other = 0;
const digit = 1;
const letter = 2;
const at = 3;
const colon = 4;
/** "+41 …" and "(99) …" begin a phone number. */
const opener = 5;
const backslash = 6;
const equals = 7;
/** Five of them begin a PEM key. */
const dash = 8;

/** Class of each byte. Bytes >= 0x80 count as letters, so that words in other alphabets hold together. */
const classes = new Uint8Array(256);
for (let b = 0; b < 256; b++) {
  if (b >= 48 && b <= 57) classes[b] = digit;
  else if ((b >= 65 && b <= 90) || (b >= 97 && b <= 122) || b >= 0x80) classes[b] = letter;
}
classes[64] = at;
classes[58] = colon;
classes[40] = classes[43] = opener;
classes[92] = backslash;
classes[61] = equals;
classes[45] = dash;

/** Prefixes of secrets by their first byte, in their order. */
const secretsFrom = Array.from({ length: 256 }, (_, byte) => secretPrefixes.filter(({ prefix }) => prefix[0] === byte));
/** Whether a secret begins with these two bytes: first * 256 + second. Few words do. */
const secretPairs = new Uint8Array(65_536);
for (const { prefix } of secretPrefixes) secretPairs[prefix[0]! * 256 + prefix[1]!] = 1;

/** Spans found in `bytes[from, to)`, in order and without overlap. */
export function scanText(bytes: Uint8Array, from: number, to: number): Span[] {
  const spans: Span[] = [];
  let done = from;
  /** Whether a word that starts here is a whole one. */
  let fresh = true;
  for (let i = from; i < to; ) {
    const kind = classes[bytes[i]!]!;
    if (kind === other) {
      fresh = true;
      i++;
      continue;
    }
    if (kind <= letter && (!fresh || (kind === letter && isPlainWord(bytes, i)))) {
      fresh = false;
      do i++;
      while (i < to && isWordClass(classes[bytes[i]!]!));
      continue;
    }
    let start = i;
    let end = 0;
    found.ruledOutTo = 0;
    named.start = -1;
    if (kind === at) {
      [start, end] = emailAround(bytes, i, done, to);
      found.kind = "email";
    } else if (kind === opener) {
      if (i + 1 < to && classes[bytes[i + 1]!] === digit) end = numberAt(bytes, i, to);
    } else if (kind === colon) {
      end = namedAt(bytes, i, from, to);
      if (end === 0 && fresh && bytes[i + 1] === 58) end = ipv6At(bytes, i, to);
    } else if (kind === equals) {
      end = namedAt(bytes, i, from, to);
    } else if (kind === dash) {
      end = pemAt(bytes, i, to);
    } else if (kind === digit) {
      end = startsIpv6(bytes, i) ? ipv6At(bytes, i, to) : 0;
      if (end === 0) end = numberAt(bytes, i, to);
    } else if (kind === letter) end = wordAt(bytes, i, to);
    if (end > 0) {
      // A secret that is known by what stands before it begins later.
      if (named.start >= 0 && found.kind === "secret") start = named.start;
      // A span may begin in what was passed over already (an address before its @): the later, longer one wins.
      while (spans.length > 0 && spans.at(-1)!.end > start) spans.pop();
      spans.push({ start, end, kind: found.kind });
      done = i = end;
      fresh = kind === at || kind === opener;
    } else if (kind === backslash) {
      // In JSON inside the text, the n of "\n" is no beginning of a word, and no part of the address after it.
      i += i + 1 < to && isEscape(bytes[i + 1]!) ? 2 : 1;
      done = i;
      fresh = true;
    } else if (found.ruledOutTo > i) {
      i = found.ruledOutTo;
      fresh = !isWordClass(classes[bytes[i - 1]!]!);
    } else {
      fresh = kind > letter;
      i++;
    }
  }
  return spans;
}

/** Whether nothing {@link wordAt} looks for can begin with these bytes: true of nearly all words. */
function isPlainWord(bytes: Uint8Array, i: number): boolean {
  const first = bytes[i]!;
  // Hex digits may begin an address, b is one of them and may begin "bearer"; an IBAN has digits in third place.
  return !isHex(first) && secretPairs[first * 256 + bytes[i + 1]!] === 0 && classes[bytes[i + 2]!] !== digit;
}

/** Something that starts with a letter; returns its end, or 0. */
function wordAt(bytes: Uint8Array, i: number, to: number): number {
  if (secretPairs[bytes[i]! * 256 + bytes[i + 1]!] === 1) {
    const end = secretAt(bytes, i, to);
    if (end > 0) {
      found.kind = "secret";
      return end;
    }
  }
  if ((bytes[i]! | 32) === 98 && bearerAt(bytes, i, to)) {
    found.kind = "secret";
    return named.end;
  }
  named.start = -1;
  if (
    i + 3 < to &&
    isDigit(bytes[i + 2]!) &&
    isDigit(bytes[i + 3]!) &&
    isLetter(bytes[i]!) &&
    isLetter(bytes[i + 1]!)
  ) {
    const end = ibanAt(bytes, i, to);
    if (end > 0) {
      found.kind = "iban";
      return end;
    }
  }
  return isHex(bytes[i]!) && startsIpv6(bytes, i) ? ipv6At(bytes, i, to) : 0;
}

/** The value after the name of a secret, or user and password in an address; returns its end, or 0. */
function namedAt(bytes: Uint8Array, i: number, from: number, to: number): number {
  if (!(mayEndName(bytes, i, from) && namedSecretAt(bytes, i, from, to)) && !userInfoAt(bytes, i, to)) {
    named.start = -1;
    return 0;
  }
  found.kind = "secret";
  return named.end;
}

function pemAt(bytes: Uint8Array, i: number, to: number): number {
  if (bytes[i + 4] !== 45 || bytes[i + 5] !== 66) return 0;
  found.kind = "secret";
  return privateKeyAt(bytes, i, to);
}

/** Whether the hex digit here is one of at most four before a colon. */
function startsIpv6(bytes: Uint8Array, i: number): boolean {
  let k = i + 1;
  while (k < i + 4 && isHex(bytes[k]!)) k++;
  return bytes[k] === 58;
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
function ipv6At(bytes: Uint8Array, i: number, to: number): number {
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
  if (!whole) return 0;
  found.kind = "ip";
  return end;
}

const isWordClass = (kind: number): boolean => kind === digit || kind === letter;
const isEscape = (c: number): boolean => c === 110 || c === 114 || c === 116 || c === 98 || c === 102;
