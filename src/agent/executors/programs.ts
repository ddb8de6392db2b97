// Steps that are one declared program: systemctl, pm2, a script.
import type { Executor } from "../executor.ts";
import { refused } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";
import { type Program, resultOf, runProgram, secretsIn } from "./program.ts";

export function systemdUnit(step: StepOf<"systemd">): Executor {
  const argv: Program["argv"] = [
    step.program,
    ...(step.user ? ["--user"] : []),
    "--no-ask-password",
    "--no-pager",
    "restart",
    "--",
    step.unit,
  ];
  const what = `systemctl restart ${step.unit}`;
  return {
    may: `restart the systemd unit ${step.unit}`,
    problems: () => problemsOf(step.program),
    run: () => runTo(what, { argv, env: step.env, folder: "/", timeoutMs: step.timeout }),
    restarts: true,
  };
}

export function pm2Process(step: StepOf<"pm2">): Executor {
  const what = `pm2 restart ${step.name}`;
  return {
    may: `restart the process ${step.name} of pm2`,
    problems: () => problemsOf(step.program),
    run: () =>
      runTo(what, {
        argv: [step.program, "restart", step.name, "--no-color"],
        env: step.env,
        folder: "/",
        timeoutMs: step.timeout,
      }),
    restarts: true,
  };
}

export function script(step: StepOf<"script">): Executor {
  const what = `script ${step.program}`;
  return {
    may: `run ${step.program}${step.args.length === 0 ? "" : ` with ${step.args.length} declared arguments`}`,
    problems: () => problemsOf(step.program),
    async run(values) {
      const why = whyNotTrusted(step.program);
      if (why !== undefined) return refused(`${step.program} ${why}`);
      const args = step.args.map((arg) =>
        typeof arg === "string" ? arg : `${arg.prefix ?? ""}${values[arg.parameter] ?? ""}`,
      );
      const { env, folder = "/", timeout: timeoutMs } = step;
      return runTo(what, { argv: [step.program, ...args], env, folder, timeoutMs });
    },
    restarts: false,
  };
}

async function runTo(what: string, program: Program) {
  return resultOf(what, await runProgram(program), program.timeoutMs, secretsIn(program.env));
}

function problemsOf(program: string): readonly string[] {
  const why = whyNotTrusted(program);
  return why === undefined ? [] : [`${program} ${why}`];
}
