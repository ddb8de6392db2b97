// What the scan finds, and the check sums that tell a card or an account from any other long number.

export const spanKinds = ["email", "ip", "card", "iban", "ssn", "phone", "secret"] as const;
export type SpanKind = (typeof spanKinds)[number];

/** Bytes `[start, end)` of the scanned array. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: SpanKind;
}

/** A token longer than this is cut there: nothing the scan looks for is longer. */
export const spanLengthMax = 4096;

/** Digits in `bytes[from, to)` if they satisfy Luhn's check sum (ISO/IEC 7812-1), else 0. */
export function cardDigits(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  let digits = 0;
  for (let i = to - 1; i >= from; i--) {
    const value = bytes[i]! - 48;
    if (value < 0 || value > 9) continue;
    sum += digits % 2 === 0 ? value : value * 2 - (value > 4 ? 9 : 0);
    digits++;
  }
  return sum % 10 === 0 ? digits : 0;
}

/** Check digits of an IBAN (ISO 13616, MOD 97-10). Spaces are passed over; letters of either case. */
export function ibanValid(bytes: Uint8Array, from: number, to: number): boolean {
  let remainder = 0;
  let characters = 0;
  const add = (c: number): void => {
    if (c === 32) return;
    characters++;
    if (c <= 57) remainder = (remainder * 10 + c - 48) % 97;
    else remainder = (remainder * 100 + (c | 32) - 87) % 97;
  };
  let head = from;
  for (let seen = 0; head < to && seen < 4; head++) if (bytes[head] !== 32) seen++;
  for (let i = head; i < to; i++) add(bytes[i]!);
  for (let i = from; i < head; i++) add(bytes[i]!);
  return characters >= 15 && characters <= 34 && remainder === 1;
}
