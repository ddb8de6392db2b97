// Reads recorded scenarios of microservice incidents: `graph.csv`, `noissue/metrics.csv`, `{train,test}/*/metrics.csv`, `target.json`.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { withEntries } from "../lib/with-entries.ts";

/** Columns are `entity metric statistic`; a cell without a number is NaN. */
export interface Table {
  /** Start of each row (s). */
  readonly times: Float64Array;
  readonly columns: ReadonlyMap<string, Float64Array>;
}

export interface Target {
  readonly node: string;
  readonly metric: string;
  readonly statistic: string;
}

export interface Issue {
  readonly name: string;
  readonly table: Table;
  readonly target: Target;
  /** When the alarm went off (s); NaN if it is not told. */
  readonly alarm: number;
  readonly root: string;
}

export interface Scenario {
  readonly name: string;
  readonly entities: readonly string[];
  /** Pairs of indexes: caller, callee. */
  readonly calls: Int32Array;
  readonly normal: Table;
  readonly issues: readonly Issue[];
}

export const columnKey = (entity: string, metric: string, statistic: string): string =>
  `${entity}\t${metric}\t${statistic}`;

/** The scenarios in `dir`, or `dir` itself if it is one. Empty where there are none. */
export function readScenarios(dir: string): readonly Scenario[] {
  return withEntries(dir)
    .filter((folder) => existsSync(join(folder, "graph.csv")))
    .map(readScenario);
}

function readScenario(folder: string): Scenario {
  const [header, ...rows] = readCsv(join(folder, "graph.csv"));
  const entities = (header ?? []).slice(1);
  const calls: number[] = [];
  for (const [name, ...cells] of rows) {
    const caller = entities.indexOf(name!);
    cells.forEach((cell, callee) => {
      if (Number(cell) > 0) calls.push(caller, callee);
    });
  }
  const normal = readTable(join(folder, "noissue", "metrics.csv"));
  const known = new Set(entities);
  for (const key of normal.columns.keys()) known.add(key.split("\t")[0]!);
  const issues = ["train", "test"].flatMap((split) => {
    const inside = join(folder, split);
    if (!existsSync(inside)) return [];
    const names = readdirSync(inside).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    return names
      .filter((name) => existsSync(join(inside, name, "target.json")))
      .map((name) => readIssue(`${split}/${name}`, join(inside, name)));
  });
  return { name: basename(folder), entities: [...known], calls: Int32Array.from(calls), normal, issues };
}

function readIssue(name: string, folder: string): Issue {
  const { target, root_cause } = JSON.parse(readFileSync(join(folder, "target.json"), "utf8")) as {
    target: { node: string; metric: string; agg: string; timestamp?: number };
    root_cause: { node: string };
  };
  return {
    name,
    table: readTable(join(folder, "metrics.csv")),
    target: { node: target.node, metric: target.metric, statistic: target.agg },
    alarm: target.timestamp ?? Number.NaN,
    root: root_cause.node,
  };
}

function readTable(path: string): Table {
  const [entities, metrics, statistics, ...rest] = readCsv(path);
  const rows = rest.filter(([time]) => Number.isFinite(Number.parseFloat(time ?? "")));
  const columns = new Map<string, Float64Array>();
  for (let i = 1; i < (entities ?? []).length; i++) {
    const key = columnKey(entities![i]!, metrics![i]!, statistics![i]!);
    columns.set(
      key,
      Float64Array.from(rows, (row) => Number.parseFloat(row[i] ?? "")),
    );
  }
  return { times: Float64Array.from(rows, ([time]) => Number.parseFloat(time!)), columns };
}

/** Names hold no line breaks; a field in quotation marks may hold commas. */
function readCsv(path: string): string[][] {
  return readFileSync(path, "utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line) =>
      line.includes('"')
        ? [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) =>
            cell!.replace(/^"|"$/g, "").replaceAll('""', '"'),
          )
        : line.split(","),
    );
}
