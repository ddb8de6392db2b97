// What a process and its descendants use, read from /proc (Linux).
import { readdirSync, readFileSync } from "node:fs";

/** Linux tells CPU time in these, whatever the kernel's own clock. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** `pid` and all its descendants that are alive. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statOf(Number(name))?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = statOf(pid) === undefined ? [] : [pid];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

/** User and system seconds of the tree so far, threads and descendants that have ended included. */
export function cpuSecondsOf(pid: number): number {
  return treeOf(pid).reduce((sum, one) => sum + (statOf(one)?.ticks ?? 0), 0) / ticksPerSecond;
}

/** Resident bytes of the tree; pages that processes share count in each. */
export function residentBytesOf(pid: number): number {
  return treeOf(pid).reduce((sum, one) => {
    const pages = /^\d+ (\d+)/.exec(textOf(`/proc/${one}/statm`) ?? "")?.[1];
    return sum + Number(pages ?? 0) * pageBytes;
  }, 0);
}

/** Descendants whose command line contains `part`. */
export function descendants(pid: number, part: string): number[] {
  return treeOf(pid).filter((one) => one !== pid && (textOf(`/proc/${one}/cmdline`) ?? "").includes(part));
}

function statOf(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name, in parentheses, may contain anything; the fields after it do not.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z") return undefined;
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return { parent: Number(fields[1]), ticks: utime! + stime! + cutime! + cstime! };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
