// Numbers as decimal text, put straight into bytes: no strings on the way.
import { doubleText } from "./numbers.ts";

/** Bytes that putting a double writes to at most; its text may be shorter. */
export const DOUBLE_TEXT_MAX = 26;

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
/** The four digits of each number below 10,000 as bytes of a word. */
const quads = Int32Array.from({ length: 10_000 }, (_, value) => {
  const digit = (ten: number): number => 48 + (Math.floor(value / ten) % 10);
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});
const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

/**
 * Puts the text of a double at `at` and returns where it ends: the same bytes as {@link doubleText}, many times as fast
 * between 1e-5 and 1e15. There the double times a power of ten below 1e23 has 17 digits before its point and is known
 * exactly as a sum of two doubles (T. J. Dekker, "A floating-point technique for extending the available precision",
 * 1971). Of the decimals that read back as the same double, the shortest is then the one multiple of 100 in reach, else
 * the nearest multiple of 10, else the nearest whole number; where rounding could tip the choice, V8 makes it.
 */
export function putDouble(out: Uint8Array, view: DataView, at: number, value: number): number {
  const size = value < 0 ? -value : value;
  if (!(size >= 1e-5 && size < 1e15)) return putAscii(out, at, doubleText(value));
  let from = at;
  if (value < 0) out[from++] = 45;
  if (size === Math.floor(size)) return putWhole(view, from, size);
  // A decimal of so few digits that reads back as this double is its shortest.
  const tenThousandths = Math.round(size * 1e4);
  if (tenThousandths < 1e9 && tenThousandths / 1e4 === size) return putShort(out, view, from, tenThousandths);
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
  return putScaled(out, view, from, top, bottom, power);
}

/** Puts a whole number below 1e15. Up to three bytes behind it are written over. */
export function putWhole(view: DataView, at: number, value: number): number {
  if (value < 1e8) return putBelow1e8(view, at, value);
  const top = Math.floor(value / 1e8);
  const end = putBelow1e8(view, at, top);
  putEight(view, end, value - top * 1e8);
  return end + 8;
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

/** Puts ten thousandths as a decimal that is not whole. */
function putShort(out: Uint8Array, view: DataView, at: number, tenThousandths: number): number {
  const whole = (tenThousandths / 1e4) | 0;
  const point = putBelow1e8(view, at, whole);
  out[point] = 46;
  view.setInt32(point + 1, quads[tenThousandths - whole * 1e4]!, true);
  let end = point + 5;
  while (out[end - 1] === 48) end--;
  return end;
}

/** Puts `top` (9 digits) and `bottom` (8 digits) as one number with the point `power` digits from its end. */
function putScaled(out: Uint8Array, view: DataView, at: number, top: number, bottom: number, power: number): number {
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
  const head = (top / 1e8) | 0;
  out[first] = 48 + head;
  putEight(view, first + 1, top - head * 1e8);
  let end = first + 9;
  if (bottom !== 0) {
    putEight(view, end, bottom);
    end += 8;
  }
  while (out[end - 1] === 48) end--;
  if (whole > 0) {
    for (let i = 0; i < whole; i++) out[from + i] = out[first + i]!;
    out[from + whole] = 46;
  }
  return end;
}

function putEight(view: DataView, at: number, value: number): void {
  const upper = (value / 1e4) | 0;
  view.setInt32(at, quads[upper]!, true);
  view.setInt32(at + 4, quads[(value - upper * 1e4) | 0]!, true);
}

function putBelow1e8(view: DataView, at: number, value: number): number {
  if (value < 1e4) return putBelow1e4(view, at, value | 0);
  const upper = (value / 1e4) | 0;
  const end = putBelow1e4(view, at, upper);
  view.setInt32(end, quads[(value - upper * 1e4) | 0]!, true);
  return end + 4;
}

/** The zeros before the first digit are shifted out. */
function putBelow1e4(view: DataView, at: number, value: number): number {
  const digits = value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  view.setInt32(at, quads[value]! >>> (32 - digits * 8), true);
  return at + digits;
}

/** The upper 26 bits of a double's 53 (Veltkamp's split). */
function highHalf(value: number): number {
  const scaled = SPLIT * value;
  return scaled - (scaled - value);
}
