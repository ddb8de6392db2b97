// The audit log: who asked for what, what was allowed, done or refused. Append-only JSON lines, each on disk before the next.
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type Lines, openLines } from "./lines.ts";

export interface AuditLine {
  readonly event: string;
  readonly says?: string;
  readonly id?: string;
  readonly from?: string;
  readonly action?: string;
  readonly target?: string;
  readonly key?: string;
  readonly [more: string]: unknown;
}

export interface Audit {
  /** Throws if the disk does not take it: what cannot be written down is not done. */
  write(line: AuditLine): void;
  /** For what anybody can cause: a line a second at most; the others are counted in the next. Never throws. */
  stranger(line: AuditLine): void;
  close(): void;
}

const bytesMax = 16 * 1024 * 1024;
const filesMax = 16;

/** Files `audit.jsonl` (written now), `audit.1.jsonl` (before that), … up to 16 of 16 MiB in the folder. */
export function openAudit(folder: string, now: () => number): Audit {
  const file = join(folder, "audit.jsonl");
  let lines: Lines = openLines(file, 2 * bytesMax);
  let saidAt = Number.NEGATIVE_INFINITY;
  let unsaid = 0;

  function write(line: AuditLine): void {
    if (lines.size() > bytesMax) {
      lines.close();
      moveOn(folder);
      lines = openLines(file, 2 * bytesMax);
    }
    lines.append({ at: new Date(now()).toISOString(), ...line });
  }

  return {
    write,
    stranger(line) {
      if (Math.abs(now() - saidAt) < 1000) {
        unsaid++;
        return;
      }
      try {
        write(unsaid === 0 ? line : { ...line, othersSince: unsaid });
        saidAt = now();
        unsaid = 0;
      } catch {
        unsaid++;
      }
    },
    close: () => lines.close(),
  };
}

/** The oldest makes room. */
function moveOn(folder: string): void {
  const name = (n: number): string => join(folder, n === 0 ? "audit.jsonl" : `audit.${n}.jsonl`);
  for (let n = filesMax - 2; n >= 0; n--) if (existsSync(name(n))) renameSync(name(n), name(n + 1));
}
