// Failing places in a repository's files, from stack traces and how often each was seen.
import type { StackCount } from "../model/ports/stack-source.ts";
import { parseTrace } from "../model/stack.ts";
import type { Instant } from "../model/time.ts";
import type { FileIndex } from "./paths.ts";

export interface FailingPlace {
  readonly file: string;
  readonly line: number;
  /** Whether it is the innermost frame of the repository's own code. */
  readonly top: boolean;
  /** Traces it stands in since the change. */
  readonly seen: number;
  readonly firstAt: Instant;
  /** The exception, as the runtime prints it. */
  readonly error: string;
}

const framesMax = 12;
const placesMax = 30;

/**
 * Places of traces that are new since the change, or much commoner: at least `riseMin` times as many as before. Innermost frames first,
 * then by how often they were seen.
 */
export function failingPlaces(
  stacks: readonly StackCount[],
  index: FileIndex,
  riseMin: number,
): readonly FailingPlace[] {
  const places = new Map<string, FailingPlace>();
  for (const { text, before, after, firstAt } of stacks) {
    if (after === 0 || after < riseMin * before) continue;
    const trace = parseTrace(text);
    if (trace === undefined) continue;
    const own = trace.frames
      .flatMap(({ file, line }) => {
        const found = file === undefined || line === undefined ? undefined : index.fileOf(file);
        return found === undefined || line === undefined ? [] : [{ file: found, line }];
      })
      .slice(0, framesMax);
    // A recursion stands in the trace many times, and is one place.
    const counted = new Set<string>();
    for (const [depth, { file, line }] of own.entries()) {
      const key = `${file}:${line}`;
      if (counted.has(key)) continue;
      counted.add(key);
      const known = places.get(key);
      places.set(key, {
        file,
        line,
        top: depth === 0 || known?.top === true,
        seen: after + (known?.seen ?? 0),
        firstAt: Math.min(firstAt, known?.firstAt ?? Number.POSITIVE_INFINITY),
        error: known?.error ?? trace.error,
      });
    }
  }
  return [...places.values()]
    .sort((a, b) => Number(b.top) - Number(a.top) || b.seen - a.seen || (a.file < b.file ? -1 : 1))
    .slice(0, placesMax);
}
