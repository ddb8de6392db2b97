// Stack traces folded to one line: what went wrong and the innermost frames, without what differs from run to run.
import { parseTrace, type StackTrace } from "../../model/stack.ts";

export interface FoldedTrace {
  readonly language: StackTrace["language"];
  /** Exception and message, as the runtime prints it. */
  readonly error: string;
  /** Innermost first, `file:function` or what the language has, without lines and addresses; at most {@link MAX_FRAMES}. */
  readonly frames: readonly string[];
  /** Frames there were, kept or not. */
  readonly depth: number;
}

export const MAX_FRAMES = 8;

/** The trace in this text of several lines, undefined where there is none. Of chained exceptions, the last printed. */
export function foldTrace(text: string): FoldedTrace | undefined {
  const trace = parseTrace(text);
  if (trace === undefined) return undefined;
  const { language, error, frames } = trace;
  return { language, error, frames: frames.slice(0, MAX_FRAMES).map(({ label }) => label), depth: frames.length };
}

/** One line for the template book: a trace is one event, however deep. */
export function traceLine(trace: FoldedTrace): string {
  return `${trace.error} | ${trace.frames.join(" < ")}`;
}
