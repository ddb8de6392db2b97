// What carries out one declared step, and what it says when it is done.
import type { Telemetry } from "../model/ports/telemetry.ts";

export interface StepResult {
  readonly outcome: "succeeded" | "failed" | "refused";
  /** One line for people: what was done, or why not. Our own words and declared names: it is told as it is. */
  readonly says: string;
  readonly exitCode?: number;
  /** First and last lines of what a program said; one line each, shortened. */
  readonly output?: readonly string[];
  /** What was served before and since, where that can be taken back. */
  readonly undo?: UndoToken;
}

export interface UndoToken {
  readonly before: string;
  readonly after: string;
}

/** Values of declared parameters, checked. */
export type Values = Readonly<Record<string, string>>;

export interface Executor {
  /** What it may do, in words. */
  readonly may: string;
  /** What stands in its way on this host now. */
  problems(): readonly string[];
  /** Does it. Never throws: what goes wrong is a result. */
  run(values: Values): Promise<StepResult>;
  /** Takes a run back. Absent: it cannot be. */
  readonly undo?: (token: UndoToken) => Promise<StepResult>;
  /** Whether it makes what runs read anew what other steps changed, so that taking those back needs it again. */
  readonly restarts: boolean;
}

export interface ExecutorDeps {
  /** Wall time in Unix ms. */
  readonly now: () => number;
  readonly telemetry: Telemetry;
}

export const refused = (says: string): StepResult => ({ outcome: "refused", says });
export const failed = (says: string): StepResult => ({ outcome: "failed", says });

/** Code of a system error, else its message. */
export function wordOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
