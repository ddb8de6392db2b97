// What each UTF-16 code is to the scanner, and small hashes over codes.

export const LETTER = 0;
export const DIGIT = 1;
/** Ends a token: white space. */
export const BLANK = 2;
/** Ends a chunk: what cannot stand inside a path, host name or number. */
export const STOP = 3;
/** Stands between the fragments of a chunk, as the dots of a version do. */
export const JOINT = 4;
export const SLASH = 5;

const classes = new Uint8Array(128);
for (let c = 0; c <= 32; c++) classes[c] = BLANK;
for (let c = 48; c < 58; c++) classes[c] = DIGIT;
for (const c of ",!;:=|\"'[](){}<>") classes[c.charCodeAt(0)] = STOP;
for (const c of ".-+@#$%&") classes[c.charCodeAt(0)] = JOINT;
for (const c of "/\\") classes[c.charCodeAt(0)] = SLASH;

export function classOf(code: number): number {
  return code < 128 ? classes[code]! : LETTER;
}

/** FNV-1a, one step. */
export function step(hash: number, code: number): number {
  return Math.imul(hash ^ code, 16777619);
}

export const HASH_START = -2128831035;

export function hashOf(text: string): number {
  let hash = HASH_START;
  for (let i = 0; i < text.length; i++) hash = step(hash, text.charCodeAt(i));
  return hash;
}

/** Spreads a hash over all bits (the finaliser of MurmurHash3), with the position it stands at mixed in. */
export function placed(hash: number, position: number): number {
  let h = hash ^ Math.imul(position + 1, -1640531527);
  h = Math.imul(h ^ (h >>> 16), -2048144789);
  h = Math.imul(h ^ (h >>> 13), -1028477387);
  return h ^ (h >>> 16);
}

/** Whether all codes are hexadecimal digits. */
export function isHex(text: string, from: number, end: number): boolean {
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i) | 32;
    if (!((code >= 48 && code < 58) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}
