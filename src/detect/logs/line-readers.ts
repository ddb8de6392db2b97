// What one log body holds: its message, and a statistics line or kernel event if it is one.
import { type EngineLine, parseEngineLine } from "./engine-lines.ts";
import { type KernelEvent, parseKernelLine } from "./kernel.ts";

export interface ReadLine {
  readonly message: string;
  readonly engine: EngineLine | undefined;
  readonly kernel: KernelEvent | undefined;
}

const messageWithin = 4096;
const field = /"(?:message|msg|MESSAGE|log)"\s*:\s*"((?:[^"\\]|\\.)*)"/;

/** Loggers that write JSON put the message in a field; what stands beside it (time, logger, level) tells nothing of its form. */
export function readLine(body: string): ReadLine {
  const message = body.charCodeAt(0) === 123 ? messageIn(body) : body;
  return { message, engine: parseEngineLine(body), kernel: parseKernelLine(message) };
}

function messageIn(body: string): string {
  const found = field.exec(body.slice(0, messageWithin))?.[1];
  if (found === undefined || found === "") return body;
  try {
    return JSON.parse(`"${found}"`) as string;
  } catch {
    return found;
  }
}
