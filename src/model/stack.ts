// Stack traces in text: what went wrong and where, frame by frame, in the languages that serving is written in.

export interface StackFrame {
  /** `file:function` or what the language has, without lines and addresses. */
  readonly label: string;
  /** Path as the runtime prints it; of Java the one its package says. */
  readonly file?: string;
  /** Starts at 1. */
  readonly line?: number;
}

export interface StackTrace {
  readonly language: "python" | "java" | "go" | "javascript" | "c++";
  /** Exception and message, as the runtime prints it. */
  readonly error: string;
  /** Innermost first. */
  readonly frames: readonly StackFrame[];
}

const MAX_LINES = 2000;
const MAX_LINE = 500;

/**
 * The trace in this text of several lines, undefined where there is none. Of chained exceptions, the last printed.
 * Blind to traces that arrive one line a record, and to frames of native code without debug information.
 */
export function parseTrace(text: string): StackTrace | undefined {
  if (!text.includes("\n")) return undefined;
  const lines = text.split("\n", MAX_LINES).map((line) => line.slice(0, MAX_LINE).trimEnd());
  return python(lines) ?? go(lines) ?? cpp(lines) ?? java(lines) ?? javascript(lines);
}

function python(lines: readonly string[]): StackTrace | undefined {
  const start = lines.findLastIndex((line) => line.includes("Traceback (most recent call last):"));
  if (start < 0) return undefined;
  // Loggers put a prefix before every line; it is as long as what stands before the first.
  const prefix = lines[start]!.indexOf("Traceback");
  const frames: StackFrame[] = [];
  let error = "";
  for (const line of lines.slice(start + 1)) {
    const frame = /File "([^"]*)", line (\d+)(?:, in (.*))?/.exec(line);
    if (frame !== null) frames.push(placed(`${base(frame[1]!)}:${frame[3] ?? "?"}`, frame[1]!, frame[2]));
    else if (line.length > prefix && line[prefix] !== " " && /^[\w.]+(?::|$)/.test(line.slice(prefix))) {
      error = line.slice(prefix);
      break;
    }
  }
  return frames.length === 0 ? undefined : trace("python", error, frames.reverse());
}

function java(lines: readonly string[]): StackTrace | undefined {
  const frame =
    /^\s+at (?:[\w.-]+\/)?([\w.$<>]+)\((?:([\w$]+\.(?:java|kt|scala))(?::(\d+))?|Native Method|Unknown Source)\)/;
  const found = lines.flatMap((line): StackFrame[] => {
    const match = frame.exec(line);
    if (match === null) return [];
    const [, symbol = "", file, number] = match;
    return [file === undefined ? { label: symbol } : placed(symbol, `${packageOf(symbol)}${file}`, number)];
  });
  if (found.length === 0) return undefined;
  const first = lines.findIndex((line) => frame.test(line));
  const cause = lines.findLast((line) => line.startsWith("Caused by: "))?.slice("Caused by: ".length);
  return trace("java", cause ?? lines[first - 1] ?? "", found);
}

/** `com.example.Batcher.step` -> `com/example/`. */
function packageOf(symbol: string): string {
  const parts = symbol.split(".").slice(0, -2);
  return parts.length === 0 ? "" : `${parts.join("/")}/`;
}

function go(lines: readonly string[]): StackTrace | undefined {
  const start = lines.findIndex((line) => /^goroutine \d+ \[/.test(line));
  if (start < 0) return undefined;
  const error = lines.slice(0, start).find((line) => /^(panic|fatal error):/.test(line)) ?? lines[start]!;
  const frames: StackFrame[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line === "" || line.startsWith("created by ")) break;
    const place = /^\t(\S+\.go):(\d+)/.exec(line);
    if (!line.startsWith("\t")) frames.push({ label: line.replace(/\([^()]*\)$/, "") });
    else if (place !== null && frames.length > 0)
      frames[frames.length - 1] = placed(frames.at(-1)!.label, place[1]!, place[2]);
  }
  return trace("go", error, frames);
}

function cpp(lines: readonly string[]): StackTrace | undefined {
  const glog = /^\s*(?:@\s+0x[0-9a-f]+|#\d+:?(?:\s+0x[0-9a-f]+ in)?|frame #\d+:)\s+(.+)$/;
  const found = lines.flatMap((line): StackFrame[] => {
    const frame = glog.exec(line)?.[1];
    if (frame === undefined) return [];
    const label = frame.replace(/ \+ 0x[0-9a-f]+.*$| \(.*$|\(.*$| at .*$/, "");
    const place = /(?:^|[\s(])([\w./+-]+\.(?:cc|cpp|cxx|c|cu|cuh|h|hpp)):(\d+)/.exec(frame);
    return [place === null ? { label } : placed(label, place[1]!, place[2])];
  });
  if (found.length < 2) return undefined;
  const first = lines.findIndex((line) => glog.test(line));
  const error = lines.slice(0, first).findLast((line) => line !== "") ?? "";
  return trace("c++", error, found);
}

function javascript(lines: readonly string[]): StackTrace | undefined {
  const frame = /^\s+at (?:(?:async )?(.+?) \()?(?:file:\/\/)?([^()]*?):(\d+):\d+\)?$/;
  const found = lines.flatMap((line) => {
    const match = frame.exec(line);
    return match === null ? [] : [placed(`${base(match[2]!)}:${match[1] ?? "?"}`, match[2]!, match[3])];
  });
  if (found.length === 0) return undefined;
  const first = lines.findIndex((line) => frame.test(line));
  return trace("javascript", lines[first - 1] ?? "", found);
}

function trace(language: StackTrace["language"], error: string, frames: readonly StackFrame[]): StackTrace {
  return { language, error: error.trim(), frames };
}

function placed(label: string, file: string, line: string | undefined): StackFrame {
  const number = Number(line);
  return { label, file, ...(Number.isSafeInteger(number) && number > 0 ? { line: number } : {}) };
}

function base(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
