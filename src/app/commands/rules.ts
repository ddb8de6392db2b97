// homeostat rules: what people who write rules need before a rule wakes anybody.
import { type Command, usageError } from "../command.ts";
import { backtestRules } from "./rules/backtest.ts";
import { checkRules } from "./rules/check.ts";
import { printSloRules } from "./rules/slo.ts";
import { testRules } from "./rules/test.ts";

const parts = { check: checkRules, test: testRules, slo: printSloRules, backtest: backtestRules } as const;

export const rules: Command = {
  name: "rules",
  summary: "check, test, generate and backtest Prometheus rule files",
  help: `Usage: homeostat rules check FILE|FOLDER... [--json]
       homeostat rules test FILE... [--json]
       homeostat rules slo FILE
       homeostat rules backtest FILE|FOLDER... --from TIME [--to TIME] [--data FOLDER | --url URL] [--json]

check     Which rules are taken and which are refused, each mistake with its line and column. A file with mistakes does not
          keep the others from being read. Of a folder, *.rules.yaml and *.slo.yaml are read, or all YAML if it has none.
test      Runs unit tests in promtool's format, and names the alerts that no test sees firing.
slo       Prints the Prometheus rule file that the objectives in FILE stand for.
backtest  When each alert would have fired over stored history, and for how long. Reads the data of a stopped service.

Options of backtest:
  --from TIME       first instant: 2026-11-24T08:00:00Z, or how long ago: 6h, 3d
  --to TIME         last instant (default: now)
  --data FOLDER     data directory (default: as configured)
  --url URL         ClickHouse server instead of a data directory
  --config FILE, --set KEY=VALUE   as everywhere

  --json            one JSON document

Exit code 0 when all is well, 1 when a file has mistakes, a test fails or a rule cannot be evaluated, 2 when misused.`,
  async run(args, io) {
    const [part, ...rest] = args;
    if (part === undefined || !Object.hasOwn(parts, part)) {
      throw usageError(
        `${part === undefined ? "say what to do" : `there is no "${part}"`}: ${Object.keys(parts).join(", ")}`,
      );
    }
    return await parts[part as keyof typeof parts](rest, io);
  },
};
