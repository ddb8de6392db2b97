// homeostat detect: how good statistical detection is on labelled series.
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { evaluate } from "../../detect/eval/evaluate.ts";
import { readFolder } from "../../detect/eval/folder.ts";
import { type Command, usageError, userError } from "../command.ts";

export const detect: Command = {
  name: "detect",
  summary: "score statistical detection on a folder of labelled series",
  help: `Usage: homeostat detect eval DIR [--json]

DIR holds one of
  labels/combined_windows.json and data/: windows of the Numenta Anomaly Benchmark  -> nab_standard nab_low_fp
  annotations.json and NAME.json: annotated change points                           -> cp_f1 cp_cover
  NAME.csv[.gz], or NAME.train.csv and NAME.test.csv: timestamp,value...,label      -> event_f1 fa_per_series_day
                                                                                       vus_pr_raw vus_pr_shipped
  --json            one JSON document

One configuration and one threshold for every series, one pass, no look-ahead. What the train half holds only teaches.`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean", default: false } },
    });
    const [verb, dir] = positionals;
    if (verb !== "eval" || dir === undefined || positionals.length > 2)
      throw usageError("it takes eval and one folder");
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw userError(`${dir} is no folder; give one that holds labelled series`);
    const folder = readFolder(dir);
    if (folder === undefined) throw userError(`${dir} holds no series; homeostat detect --help tells what it may hold`);
    const figures = evaluate(folder);
    if (values.json) io.out(JSON.stringify(figures));
    else for (const [name, value] of Object.entries(figures)) io.out(`${name.padEnd(20)}${value.toFixed(4)}`);
    return 0;
  },
};
