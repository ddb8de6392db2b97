// Stack traces folded to one line: what went wrong and the innermost frames, without what differs from run to run.

export interface FoldedTrace {
  readonly language: "python" | "java" | "go" | "javascript" | "c++";
  /** Exception and message, as the runtime prints it. */
  readonly error: string;
  /** Innermost first, `file:function` or what the language has, without lines and addresses; at most {@link MAX_FRAMES}. */
  readonly frames: readonly string[];
  /** Frames there were, kept or not. */
  readonly depth: number;
}

export const MAX_FRAMES = 8;
const MAX_LINES = 2000;
const MAX_LINE = 500;

/** The trace in this text of several lines, undefined where there is none. Of chained exceptions, the last printed. */
export function foldTrace(text: string): FoldedTrace | undefined {
  if (!text.includes("\n")) return undefined;
  const lines = text.split("\n", MAX_LINES).map((line) => line.slice(0, MAX_LINE).trimEnd());
  return python(lines) ?? go(lines) ?? cpp(lines) ?? java(lines) ?? javascript(lines);
}

/** One line for the template book: a trace is one event, however deep. */
export function traceLine(trace: FoldedTrace): string {
  return `${trace.error} | ${trace.frames.join(" < ")}`;
}

function python(lines: readonly string[]): FoldedTrace | undefined {
  const start = lines.findLastIndex((line) => line.includes("Traceback (most recent call last):"));
  if (start < 0) return undefined;
  // Loggers put a prefix before every line; it is as long as what stands before the first.
  const prefix = lines[start]!.indexOf("Traceback");
  const frames: string[] = [];
  let error = "";
  for (const line of lines.slice(start + 1)) {
    const frame = /File "([^"]*)", line \d+(?:, in (.*))?/.exec(line);
    if (frame !== null) frames.push(`${base(frame[1]!)}:${frame[2] ?? "?"}`);
    else if (line.length > prefix && line[prefix] !== " " && /^[\w.]+(?::|$)/.test(line.slice(prefix))) {
      error = line.slice(prefix);
      break;
    }
  }
  return frames.length === 0 ? undefined : folded("python", error, frames.reverse());
}

function java(lines: readonly string[]): FoldedTrace | undefined {
  const frame =
    /^\s+at (?:[\w.-]+\/)?([\w.$<>]+)\((?:[\w$]+\.(?:java|kt|scala)(?::\d+)?|Native Method|Unknown Source)\)/;
  const found = lines.flatMap((line) => frame.exec(line)?.[1] ?? []);
  if (found.length === 0) return undefined;
  const first = lines.findIndex((line) => frame.test(line));
  const cause = lines.findLast((line) => line.startsWith("Caused by: "))?.slice("Caused by: ".length);
  return folded("java", cause ?? lines[first - 1] ?? "", found);
}

function go(lines: readonly string[]): FoldedTrace | undefined {
  const start = lines.findIndex((line) => /^goroutine \d+ \[/.test(line));
  if (start < 0) return undefined;
  const error = lines.slice(0, start).find((line) => /^(panic|fatal error):/.test(line)) ?? lines[start]!;
  const frames: string[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line === "" || line.startsWith("created by ")) break;
    if (!line.startsWith("\t")) frames.push(line.replace(/\([^()]*\)$/, ""));
  }
  return folded("go", error, frames);
}

function cpp(lines: readonly string[]): FoldedTrace | undefined {
  const glog = /^\s*(?:@\s+0x[0-9a-f]+|#\d+:?(?:\s+0x[0-9a-f]+ in)?|frame #\d+:)\s+(.+)$/;
  const found = lines.flatMap((line) => {
    const frame = glog.exec(line)?.[1];
    return frame === undefined ? [] : [frame.replace(/ \+ 0x[0-9a-f]+.*$| \(.*$|\(.*$| at .*$/, "")];
  });
  if (found.length < 2) return undefined;
  const first = lines.findIndex((line) => glog.test(line));
  const error = lines.slice(0, first).findLast((line) => line !== "") ?? "";
  return folded("c++", error, found);
}

function javascript(lines: readonly string[]): FoldedTrace | undefined {
  const frame = /^\s+at (?:(?:async )?(.+?) \()?(?:file:\/\/)?([^()]*?):\d+:\d+\)?$/;
  const found = lines.flatMap((line) => {
    const match = frame.exec(line);
    return match === null ? [] : [`${base(match[2]!)}:${match[1] ?? "?"}`];
  });
  if (found.length === 0) return undefined;
  const first = lines.findIndex((line) => frame.test(line));
  return folded("javascript", lines[first - 1] ?? "", found);
}

function folded(language: FoldedTrace["language"], error: string, frames: readonly string[]): FoldedTrace {
  return { language, error: error.trim(), frames: frames.slice(0, MAX_FRAMES), depth: frames.length };
}

function base(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
