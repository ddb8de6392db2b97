// Numbers as decimal text, put straight into bytes: no strings on the way.
import { doubleText } from "./numbers.ts";

/** Bytes the text of any double takes at most. */
export const DOUBLE_TEXT_MAX = 25;

const TEN_POWER_MAX = 22;
const LOWEST_EXPONENT = -20;
const SPLIT = 134_217_729;
/** What a remainder below 1e8 may be wrong by, with room to spare: nearer to a decision than this, V8 is asked. */
const DOUBT = 1e-6;

/** Powers of ten that are doubles exactly, and each as a sum of two halves of 26 bits. */
const tens = Float64Array.from({ length: TEN_POWER_MAX + 1 }, (_, i) => Number(`1e${i}`));
const tensHigh = tens.map(highHalf);
const tensLow = tens.map((ten, i) => ten - tensHigh[i]!);
/** Half the distance from one double to the next, by exponent from {@link LOWEST_EXPONENT} on. */
const halfSteps = Float64Array.from({ length: 72 }, (_, i) => 2 ** (i + LOWEST_EXPONENT - 53));
const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

/**
 * Puts the text of a double at `at` and returns where it ends: the same bytes as {@link doubleText}, many times as fast
 * between 1e-5 and 1e15. There the double times a power of ten below 1e23 has 17 digits before its point and is known
 * exactly as a sum of two doubles (T. J. Dekker, "A floating-point technique for extending the available precision",
 * 1971). Of the decimals that read back as the same double, the shortest is then the one multiple of 100 in reach, else
 * the nearest multiple of 10, else the nearest whole number; where rounding could tip the choice, V8 makes it.
 */
export function putDouble(out: Uint8Array, at: number, value: number): number {
  const size = value < 0 ? -value : value;
  if (!(size >= 1e-5 && size < 1e15)) return putAscii(out, at, doubleText(value));
  if (size === Math.floor(size)) {
    if (value > 0) return putWhole(out, at, size);
    out[at] = 45;
    return putWhole(out, at + 1, size);
  }
  double[0] = size;
  const exponent = (words[1]! >>> 20) - 1023;
  let power = 16 - Math.floor(exponent * 0.30102999566398114);
  let product = size * tens[power]!;
  if (product >= 1e17) product = size * tens[--power]!;
  const high = highHalf(size);
  const low = size - high;
  const error =
    high * tensHigh[power]! - product + high * tensLow[power]! + low * tensHigh[power]! + low * tensLow[power]!;
  let top = Math.floor(product / 1e8);
  let rest = product - top * 1e8 + error;
  if (rest < 0) {
    top--;
    rest += 1e8;
  }
  const reach = halfSteps[exponent - LOWEST_EXPONENT]! * tens[power]!;
  let bottom = nearestDecimal(rest, reach);
  if (bottom === 1e8) {
    top++;
    bottom = 0;
  }
  if (bottom < 0 || top < 1e8 || top >= 1e9) return putAscii(out, at, doubleText(value));
  let from = at;
  if (value < 0) out[from++] = 45;
  return putScaled(out, from, top, bottom, power);
}

/** Puts a whole number below 1e15. */
export function putWhole(out: Uint8Array, at: number, value: number): number {
  let from = at;
  let rest = value;
  if (value >= 1e8) {
    const top = Math.floor(value / 1e8);
    rest = value - top * 1e8;
    from += digitsOf(top);
    putDigits(out, from, top, from - at);
    putEight(out, from, rest);
    return from + 8;
  }
  from += digitsOf(rest);
  putDigits(out, from, rest, from - at);
  return from;
}

/** Puts characters of ASCII. */
export function putAscii(out: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let i = 0; i < length; i++) out[at + i] = text.charCodeAt(i);
  return at + length;
}

/**
 * The roundest number within `reach` of `rest`, up to 1e8; -1 if that is too close to call. Below a power of two, doubles
 * lie closer than `reach` says, but all of those that come here have fewer than 16 digits and are met exactly.
 */
function nearestDecimal(rest: number, reach: number): number {
  const hundreds = Math.round(rest / 100) * 100;
  let beyond = Math.abs(hundreds - rest) - reach;
  if (beyond < DOUBT) return beyond < -DOUBT ? hundreds : -1;
  const nearestTen = Math.round(rest / 10) * 10;
  const distance = Math.abs(nearestTen - rest);
  beyond = distance - reach;
  if (beyond < DOUBT) return beyond < -DOUBT && distance < 5 - DOUBT ? nearestTen : -1;
  const nearest = Math.round(rest);
  return Math.abs(nearest - rest) < 0.5 - DOUBT ? nearest : -1;
}

/** Puts `top` (9 digits) and `bottom` (8 digits) as one number with the point `power` digits from its end. */
function putScaled(out: Uint8Array, at: number, top: number, bottom: number, power: number): number {
  const whole = 17 - power;
  let from = at;
  if (whole <= 0) {
    out[from] = 48;
    out[from + 1] = 46;
    from += 2;
    for (let i = whole; i < 0; i++) out[from++] = 48;
  }
  // Room for the point: the digits before it move up once they are there.
  const first = whole > 0 ? from + 1 : from;
  const upper = (top / 1e4) | 0;
  const head = (upper / 1e4) | 0;
  out[first] = 48 + head;
  putFour(out, first + 1, upper - head * 1e4);
  putFour(out, first + 5, top - upper * 1e4);
  let end = first + 9;
  if (bottom !== 0) {
    putEight(out, end, bottom);
    end += 8;
  }
  while (out[end - 1] === 48) end--;
  if (whole > 0) {
    for (let i = 0; i < whole; i++) out[from + i] = out[first + i]!;
    out[from + whole] = 46;
  }
  return end;
}

function putEight(out: Uint8Array, at: number, value: number): void {
  const upper = (value / 1e4) | 0;
  putFour(out, at, upper);
  putFour(out, at + 4, (value - upper * 1e4) | 0);
}

function putFour(out: Uint8Array, at: number, value: number): void {
  const upper = (value / 100) | 0;
  const lower = value - upper * 100;
  const tens = (upper / 10) | 0;
  const lowerTens = (lower / 10) | 0;
  out[at] = 48 + tens;
  out[at + 1] = 48 + upper - tens * 10;
  out[at + 2] = 48 + lowerTens;
  out[at + 3] = 48 + lower - lowerTens * 10;
}

/** Puts the last `count` digits of a whole number below 2^31 so that they end at `end`. */
function putDigits(out: Uint8Array, end: number, value: number, count: number): void {
  let rest = value | 0;
  for (let at = end - 1; at >= end - count; at--) {
    const tenth = (rest / 10) | 0;
    out[at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}

/** The upper 26 bits of a double's 53 (Veltkamp's split). */
function highHalf(value: number): number {
  const scaled = SPLIT * value;
  return scaled - (scaled - value);
}
