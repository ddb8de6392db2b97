// One pass over the UTF-16 codes of a log line: atoms (words, delimiters, blanks, variables) in typed arrays, nothing
// allocated. Numbers, addresses, hashes, paths, URLs, host names and identifiers become variables here already.
import { DELIMITER, MAX_ATOMS, MAX_CODES, type Scan, SPACE, VARIABLE, VARIABLE_HASH, WEAK, WORD } from "./atoms.ts";
import { BLANK, classOf, DIGIT, HASH_START, isHex, JOINT, LETTER, SLASH, STOP, step } from "./codes.ts";
import { foldAtoms } from "./fold.ts";
import { SOURCE_ENDINGS, TOP_LEVELS, VALUES } from "./known-words.ts";

const SPACE_HASH = 32;

/** Scans `text` into `out`, which it overwrites. At most {@link MAX_CODES} codes and {@link MAX_ATOMS} atoms. */
export function scanLine(text: string, out: Scan): void {
  out.count = 0;
  const length = Math.min(text.length, MAX_CODES);
  out.cut = text.length > MAX_CODES;
  let i = 0;
  while (i < length) {
    if (out.count >= MAX_ATOMS - 1) {
      out.cut = true;
      break;
    }
    const code = text.charCodeAt(i);
    const cls = classOf(code);
    if (cls === BLANK) {
      let end = i + 1;
      while (end < length && classOf(text.charCodeAt(end)) === BLANK) end++;
      if (out.count > 0 && end < length) emit(out, SPACE, SPACE_HASH, i, end);
      i = end;
    } else if (cls === STOP) {
      const standsAlone = code === 40 && text.charCodeAt(i + 1) === 41 && classOf(text.charCodeAt(i - 1)) === BLANK;
      i = run(text, i, length, out);
      // ` ()` is a value in parentheses that happens to be empty; `f()` is not.
      if (standsAlone) emit(out, VARIABLE, VARIABLE_HASH, i, i);
    } else {
      i = chunk(text, i, length, out);
    }
  }
  foldAtoms(text, out);
}

function emit(out: Scan, kind: number, hash: number, start: number, end: number, raw = 0): void {
  const at = out.count;
  if (at >= MAX_ATOMS) {
    out.cut = true;
    return;
  }
  out.kind[at] = kind;
  out.hash[at] = hash;
  out.raw[at] = raw;
  out.start[at] = start;
  out.end[at] = end;
  out.count = at + 1;
}

/** A delimiter with its repetitions (`......`) as one atom. */
function run(text: string, from: number, length: number, out: Scan): number {
  const code = text.charCodeAt(from);
  let end = from + 1;
  let hash = step(HASH_START, code);
  while (end < length && text.charCodeAt(end) === code) {
    hash = step(hash, code);
    end++;
  }
  emit(out, DELIMITER, hash, from, end, code);
  return end;
}

/** What stands between blanks and stops. Decides about it as a whole first, by fragments where that leaves it open. */
function chunk(text: string, from: number, length: number, out: Scan): number {
  let end = from;
  let digits = 0;
  let slashes = 0;
  let dots = 0;
  let upper = 0;
  for (; end < length; end++) {
    const code = text.charCodeAt(end);
    const cls = classOf(code);
    if (cls === BLANK || cls === STOP) break;
    if (cls === DIGIT) digits++;
    else if (cls === SLASH) slashes++;
    else if (code === 46) dots++;
    else if (code >= 65 && code <= 90) upper++;
  }
  if (end - from === 2 && text.charCodeAt(end) === 58) {
    const stop = pairsEnd(text, from, length);
    if (stop > end) {
      emit(out, VARIABLE, VARIABLE_HASH, from, stop);
      return stop;
    }
  }
  if (slashes > 0 && end - from > 1) {
    const path = classOf(text.charCodeAt(from)) === SLASH || text.charCodeAt(from) === 126;
    const asked = queryEnd(text, from, end, length);
    if (path || asked > end || (slashes > 1 && slashes * 2 < end - from)) {
      end = asked;
      const stop = pathEnd(text, from, end);
      emit(out, VARIABLE, VARIABLE_HASH, from, stop);
      pieces(text, stop, end, out);
      return end;
    }
  }
  const port = text.charCodeAt(end) === 58 && classOf(text.charCodeAt(end + 1)) === DIGIT;
  if (dots > 0 && slashes === 0 && isHostName(text, from, end, dots, upper > 0, port)) {
    const stop = pathEnd(text, from, end);
    emit(out, VARIABLE, VARIABLE_HASH, from, stop);
    pieces(text, stop, end, out);
  } else if (digits > 0) {
    numbered(text, from, end, slashes > 0 ? 3 : port && upper === 0 ? 1 : Infinity, out);
  } else {
    pieces(text, from, end, out);
  }
  return end;
}

