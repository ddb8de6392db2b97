// The fleet in groups of deployments: a few processes work them off, and what a group came to is kept, so that a run can go on.
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signals } from "../../src/model/signal.ts";
import { profileOf } from "../../src/simulate/profiles.ts";
import type { GroupPlan, GroupResult } from "./group.ts";
import type { GroupMessage } from "./group-process.ts";

export interface GroupRun {
  readonly processes: number;
  /** The script of {@link compileGroupProcess}. */
  readonly script: string;
  /** Folder for what groups came to; absent: it is not kept. */
  readonly out: string | undefined;
  /** Nothing is started: only what was kept counts. */
  readonly keptOnly: boolean;
  readonly say: (line: string) => void;
}

/** Numbers of the deployments of a seed, dealt into groups of about `groupSeries`, until there are `series`. */
export function dealOut(seed: number, series: number, groupSeries: number): readonly (readonly number[])[] {
  const groups: number[][] = [];
  let dealt = 0;
  let inGroup = groupSeries;
  for (let number = 0; dealt < series; number++) {
    if (inGroup >= groupSeries) {
      groups.push([]);
      inGroup = 0;
    }
    const own = profileOf(seed, number).replicas * signals.length;
    groups.at(-1)!.push(number);
    inGroup += own;
    dealt += own;
  }
  return groups;
}

/** Results in the order of the plans; undefined for those that were not run. */
export async function runGroups(
  name: string,
  plans: readonly GroupPlan[],
  run: GroupRun,
): Promise<readonly (GroupResult | undefined)[]> {
  const results: (GroupResult | undefined)[] = plans.map(() => undefined);
  if (run.out !== undefined) mkdirSync(run.out, { recursive: true });
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(run.processes, plans.length) }, work));
  return results;

  async function work(): Promise<void> {
    while (next < plans.length) {
      const index = next++;
      const plan = plans[index]!;
      const path = run.out === undefined ? undefined : join(run.out, `${name}-${index + 1}-${keyOf(plan)}.json`);
      const label = `${name} ${index + 1}/${plans.length}`;
      if (path !== undefined && existsSync(path)) {
        results[index] = JSON.parse(readFileSync(path, "utf8")) as GroupResult;
        run.say(`${label}: kept from before`);
      } else if (!run.keptOnly) {
        const result = await runProcess(label, plan, run);
        results[index] = result;
        if (path !== undefined) keep(path, result);
      }
    }
  }
}

/** What a result must have been made of to count again. */
function keyOf(plan: GroupPlan): string {
  const traffic = plan.recorded.map(({ windowMs, rates }) => [windowMs, rates.length, rates[0] ?? 0]);
  return createHash("sha256")
    .update(JSON.stringify({ ...plan, recorded: traffic }))
    .digest("hex")
    .slice(0, 12);
}

/** All of it or none: a run may be ended at any moment. */
function keep(path: string, result: GroupResult): void {
  writeFileSync(`${path}.part`, JSON.stringify(result));
  renameSync(`${path}.part`, path);
}

function runProcess(label: string, plan: GroupPlan, { script, say }: GroupRun): Promise<GroupResult> {
  const child = fork(script, { execArgv: [], serialization: "advanced" });
  child.send(plan);
  return new Promise((resolve, reject) => {
    let result: GroupResult | undefined;
    child.on("message", (message: GroupMessage) => {
      if (message.kind === "line") say(`${label} ${message.text}`);
      else result = message.result;
    });
    child.on("exit", (code) =>
      result === undefined ? reject(new Error(`group ${label} ended with ${code}`)) : resolve(result),
    );
  });
}
