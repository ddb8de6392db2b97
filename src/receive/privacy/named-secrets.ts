// Secrets that are known by what stands before them: `password=…`, `"api_key": "…"`, `?sig=…`, `://user:…@`, PEM keys.
import { spanLengthMax } from "./spans.ts";

/** Names after which any value is a secret. */
const strongNames = [
  "password",
  "passwd",
  "pwd",
  "passphrase",
  "secret",
  "client_secret",
  "api_key",
  "apikey",
  "api-key",
  "x-api-key",
  "access_key",
  "secret_key",
  "secret_access_key",
  "aws_secret_access_key",
  "access_token",
  "refresh_token",
  "id_token",
  "auth_token",
  "session_token",
  "bearer_token",
  "private_key",
  "account_key",
  "accountkey",
  "sharedaccesskey",
  "authorization",
  "x-amz-signature",
  "x-amz-credential",
  "x-amz-security-token",
  "x-goog-signature",
  "hf_token",
];
/** Names that also stand before counts and ordinary words: the value must look like a secret. */
const weakNames = ["token", "key", "sig", "signature", "auth", "code", "cookie", "session"];
const strong = new Set(strongNames);
const weak = new Set(weakNames);
/** Last three letters of all names: most names before a `:` or `=` end in none of them, and cost no more than that. */
const endings = new Set(
  [...strongNames, ...weakNames].map((name) =>
    endingOf(
      [...name].map((c) => c.charCodeAt(0)),
      name.length,
    ),
  ),
);
/** Bytes that can stand before the `:` or `=`: last letters, in either case, and quotes. */
const nameEnds = new Uint8Array(256);
for (const name of [...strongNames, ...weakNames, '"', "'", "\\"])
  for (const last of [name.slice(-1), name.slice(-1).toUpperCase()]) nameEnds[last.charCodeAt(0)] = 1;
const NAME_BYTES_MAX = Math.max(...strongNames.map((name) => name.length));
const WEAK_VALUE_MIN = 12;
const BEARER_MIN = 16;
const latin1 = new TextDecoder("latin1");

/** Out-parameters of the functions below. */
export const named = { start: 0, end: 0 };

/** Whether a name may end before `i`: most often not, and one look tells. */
export function mayEndName(bytes: Uint8Array, i: number, from: number): boolean {
  return i > from && nameEnds[bytes[i - 1]!] === 1;
}

/**
 * Whether the `=` or `:` at `i` has the name of a secret before it; sets {@link named} to its value. Looks back no
 * further than a name is long, and forward no further than the value.
 */
export function namedSecretAt(bytes: Uint8Array, i: number, from: number, to: number): boolean {
  let nameEnd = i;
  while (nameEnd > from && i - nameEnd < 3 && isFrame(bytes[nameEnd - 1]!)) nameEnd--;
  if (nameEnd - from < 3 || !endings.has(endingOf(bytes, nameEnd))) return false;
  let nameStart = nameEnd;
  while (nameStart > from && nameEnd - nameStart <= NAME_BYTES_MAX && isName(bytes[nameStart - 1]!)) nameStart--;
  const length = nameEnd - nameStart;
  if (length < 3 || length > NAME_BYTES_MAX) return false;
  const name = latin1.decode(bytes.subarray(nameStart, nameEnd)).toLowerCase();
  const isStrong = strong.has(name) || strong.has(suffixOf(name));
  if (!isStrong && !weak.has(name)) return false;
  let at = i + 1;
  while (at < to && at - i < 4 && (bytes[at] === 0x20 || isFrame(bytes[at]!))) at++;
  at = afterScheme(bytes, at, to);
  let end = at;
  let digits = 0;
  // What stands before a further `=` may be a name again, and is read but once.
  while (end < to && end - at < spanLengthMax && isValue(bytes[end]!) && (isStrong || !isPathMark(bytes[end]!))) {
    if (bytes[end]! >= 0x30 && bytes[end]! <= 0x39) digits++;
    end++;
  }
  if (end === at) return false;
  if (!isStrong && (end - at < WEAK_VALUE_MIN || digits === 0 || digits === end - at)) return false;
  named.start = at;
  named.end = end;
  return true;
}

