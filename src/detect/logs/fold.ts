// Second look at the atoms of a line, where several of them are one value: URLs, host:port, times, dates, lists.

import { DELIMITER, type Scan, SPACE, VARIABLE, VARIABLE_HASH, WEAK, WORD } from "./atoms.ts";
import { BLANK, classOf } from "./codes.ts";
import { MONTHS, SIZE_UNITS, TIME_UNITS, WEEKDAYS } from "./known-words.ts";

const COLON = 58;

/** Folds in place; the number of atoms only falls. */
export function foldAtoms(text: string, scan: Scan): void {
  let kept = 0;
  for (let i = 0; i < scan.count; i++) {
    move(scan, i, kept);
    kept++;
    const kind = scan.kind[kept - 1]!;
    if (kind === VARIABLE) {
      kept = foldVariable(text, scan, kept);
    } else if (kind === DELIMITER && scan.raw[kept - 1] === 41) {
      kept = foldSize(scan, kept);
    } else if (kind === DELIMITER && scan.raw[kept - 1] === 93) {
      kept = foldList(scan, kept);
    } else if (kind === WORD && TIME_UNITS.has(scan.raw[kept - 1]!)) {
      kept = foldLessThan(scan, kept);
    }
  }
  scan.count = kept;
}

/** The variable just kept, joined with what stands before it. */
function foldVariable(text: string, scan: Scan, kept: number): number {
  const me = kept - 1;
  const start = scan.start[me]!;
  const end = scan.end[me]!;
  if (me >= 2 && isDelimiter(scan, me - 1, COLON)) {
    const before = me - 2;
    const twoSlashes = text.charCodeAt(start) === 47 && text.charCodeAt(start + 1) === 47;
    if (twoSlashes && (scan.kind[before] === WORD || scan.kind[before] === WEAK)) return swallow(scan, before, end);
    // A drive's letter.
    if (text.charCodeAt(start) === 92 && scan.kind[before] === WORD && length(scan, before) === 1)
      return swallow(scan, before, end);
    // Minutes, or the device of a PCI address with its function.
    const pair = end - start === 2 || (end - start === 4 && text.charCodeAt(start + 2) === 46);
    const port = areDigits(text, start, end) && isHost(text, scan.start[before]!, scan.end[before]!);
    if (scan.kind[before] === VARIABLE && (pair || port)) return swallow(scan, before, end);
    if (scan.kind[before] === VARIABLE && hasScheme(text, scan.start[before]!, scan.end[before]!))
      return swallow(scan, before, end);
  }
  if (me >= 2 && scan.kind[me - 2] === VARIABLE) {
    if (isDelimiter(scan, me - 1, 44)) return swallow(scan, me - 2, end);
    if (scan.kind[me - 1] === SPACE && sameKind(text, scan.start[me - 2]!, start, end))
      return swallow(scan, me - 2, end);
  }
  // `HTTP/1.1` behind the path it was asked with.
  if (me >= 2 && scan.kind[me - 1] === DELIMITER && scan.raw[me - 1] === 47 && scan.kind[me - 2] === WORD) {
    if (
      me >= 4 &&
      scan.kind[me - 3] === SPACE &&
      scan.kind[me - 4] === VARIABLE &&
      text.startsWith("HTTP", scan.start[me - 2])
    )
      return swallow(scan, me - 4, end);
  }
  // `Sun Aug 28 16:30:22 2005`.
  if (me >= 4 && scan.kind[me - 1] === SPACE && scan.kind[me - 3] === SPACE && isNamed(scan, me - 2, MONTHS)) {
    if (isNamed(scan, me - 4, WEEKDAYS)) return swallow(scan, me - 4, end);
  }
  if (me >= 2 && scan.kind[me - 1] === SPACE && scan.kind[me - 2] === VARIABLE) {
    const first = text.charCodeAt(scan.start[me - 2]!);
    if (first > 57 && isWeekday(text, scan.start[me - 2]!) && length(scan, me - 2) > 6)
      return swallow(scan, me - 2, end);
  }
  return kept;
}