/** Without the full stop of the sentence. */
function pathEnd(text: string, from: number, end: number): number {
  let stop = end;
  while (stop > from + 1 && text.charCodeAt(stop - 1) === 46) stop--;
  return stop;
}

/**
 * By its last label: a common top level; a country's where there are more dots; any that no source file ends in where a
 * port follows. Capitals only before a common one, since names of classes have them.
 */
function isHostName(text: string, from: number, end: number, dots: number, upper: boolean, port: boolean): boolean {
  const stop = pathEnd(text, from, end);
  let at = stop;
  let hash = HASH_START;
  while (at > from && text.charCodeAt(at - 1) !== 46) at--;
  if (at <= from || classOf(text.charCodeAt(from)) === JOINT) return false;
  for (let i = at; i < stop; i++) {
    const code = text.charCodeAt(i);
    if (code < 97 || code > 122) return false;
    hash = step(hash, code);
  }
  if (isReversed(text, from)) return false;
  if (TOP_LEVELS.has(hash)) return true;
  return !upper && ((stop - at === 2 && dots > 1) || (port && !SOURCE_ENDINGS.has(hash)));
}

/** Behind `?`, a path goes on until a blank or a quote. */
function queryEnd(text: string, from: number, end: number, length: number): number {
  const mark = text.indexOf("?", from);
  if (mark < 0 || mark >= end) return end;
  let stop = end;
  for (; stop < length; stop++) {
    const code = text.charCodeAt(stop);
    if (classOf(code) === BLANK || code === 34 || code === 39) break;
  }
  return stop;
}

/** Where pairs of hexadecimal digits joined by colons end, as in addresses of network cards and PCI buses and in times. */
function pairsEnd(text: string, from: number, length: number): number {
  let end = from;
  let pairs = 0;
  while (end + 2 <= length && isHex(text, end, end + 2)) {
    pairs++;
    end += 2;
    if (text.charCodeAt(end) !== 58) break;
    end++;
  }
  if (text.charCodeAt(end - 1) === 58) end--;
  // The fraction of a second, whichever mark the locale has for it.
  const mark = text.charCodeAt(end);
  if ((mark === 46 || mark === 44) && classOf(text.charCodeAt(end + 1)) === DIGIT) {
    end++;
    while (end < length && classOf(text.charCodeAt(end)) === DIGIT) end++;
  }
  const whole = end >= length || classOf(text.charCodeAt(end)) === BLANK || classOf(text.charCodeAt(end)) === STOP;
  return pairs > 2 && whole ? end : from;
}

/** `org.apache...`, `com.example...`: a package, whatever it ends in. */
function isReversed(text: string, from: number): boolean {
  const head = text.slice(from, from + 4);
  return head === "org." || head === "com." || head === "net.";
}

/**
 * A chunk with digits in it. From the first fragment with strong digits to the last it is one variable; all of it where
 * there are `needed` such fragments (`host-41/10.0.0.7`, or a port behind).
 */
