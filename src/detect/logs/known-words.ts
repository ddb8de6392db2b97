// The few words whose meaning decides whether a fragment of a log line is a variable.
import { hashOf } from "./codes.ts";

const hashes = (words: string): ReadonlySet<number> => new Set(words.split(" ").map(hashOf));

/** Values by nature, whatever stands around them (compared in lower case). */
export const VALUES = hashes("true false null none nan nil root admin");
export const WEEKDAYS = hashes("mon tue wed thu fri sat sun");
export const MONTHS = hashes("jan feb mar apr may jun jul aug sep oct nov dec");
export const SIZE_UNITS = hashes("b kb mb gb tb kib mib gib tib");
export const TIME_UNITS = hashes("ns us ms s sec secs second seconds min minutes");
/** Words after which a name stands. */
export const BEFORE_NAMES = hashes("user username host hostname");
/** Last labels of host names beside the two-letter ones. */
export const TOP_LEVELS = hashes("com net org edu gov mil int info local internal arpa cloud svc lan");
/** Endings of source files: `x.py:12` is a place in one, not a port. */
export const SOURCE_ENDINGS = hashes(
  "py c h cc cpp hpp cu cuh go rs js mjs ts tsx java scala kt rb php swift pl sh lua",
);
