// The parts a log line is made of, kept in typed arrays that are used again for every line.
import { hashOf } from "./codes.ts";

export const WORD = 0;
export const DELIMITER = 1;
export const SPACE = 2;
export const VARIABLE = 3;
/** A word with a digit or two in it (`eth0`, `L3`): equal to all that differ in digits only, a variable once two were seen. */
export const WEAK = 4;

export const MAX_ATOMS = 256;
export const MAX_CODES = 4096;
export const VARIABLE_HASH = hashOf("<*>");

/** The atoms of the line scanned last. `start` and `end` are offsets of codes; `raw` is the hash before masking. */
export interface Scan {
  count: number;
  /** Whether the line went on after the last atom kept. */
  cut: boolean;
  readonly kind: Uint8Array;
  readonly hash: Int32Array;
  /** Hash in lower case of words, of the text itself for weak words. */
  readonly raw: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
}

export function createScan(): Scan {
  return {
    count: 0,
    cut: false,
    kind: new Uint8Array(MAX_ATOMS),
    hash: new Int32Array(MAX_ATOMS),
    raw: new Int32Array(MAX_ATOMS),
    start: new Int32Array(MAX_ATOMS),
    end: new Int32Array(MAX_ATOMS),
  };
}
