// Sentences of code evidence. Subjects and messages are others' texts: masked, one line, cut short.
import { oneLine } from "../model/one-line.ts";
import type { Instant } from "../model/time.ts";
import type { Commit } from "./repository.ts";
import type { StaticFinding } from "./sarif.ts";

const subjectMax = 120;
const messageMax = 240;
const nameMax = 100;
const pathMax = 200;

/** `commit 1f2e3d4c5b6a "Admit more" changed scheduler.py:120, the frame at the top of the trace seen 40 times since 12:03 UTC`. */
export function sayTouch(
  { id, subject }: Commit,
  mask: (text: string) => string,
  place: {
    readonly file: string;
    readonly line?: number;
    readonly what?: "line" | "file";
    readonly top?: boolean;
    readonly seen?: number;
    readonly firstAt?: Instant;
  },
): string {
  const commit = `commit ${id.slice(0, 12)} "${oneLine(mask(subject), subjectMax)}"`;
  const file = oneLine(place.file, pathMax);
  if (place.line === undefined || place.seen === undefined || place.firstAt === undefined)
    return `${commit} changed ${file}, which the firing rule is about`;
  const touched =
    place.what === "line" ? `touched ${file}:${place.line}` : `changed ${file}, though not near line ${place.line}`;
  const frame = place.top === true ? "the frame at the top of the trace" : "a frame of the trace";
  const times = place.seen === 1 ? "once, at" : `${place.seen} times since`;
  return `${commit} ${touched}, ${frame} seen ${times} ${clock(place.firstAt)}`;
}

export function sayFinding(
  { tool, rule, level, message, file, line }: StaticFinding,
  mask: (text: string) => string,
): string {
  const path = oneLine(file, pathMax);
  const where = line === undefined ? path : `${path}:${line}`;
  const what = [oneLine(rule, nameMax), oneLine(mask(message), messageMax)].filter((text) => text !== "").join(": ");
  return `${oneLine(tool, nameMax)} (${oneLine(level, nameMax)}) says of ${where}: ${what}`;
}

/** `12:03 UTC` */
function clock(at: Instant): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? `${new Date(at).toISOString().slice(11, 16)} UTC` : "?";
}
