// 64-bit numbers, in two halves, as text and as JavaScript numbers.

/** Decimal text of a signed 64-bit integer. */
export function int64Text(low: number, high: number): string {
  if (high === low >> 31) return String(low);
  const value = high * 4294967296 + (low >>> 0);
  if (Number.isSafeInteger(value)) return String(value);
  return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)));
}

/** A signed 64-bit integer as the nearest double. */
export function int64Number(low: number, high: number): number {
  return high * 4294967296 + (low >>> 0);
}

/**
 * Text of a double as an attribute value: the shortest that reads back the same, in ECMAScript's notation, which is
 * also what the collector writes; `NaN`, `Infinity` and `-Infinity` as they are called in JSON-encoded protobuf.
 */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** A fixed64 of nanoseconds as milliseconds; exact to a fraction of a microsecond. */
export function unixMs(low: number, high: number): number {
  return ((high >>> 0) * 4294967296 + (low >>> 0)) / 1e6;
}
