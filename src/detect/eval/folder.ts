// Reads a folder of labelled series and recognises what it is by what it holds.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Cause } from "./joint.ts";
import type { Segment } from "./segments.ts";

export interface LabelledSeries {
  readonly name: string;
  /** Seconds between points; 60 where the file does not tell. */
  readonly stepSeconds: number;
  /** A column for each value. */
  readonly columns: readonly Float64Array[];
  /** Zero for every point where the file has no labels. */
  readonly labels: Uint8Array;
  /** Points at the head that only teach. */
  readonly teaching: number;
  /** What caused its segments, where the folder tells. */
  readonly causes?: readonly Cause[];
}

export interface AnnotatedSeries {
  readonly name: string;
  readonly values: Float64Array;
  readonly annotations: readonly (readonly number[])[];
}

export type Folder =
  | { readonly kind: "nab"; readonly series: readonly (LabelledSeries & { readonly windows: readonly Segment[] })[] }
  | { readonly kind: "change points"; readonly series: readonly AnnotatedSeries[] }
  | { readonly kind: "labelled"; readonly series: readonly LabelledSeries[] };

interface Table extends Omit<LabelledSeries, "name" | "teaching" | "causes"> {
  readonly times: Float64Array;
}

/** Undefined where the folder holds nothing of the kind. Throws for a folder that is not there, a FolderError for a file without rows. */
export function readFolder(dir: string): Folder | undefined {
  if (existsSync(join(dir, "annotations.json"))) return readAnnotated(dir);
  if (existsSync(join(dir, "labels", "combined_windows.json"))) return readNab(dir);
  const files = readdirSync(dir).filter((file) => /\.csv(\.gz)?$/.test(file));
  const series = files
    .filter((file) => !/\.train\./.test(file))
    .toSorted()
    .map((file) => readLabelled(dir, file, files));
  return series.length === 0 ? undefined : { kind: "labelled", series };
}

function readAnnotated(dir: string): Folder {
  const all = JSON.parse(readFileSync(join(dir, "annotations.json"), "utf8")) as Record<
    string,
    Record<string, number[]>
  >;
  const series = Object.entries(all)
    .filter(([name]) => existsSync(join(dir, `${name}.json`)))
    .map(([name, byAnnotator]) => {
      const file = JSON.parse(readFileSync(join(dir, `${name}.json`), "utf8")) as {
        series: readonly { raw: readonly (number | null)[] }[];
      };
      const values = Float64Array.from(file.series[0]?.raw ?? [], (value) => value ?? Number.NaN);
      return { name, values, annotations: Object.values(byAnnotator) };
    });
  return { kind: "change points", series };
}

function readNab(dir: string): Folder {
  const windows = JSON.parse(readFileSync(join(dir, "labels", "combined_windows.json"), "utf8")) as Record<
    string,
    readonly (readonly [string, string])[]
  >;
  const series = Object.entries(windows)
    .filter(([name]) => existsSync(join(dir, "data", name)))
    .map(([name, spans]) => {
      const table = readTable(join(dir, "data", name));
      const at = spans.map(([from, to]) => {
        const first = table.times.findIndex((time) => time >= secondsOf(from));
        const last = table.times.findLastIndex((time) => time <= secondsOf(to));
        return { start: first, end: last };
      });
      return { ...table, name, teaching: 0, windows: at };
    });
  return { kind: "nab", series };
}

function readLabelled(dir: string, file: string, files: readonly string[]): LabelledSeries {
  const name = file.replace(/(\.test)?\.csv(\.gz)?$/, "");
  const table = readTable(join(dir, file));
  const causes = readCauses(join(dir, "interpretation_label", `${name}.txt`));
  const trainFile = files.find((other) => other.replace(/\.csv(\.gz)?$/, "") === `${name}.train`);
  if (trainFile === undefined) return { ...table, name, teaching: 0, ...causes };
  const train = readTable(join(dir, trainFile));
  const teaching = train.labels.length;
  const columns = table.columns.map((column, c) => joined(train.columns[c] ?? new Float64Array(teaching), column));
  const labels = new Uint8Array(teaching + table.labels.length);
  labels.set(table.labels, teaching);
  return { name, stepSeconds: table.stepSeconds, columns, labels, teaching, ...causes };
}

/** Lines of `start-end:column,column`, points from 0 and columns from 1. A line that is not is passed over. */
function readCauses(path: string): Pick<LabelledSeries, "causes"> {
  if (!existsSync(path)) return {};
  const causes = readFileSync(path, "utf8")
    .split(/\s+/)
    .flatMap((line): Cause[] => {
      const [, start, end, columns] = /^(\d+)-(\d+):(\d+(?:,\d+)*)$/.exec(line) ?? [];
      if (columns === undefined) return [];
      return [{ start: Number(start), end: Number(end), columns: columns.split(",").map((one) => Number(one) - 1) }];
    });
  return { causes };
}

function joined(head: Float64Array, tail: Float64Array): Float64Array {
  const all = new Float64Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}

/** `timestamp,value…[,label]`, gzipped or not. Cells that are no number are NaN. Throws a FolderError where there are no values. */
function readTable(path: string): Table {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const [head = "", ...lines] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  const valueColumns = names.flatMap((name, c) => (name === "timestamp" || name === "label" ? [] : [c]));
  if (valueColumns.length === 0 || lines.length === 0)
    throw folderError(`${path}: has no rows of timestamp,value…,label`);
  const columns = valueColumns.map(() => new Float64Array(lines.length));
  const times = new Float64Array(lines.length);
  const labels = new Uint8Array(lines.length);
  const timeColumn = names.indexOf("timestamp");
  const labelColumn = names.indexOf("label");
  for (const [row, line] of lines.entries()) {
    const cells = line.split(",");
    times[row] = timeColumn < 0 ? row * 60 : secondsOf(cells[timeColumn] ?? "");
    labels[row] = Number(cells[labelColumn] ?? 0) > 0 ? 1 : 0;
    for (const [k, c] of valueColumns.entries()) columns[k]![row] = numberOf(cells[c]);
  }
  return { columns, times, labels, stepSeconds: stepOf(times) };
}

function folderError(message: string): Error {
  return Object.assign(new Error(message), { name: "FolderError" });
}

function numberOf(cell: string | undefined): number {
  return cell === undefined || cell.trim() === "" ? Number.NaN : Number(cell);
}

function secondsOf(cell: string): number {
  const seconds = Number(cell);
  return Number.isFinite(seconds) ? seconds : Date.parse(`${cell.trim().replace(" ", "T")}Z`) / 1000;
}

/** Median distance of neighbours. */
function stepOf(times: Float64Array): number {
  const steps = times.slice(1).map((time, i) => time - times[i]!);
  const step = steps.toSorted()[steps.length >> 1] ?? 60;
  return step > 0 ? step : 60;
}
