// homeostat erase: remove what is stored about a trace, a user or a tenant.
import { parseArgs } from "node:util";
import type { EraseReport, EraseTarget } from "../../store/erase.ts";
import { type Command, configHelp, configOptions, type Io, usageError } from "../command.ts";
import { version } from "../paths.ts";
import { openConfiguredStore } from "../store-options.ts";
import { createTelemetry } from "../telemetry.ts";

export const erase: Command = {
  name: "erase",
  summary: "remove what is stored about a trace, a user or a tenant; only shows it without --yes",
  help: `Usage: homeostat erase --trace ID | --user ID | --tenant NAME [OPTIONS]

  --trace ID        spans, logs and exemplars of this trace
  --user ID         spans, logs and points whose user.id, enduser.id or gen_ai.user.id is this, and their exemplars
  --tenant NAME     everything of a tenant: its whole database
  --yes             do it; without it, print what would be removed and remove nothing
${configHelp}
  --json            one JSON document

Received telemetry that is not in the database yet is stored first, so that it cannot come back. Counts what is left
afterwards: exit code 0 when that is nothing, 1 otherwise. Works on the data of a stopped service.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...configOptions,
        trace: { type: "string" },
        user: { type: "string" },
        tenant: { type: "string" },
        yes: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const target = targetOf(values);
    await using telemetry = createTelemetry({ level: "warn", version });
    await using store = await openConfiguredStore({ file: values.config, sets: values.set ?? [] }, telemetry);
    const report = await store.erase(target, { dryRun: !values.yes });
    if (values.json) io.out(JSON.stringify(report));
    else print(report, io);
    return report.dryRun || report.complete ? 0 : 1;
  },
};

function targetOf({ trace, user, tenant }: { trace?: string; user?: string; tenant?: string }): EraseTarget {
  const targets: EraseTarget[] = [];
  if (trace !== undefined) targets.push({ trace: trace.toLowerCase() });
  if (user !== undefined) targets.push({ user });
  if (tenant !== undefined) targets.push({ tenant });
  const [target] = targets;
  if (target === undefined || targets.length > 1) throw usageError("name one of --trace, --user and --tenant");
  if (Object.values(target)[0] === "") throw usageError("the id is empty");
  if (trace !== undefined && !/^[0-9a-f]{32}$/i.test(trace)) throw usageError("a trace id has 32 hexadecimal digits");
  return target;
}

const ways = {
  delete: (rows: string, done: boolean) => `${rows} ${done ? "deleted" : "would be deleted"}`,
  "clear-exemplars": (rows: string, done: boolean) => `${rows} ${done ? "lost" : "would lose"} their exemplars`,
  drop: (rows: string, done: boolean) => `${rows} ${done ? "dropped" : "would be dropped"} with the table`,
};

function print({ tables, dryRun, notes }: EraseReport, io: Io): void {
  if (tables.length === 0) io.out("nothing was found");
  for (const { tenant, table, how, rows, left } of tables) {
    const text = ways[how](`${rows.toLocaleString("en")} rows`, !dryRun);
    io.out(
      `${tenant === undefined ? "" : `${tenant}: `}${table}: ${text}${dryRun ? "" : `, ${left.toLocaleString("en")} left`}`,
    );
  }
  for (const note of notes) io.out(`note: ${note}`);
  if (dryRun && tables.length > 0) io.out("nothing was removed; run it again with --yes to remove these");
}
