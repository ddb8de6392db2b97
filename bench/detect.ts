// How good and how fast statistical detection is on labelled series, beside simple baselines in the same run.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { changePointFigures, evaluate, type Figures } from "../src/detect/eval/evaluate.ts";
import { type Folder, readFolder } from "../src/detect/eval/folder.ts";
import { emptyTrace, type Trace, type Trial } from "../src/detect/eval/trace.ts";
import { createEnsemble } from "../src/detect/statistical/ensemble.ts";
import { normal, seededRandom } from "../src/math/random.ts";
import { cutInTwo } from "./lib/binary-segmentation.ts";
import { cpuSecondsSince, printReport } from "./lib/report.ts";

const data = fileURLToPath(new URL("../../shared/data", import.meta.url));
const speedPoints = 500_000;

/** Baselines raise an alert at four of their deviations. */
const baselineThreshold = 4;
const dayPoints = 1440;

const baselines: Readonly<Record<string, Trial>> = {
  global_z_score: (columns) => trace(columns, (n) => 1 / n, 0),
  ewma: (columns) => trace(columns, (n) => Math.max(0.05, 1 / n), 0),
  seasonal_naive: (columns) => trace(columns, (n) => 1 / n, dayPoints),
};

const figures: Record<string, number> = {};
const peers: Record<string, Record<string, number>> = {};
take("tsad/nab", (found) => found);
takeWeb();
take("tsad/asd", renameJoint);
takeChangePoints();
figures["points_per_s_per_core"] = measureSpeed();
printReport({
  bench: "detect",
  figures,
  peers,
  goals: [
    { figure: "nab_standard", op: ">=", goal: 72.5 },
    { figure: "web_event_f1", op: ">=", goal: 0.8 },
    { figure: "web_fa_per_series_day", op: "<=", goal: 0.05 },
    { figure: "asd_vus_pr", op: ">=", goal: 0.25 },
    { figure: "cp_f1", op: ">=", goal: 0.77 },
    { figure: "cp_cover", op: ">=", goal: 0.72 },
  ],
});

function open(name: string): Folder | undefined {
  const dir = join(data, name);
  if (existsSync(dir)) return readFolder(dir);
  process.stderr.write(`left out: needs ../shared/data/${name}\n`);
  return undefined;
}

function takeWeb(): void {
  const folders = ["tsad/wsd", "tsad/aiops_kpi"].map(open);
  const series = folders.flatMap((folder) => (folder?.kind === "labelled" ? folder.series : []));
  if (folders.includes(undefined)) return;
  record({ kind: "labelled", series }, (found) =>
    Object.fromEntries(Object.entries(found).map(([name, value]) => [`web_${name}`, value])),
  );
}

function renameJoint({ vus_pr_raw, vus_pr_shipped, event_f1, hit_rate_150 }: Figures): Figures {
  return {
    asd_vus_pr: vus_pr_raw!,
    asd_vus_pr_shipped: vus_pr_shipped!,
    asd_event_f1: event_f1!,
    ...(hit_rate_150 === undefined ? {} : { asd_hit_rate_150: hit_rate_150 }),
  };
}

function takeChangePoints(): void {
  const folder = open("changepoint");
  if (folder?.kind !== "change points") return;
  Object.assign(figures, changePointFigures(folder.series));
  const rivals = { nothing: () => [], binary_segmentation: cutInTwo };
  for (const [name, cut] of Object.entries(rivals)) {
    const { cp_f1, cp_cover } = changePointFigures(folder.series, (values) => ({ held: cut(values), announced: [] }));
    peers[name] = { cp_f1: cp_f1!, cp_cover: cp_cover! };
  }
}

function take(name: string, rename: (found: Figures) => Figures): void {
  const folder = open(name);
  if (folder !== undefined) record(folder, rename);
}

function record(folder: Folder, rename: (found: Figures) => Figures): void {
  Object.assign(figures, rename(evaluate(folder)));
  for (const [name, trial] of Object.entries(baselines)) {
    peers[name] = { ...peers[name], ...rename(evaluate(folder, trial)) };
  }
}

/** Distance from a mean of all points so far, learned at `rate`, of the values or of their differences over `lag` points. */
function trace(columns: readonly Float64Array[], rate: (n: number) => number, lag: number): Trace {
  const length = columns[0]?.length ?? 0;
  const all = emptyTrace(length);
  for (const column of columns) {
    let center = 0;
    let variance = 0;
    for (let i = lag; i < length; i++) {
      const value = column[i]! - (lag === 0 ? 0 : column[i - lag]!);
      if (!Number.isFinite(value)) continue;
      const n = i - lag + 1;
      const score = n > 30 && variance > 0 ? Math.abs(value - center) / Math.sqrt(variance) : 0;
      all.scores[i] = Math.max(all.scores[i]!, score);
      if (score >= baselineThreshold) all.odd[i] = 1;
      const distance = value - center;
      center += distance * rate(n);
      variance += (distance * (value - center) - variance) * rate(n);
    }
  }
  all.held.set(all.scores);
  for (let i = 0; i < length; i++) all.alerts[i] = all.odd[i] === 1 && all.odd[i - 1] !== 1 ? 1 : 0;
  return all;
}

/** A noisy daily wave; seconds are of the processor. */
function measureSpeed(): number {
  const random = seededRandom(1);
  const values = Float64Array.from(
    { length: speedPoints },
    (_, i) => 10 * Math.sin((2 * Math.PI * i) / dayPoints) + normal(random),
  );
  const ensemble = createEnsemble();
  const from = process.cpuUsage();
  for (const value of values) ensemble.push(value);
  return speedPoints / cpuSecondsSince(from);
}
