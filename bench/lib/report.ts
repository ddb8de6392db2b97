// How every bench ends: one JSON document as its last line.
import { cpus, totalmem } from "node:os";

export interface Goal {
  readonly figure: string;
  readonly op: ">=" | "<=" | "==" | "<" | ">";
  readonly goal: number;
}

export interface Report {
  readonly bench: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly goals: readonly Goal[];
  /** Figures of rivals run in the same go; empty where there are none. */
  readonly peers?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const holds: Record<Goal["op"], (a: number, b: number) => boolean> = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "==": (a, b) => a === b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
};

/** Prints the report as the last line of stdout. A figure that is missing fails its goal. */
export function printReport(report: Report): void {
  const goals = report.goals.map((goal) => {
    const figure = report.figures[goal.figure];
    return { ...goal, holds: figure !== undefined && holds[goal.op](figure, goal.goal) };
  });
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
  process.stdout.write(
    `${JSON.stringify({ bench: report.bench, figures: report.figures, goals, peers: report.peers ?? {}, machine })}\n`,
  );
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** CPU seconds this process used since `from` (of `process.cpuUsage()`). */
export function cpuSecondsSince(from: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(from);
  return (used.user + used.system) / 1e6;
}