/** `(18.4 KB)` behind the bytes: the same once more, and left out where it is short. */
function foldSize(scan: Scan, kept: number): number {
  const unit = kept - 2;
  if (unit < 5 || scan.kind[unit] !== WORD || !SIZE_UNITS.has(scan.raw[unit]!)) return kept;
  if (scan.kind[unit - 1] !== SPACE || scan.kind[unit - 2] !== VARIABLE || !isDelimiter(scan, unit - 3, 40))
    return kept;
  return scan.kind[unit - 4] === SPACE && scan.kind[unit - 5] === WORD ? unit - 4 : kept;
}

/** `[1, 2, 3]` is one value however many there are. */
function foldList(scan: Scan, kept: number): number {
  let at = kept - 2;
  let items = 0;
  while (at > 0 && scan.kind[at] === VARIABLE) {
    items++;
    at--;
    if (at > 0 && scan.kind[at] === SPACE && isDelimiter(scan, at - 1, 44)) at -= 2;
    else if (at > 0 && isDelimiter(scan, at, 44)) at--;
    else break;
  }
  if (items < 2 || at < 0 || !isDelimiter(scan, at, 91)) return kept;
  const close = kept - 1;
  scan.end[at + 1] = scan.end[close - 1]!;
  move(scan, close, at + 2);
  return at + 3;
}

/** `<1 sec` is a duration like any other. */
function foldLessThan(scan: Scan, kept: number): number {
  const me = kept - 1;
  if (me < 4 || scan.kind[me - 1] !== SPACE || scan.kind[me - 2] !== VARIABLE) return kept;
  if (!isDelimiter(scan, me - 3, 60) || scan.kind[me - 4] !== SPACE) return kept;
  return swallow(scan, me - 3, scan.end[me]!);
}

function swallow(scan: Scan, at: number, end: number): number {
  scan.kind[at] = VARIABLE;
  scan.hash[at] = VARIABLE_HASH;
  scan.raw[at] = 0;
  scan.end[at] = end;
  return at + 1;
}

function move(scan: Scan, from: number, to: number): void {
  if (from === to) return;
  scan.kind[to] = scan.kind[from]!;
  scan.hash[to] = scan.hash[from]!;
  scan.raw[to] = scan.raw[from]!;
  scan.start[to] = scan.start[from]!;
  scan.end[to] = scan.end[from]!;
}

function isDelimiter(scan: Scan, at: number, code: number): boolean {
  return scan.kind[at] === DELIMITER && scan.raw[at] === code && length(scan, at) === 1;
}

function isNamed(scan: Scan, at: number, names: ReadonlySet<number>): boolean {
  return scan.kind[at] === WORD && length(scan, at) === 3 && names.has(scan.raw[at]!);
}

function length(scan: Scan, at: number): number {
  return scan.end[at]! - scan.start[at]!;
}

/** Has a letter or the three dots of an address. */
function isHost(text: string, from: number, end: number): boolean {
  let dots = 0;
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) dots++;
    else if (classOf(code) === 0) return true;
  }
  return dots === 3;
}

function hasScheme(text: string, from: number, end: number): boolean {
  const at = text.indexOf("://", from);
  return at > from && at < end;
}

/** Two values one after the other that begin with the same letters (a list of names), or a day and a time on it. */
function sameKind(text: string, first: number, second: number, end: number): boolean {
  if (end - second < 5) return false;
  if (text.charCodeAt(first + 4) === 45 && text.charCodeAt(first + 7) === 45 && text.charCodeAt(second + 2) === 58)
    return areDigits(text, first, first + 4) && areDigits(text, second, second + 2);
  for (let i = 0; i < 4; i++) {
    const code = text.charCodeAt(first + i);
    if (code !== text.charCodeAt(second + i) || classOf(code) !== 0) return false;
  }
  return true;
}

function areDigits(text: string, from: number, end: number): boolean {
  for (let i = from; i < end; i++) if (classOf(text.charCodeAt(i)) !== 1) return false;
  return true;
}

/** Three letters and a blank, as `Sun ` begins. */
function isWeekday(text: string, at: number): boolean {
  return classOf(text.charCodeAt(at + 3)) === BLANK && classOf(text.charCodeAt(at + 7)) === BLANK;
}
