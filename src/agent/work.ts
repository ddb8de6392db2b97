// Carrying out what was taken: one step after another, looking at the kill switch before each, and taking back.
import type { Rule } from "./allow-schema.ts";
import type { Executor, StepResult, Values } from "./executor.ts";
import type { Result } from "./journal.ts";

export interface Work {
  /** Why nothing may run just now. */
  whyStopped(): string | undefined;
  /** Told before each step; throws if it cannot be written down, and then nothing is done. */
  begin(use: string, may: string): void;
  /** Secrets and personal data replaced: for what programs say. */
  mask(text: string): string;
  /** Wall time in Unix ms. */
  now(): number;
}

interface Stage {
  readonly step: number;
  readonly use: string;
  readonly may: string;
  readonly run: () => Promise<StepResult>;
}

/** The first step that does not succeed ends it; what was done before it can be taken back by the result's `undo`. */
export function carryOut(rule: Rule, executors: readonly Executor[], values: Values, work: Work): Promise<Result> {
  const stages = executors.map(
    (executor, step): Stage => ({ step, use: rule.do[step]!.use, may: executor.may, run: () => executor.run(values) }),
  );
  return runStages(stages, work);
}

/** Whether anything of what the result says can be taken back. */
export function canTakeBack(rule: Rule, executors: readonly Executor[], done: Result): boolean {
  return done.undo.some(({ step }) => undoOf(rule, executors, done, step) !== undefined);
}

/** Takes back, last step first, what can be; then what was restarted is restarted again, so that it sees what is served now. */
export function takeBack(rule: Rule, executors: readonly Executor[], done: Result, work: Work): Promise<Result> {
  const back = done.undo.toReversed().flatMap((token): Stage[] => {
    const { step } = token;
    const undo = undoOf(rule, executors, done, step);
    if (undo === undefined) return [];
    return [{ step, use: rule.do[step]!.use, may: `take back: ${executors[step]!.may}`, run: () => undo(token) }];
  });
  const again = executors.flatMap((executor, step): Stage[] =>
    executor.restarts && step < done.steps.length
      ? [{ step, use: rule.do[step]!.use, may: executor.may, run: () => executor.run({}) }]
      : [],
  );
  return runStages([...back, ...again], work);
}

/** A token is for the step that gave it: not for another that the file has in its place by now. */
function undoOf(rule: Rule, executors: readonly Executor[], done: Result, step: number): Executor["undo"] {
  return done.steps[step]?.use === rule.do[step]?.use ? executors[step]?.undo : undefined;
}

async function runStages(stages: readonly Stage[], work: Work): Promise<Result> {
  const startedAt = work.now();
  const steps: Result["steps"][number][] = [];
  const undo: Result["undo"][number][] = [];
  let outcome: Result["outcome"] = "succeeded";
  const says: string[] = [];
  for (const { step, use, may, run } of stages) {
    const result = await guarded(use, may, run, work);
    const { undo: token, ...rest } = result;
    const output = rest.output === undefined ? {} : { output: rest.output.map(work.mask) };
    steps.push({ use, ...rest, ...output });
    says.push(rest.says);
    if (token !== undefined) undo.push({ ...token, step });
    if (result.outcome === "succeeded") continue;
    // Something was done already: that is no refusal of the whole.
    outcome = steps.length > 1 ? "failed" : result.outcome;
    break;
  }
  return { outcome, says: says.join("; "), steps, undo, startedAt, endedAt: work.now() };
}

async function guarded(use: string, may: string, run: () => Promise<StepResult>, work: Work): Promise<StepResult> {
  const why = work.whyStopped();
  if (why !== undefined) return { outcome: "refused", says: why };
  try {
    work.begin(use, may);
    return await run();
  } catch (error) {
    return {
      outcome: "failed",
      says: `${use} stopped short: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