/** Whether `://user:password@` stands at the `:` of `i`; sets {@link named} to user and password. */
export function userInfoAt(bytes: Uint8Array, i: number, to: number): boolean {
  if (bytes[i] !== 0x3a || bytes[i + 1] !== 0x2f || bytes[i + 2] !== 0x2f) return false;
  let colon = 0;
  for (let at = i + 3; at < to && at - i < 300; at++) {
    const c = bytes[at]!;
    if (c === 0x3a) colon ||= at;
    else if (c === 0x40) {
      if (colon === 0) return false;
      named.start = i + 3;
      named.end = at;
      return true;
    } else if (c <= 0x20 || c === 0x2f || c === 0x3f || c === 0x23 || c === 0x22) return false;
  }
  return false;
}

/** End of a PEM private key that begins at `i`, 0 if none does. One cut off ends where the text does. */
export function privateKeyAt(bytes: Uint8Array, i: number, to: number): number {
  const head = latin1.decode(bytes.subarray(i, Math.min(to, i + 64)));
  if (!head.startsWith("-----BEGIN ") || !/^-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY/.test(head)) return 0;
  const rest = latin1.decode(bytes.subarray(i, Math.min(to, i + 4 * spanLengthMax)));
  const foot = rest.indexOf("-----END ");
  if (foot < 0) return i + rest.length;
  const close = rest.indexOf("-----", foot + 9);
  return close < 0 || close > foot + 64 ? i + foot + 9 : i + close + 5;
}

/** Whether `Bearer` and a token stand at `i`; sets {@link named} to the token. */
export function bearerAt(bytes: Uint8Array, i: number, to: number): boolean {
  if ((bytes[i]! | 32) !== 0x62 || i + 7 + BEARER_MIN > to || bytes[i + 6] !== 0x20 || afterScheme(bytes, i, to) === i)
    return false;
  let end = i + 7;
  while (end < to && end - i < spanLengthMax && isValue(bytes[end]!)) end++;
  named.start = i + 7;
  named.end = end;
  return end - named.start >= BEARER_MIN;
}

/** What follows the first word of prefixed names: `AZURE_OPENAI_API_KEY`, `db.password`, `spring-datasource-password`. */
function suffixOf(name: string): string {
  for (const known of strongNames) {
    if (!name.endsWith(known) || name.length === known.length) continue;
    const before = name.charCodeAt(name.length - known.length - 1);
    if (before === 0x5f || before === 0x2d || before === 0x2e) return known;
  }
  return "";
}

/** Position after `Bearer `, `Basic ` or `Token `, if one stands here. */
function afterScheme(bytes: Uint8Array, at: number, to: number): number {
  if (at + 8 > to) return at;
  const head = latin1.decode(bytes.subarray(at, at + 7)).toLowerCase();
  if (head === "bearer ") return at + 7;
  return head.startsWith("basic ") || head.startsWith("token ") ? at + 6 : at;
}

/** Names of parameters and modules have dots. */
const isPathMark = (c: number): boolean => c === 0x3d || c === 0x2e;

function endingOf(bytes: ArrayLike<number>, end: number): number {
  return ((bytes[end - 3]! | 32) << 16) | ((bytes[end - 2]! | 32) << 8) | (bytes[end - 1]! | 32);
}

/** A quote, escaped or not, between name, separator and value. */
const isFrame = (c: number): boolean => c === 0x22 || c === 0x27 || c === 0x5c;
const isName = (c: number): boolean =>
  (c >= 0x30 && c <= 0x39) ||
  (c >= 0x41 && c <= 0x5a) ||
  (c >= 0x61 && c <= 0x7a) ||
  c === 0x5f ||
  c === 0x2d ||
  c === 0x2e;
/** Values end at space, quotes, separators of queries and lists, and closing brackets. */
const isValue = (c: number): boolean =>
  c > 0x20 &&
  c !== 0x22 &&
  c !== 0x27 &&
  c !== 0x5c &&
  c !== 0x26 &&
  c !== 0x2c &&
  c !== 0x3b &&
  c !== 0x29 &&
  c !== 0x7d &&
  c !== 0x5d &&
  c !== 0x60 &&
  c !== 0x3c &&
  c !== 0x3e;
