// Numbers in text that are somebody's: IPv4 addresses, payment cards, US social security numbers, phone numbers.
import { isDigit, isHex, isSeparator, isWord } from "./characters.ts";
import { cardDigits, type SpanKind } from "./spans.ts";

/** Out-parameters of what looks for something, since that runs at every word. */
export const found = {
  kind: "secret" as SpanKind,
  /** Set by {@link numberAt} when it finds nothing: no number begins before this position either. */
  ruledOutTo: 0,
};

/** Bytes of a number with its separators at most. */
const RUN_MAX = 32;
/** What a separator of digits adds to the counts of {@link numberAt}. */
const separators = new Int32Array(256);
separators[46] = 1;
separators[45] = 1 << 8;
separators[32] = 1 << 16;
separators[40] = separators[41] = 1 << 24;

/** A run of digits with the separators numbers are written with; decides what kind of number it is. Returns its end, or 0. */
export function numberAt(bytes: Uint8Array, i: number, to: number): number {
  const limit = Math.min(to, i + RUN_MAX);
  let end = i;
  let stop = i;
  let slash = false;
  let digits = 0;
  let groups = 0;
  // Separators so far, each kind in eight bits of its own: dots, dashes, spaces, brackets; and those before the last digit.
  let seen = 0;
  let counted = 0;
  let wasDigit = false;
  let lastGroup = i;
  for (; end < limit; end++) {
    const c = bytes[end]!;
    if (c >= 48 && c <= 57) {
      if (!wasDigit) {
        groups++;
        lastGroup = end;
      }
      digits++;
      stop = end + 1;
      counted = seen;
      wasDigit = true;
      continue;
    }
    const one = separators[c]!;
    if (one === 0) {
      if (c === 43 && end === i) continue;
      slash = c === 47 || c === 58;
      break;
    }
    // Two separators in a row end the number, except around brackets: "+46 (0)8 …".
    if (end > i && !wasDigit && isSeparator(bytes[end - 1]!) && c !== 40 && bytes[end - 1] !== 41) break;
    seen += one;
    wasDigit = false;
  }
  const dots = counted & 255;
  if (digits < 7 && dots < 3) {
    // No part of the run is more than the whole, unless the run goes on; its last digits may begin an IPv6 address.
    const goesOn = stop < to && (bytes[stop] === 58 || isHex(bytes[stop]!));
    if (end - i < RUN_MAX) found.ruledOutTo = goesOn ? lastGroup : stop;
    return 0;
  }
  const dashes = (counted >> 8) & 255;
  const spaces = (counted >> 16) & 255;
  const brackets = counted >> 24;
  const extension = stop < to && bytes[stop] === 120 && stop + 1 < to && isDigit(bytes[stop + 1]!);
  if (stop < to && isWord(bytes[stop]!) && !extension) return 0;
  if (dots === 3 && groups === 4 && dashes + spaces + brackets === 0 && isIpv4(bytes, i, stop)) {
    found.kind = "ip";
    return stop;
  }
  if (digits >= 12 && digits <= 19 && dots === 0 && cardDigits(bytes, i, stop) > 0) {
    found.kind = "card";
    return stop;
  }
  if (dashes === 2 && groups === 3 && digits === 9 && isSsn(bytes, i, stop)) {
    found.kind = "ssn";
    return stop;
  }
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
  found.kind = "phone";
  return last;
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
