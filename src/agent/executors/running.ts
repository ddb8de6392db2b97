// Which process a number means now: numbers come again, start times do not.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Running {
  readonly pid: number;
  /** Changes when the number is given to another process. */
  readonly start: string;
  /** Arguments with spaces between. */
  readonly commandLine: string;
  /** Whether it leads its process group, so that the group is its own. */
  readonly leads: boolean;
}

/** Undefined: no such process, or one that has ended and waits to be reaped. */
export function processOf(pid: number): Running | undefined {
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

export function isSame(process: Running): boolean {
  return processOf(process.pid)?.start === process.start;
}

function fromProc(pid: number): Running | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, , group] = fields;
    const start = fields[19];
    if (state === "Z" || state === "X" || start === undefined) return undefined;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return { pid, start, commandLine, leads: Number(group) === pid };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): Running | undefined {
  try {
    const args = ["-ww", "-p", String(pid), "-o", "stat=", "-o", "pgid=", "-o", "lstart=", "-o", "args="];
    const said = execFileSync("/bin/ps", args, { encoding: "utf8", env: { LC_ALL: "C" }, timeout: 5000 });
    const parts = /^\s*(\S+)\s+(\d+)\s+(\w{3} \w{3} +\d+ [\d:]+ \d{4})\s+(.*)$/m.exec(said);
    if (parts === null || parts[1]!.startsWith("Z")) return undefined;
    return { pid, start: parts[3]!, commandLine: parts[4]!.trim(), leads: Number(parts[2]) === pid };
  } catch {
    return undefined;
  }
}