function numbered(text: string, from: number, end: number, needed: number, out: Scan): void {
  let first = -1;
  let last = -1;
  let count = 0;
  let fragments = 0;
  let hex = 0;
  for (let i = from; i < end; ) {
    const stop = fragmentEnd(text, i, end);
    if (stop === i) {
      i++;
      continue;
    }
    fragments++;
    if (isHex(text, i, stop)) hex++;
    if (isStrong(text, i, stop)) {
      if (first < 0) first = i;
      last = stop;
      count++;
    }
    i = stop;
  }
  // UUIDs and digests may begin with a fragment of letters only.
  if (hex === fragments && fragments > 1 && end - from >= 16) {
    first = from;
    last = end;
  }
  if (first < 0) {
    pieces(text, from, end, out);
    return;
  }
  if (count >= needed && last === end && classOf(text.charCodeAt(from)) === LETTER) first = from;
  if (count > 1 || last - first < end - from) {
    // What follows belongs to the value as well, unless it is punctuation: `6.1.26rc1-SNAPSHOT`, `10-0-0-1.ec2`.
    let stop = end;
    while (stop > last && classOf(text.charCodeAt(stop - 1)) === JOINT) stop--;
    if (count > 1 || first === from) last = Math.max(last, stop);
  }
  if (first > from) {
    const before = text.charCodeAt(first - 1);
    // A sign, but not the hyphen of a name.
    if ((before === 45 || before === 43) && first - 1 === from) first--;
    // A name that ends in an underscore was meant to be continued; one with a number goes with the dot behind it.
    else first = continued(text, from, first);
  }
  pieces(text, from, first, out);
  emit(out, VARIABLE, VARIABLE_HASH, first, last);
  pieces(text, last, end, out);
}

function continued(text: string, from: number, first: number): number {
  const joint = text.charCodeAt(first - 1);
  let start = first - 1;
  while (start > from && classOf(text.charCodeAt(start - 1)) < STOP) start--;
  if (start === first - 1) return first;
  if (text.charCodeAt(first - 2) === 95) return start;
  return joint === 46 && classOf(text.charCodeAt(first - 2)) === DIGIT ? start : first;
}

function fragmentEnd(text: string, from: number, end: number): number {
  let i = from;
  while (i < end) {
    const cls = classOf(text.charCodeAt(i));
    if (cls === JOINT || cls === SLASH) break;
    i++;
  }
  return i;
}

/** Starts with a digit, has three, or one behind an underscore (`rank_0` as `rank_100`): no word with a number at its end. */
function isStrong(text: string, from: number, end: number): boolean {
  let digits = 0;
  if (classOf(text.charCodeAt(from)) === DIGIT) return true;
  for (let i = from; i < end; i++) {
    if (classOf(text.charCodeAt(i)) !== DIGIT) continue;
    if (text.charCodeAt(i - 1) === 95) return true;
    digits++;
  }
  return digits > 2 || digits * 2 > end - from;
}

/** Fragments one by one: joints and slashes are delimiters, the rest words, weak words and values. */
function pieces(text: string, from: number, end: number, out: Scan): void {
  let i = from;
  while (i < end) {
    const cls = classOf(text.charCodeAt(i));
    if (cls === JOINT || cls === SLASH) {
      i = run(text, i, end, out);
      continue;
    }
    let stop = i;
    let digits = 0;
    let hash = HASH_START;
    let lower = HASH_START;
    let raw = HASH_START;
    for (; stop < end; stop++) {
      const code = text.charCodeAt(stop);
      const kind = classOf(code);
      if (kind === JOINT || kind === SLASH) break;
      raw = step(raw, code);
      if (kind === DIGIT) {
        // Runs of digits count as one, so that `worker9` and `worker10` are alike.
        if (digits === 0 || classOf(text.charCodeAt(stop - 1)) !== DIGIT) hash = step(hash, 48);
        digits++;
      } else {
        hash = step(hash, code);
        lower = step(lower, kind === LETTER && code >= 65 && code <= 90 ? code + 32 : code);
      }
    }
    if (digits > 0 && isStrong(text, i, stop)) emit(out, VARIABLE, VARIABLE_HASH, i, stop);
    else if (digits > 0) emit(out, WEAK, hash, i, stop, raw);
    else if (VALUES.has(lower) || ((stop - i === 8 || stop - i === 16) && isHex(text, i, stop)))
      emit(out, VARIABLE, VARIABLE_HASH, i, stop);
    else emit(out, WORD, hash, i, stop, lower);
    i = stop;
  }
}
