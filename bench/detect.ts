// How good and how fast statistical detection is on labelled series, beside simple baselines and Python peers in the same
// run: `detect.ts [DIR]`, DIR any folder that `homeostat detect eval` takes.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { changePointFigures, evaluate, type Figures, tryEnsemble } from "../src/detect/eval/evaluate.ts";
import { type Folder, readFolder } from "../src/detect/eval/folder.ts";
import { emptyTrace, type Trace, type Trial } from "../src/detect/eval/trace.ts";
import { blockSlots } from "../src/detect/series/block.ts";
import { recentLevel } from "../src/detect/series/recent-level.ts";
import { robustLevel } from "../src/detect/statistical/robust-level.ts";
import { createSeriesLevel } from "../src/detect/statistical/series-level.ts";
import { normal, seededRandom } from "../src/math/random.ts";
import type { Detector, PointBatch } from "../src/model/detector.ts";
import { signals } from "../src/model/signal.ts";
import { cutInTwo } from "./lib/binary-segmentation.ts";
import { comparePeers } from "./lib/detect-peers.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";

const data = fileURLToPath(new URL("../../shared/data", import.meta.url));
const speedTicks = 100;
const productDelaySeconds = 600;

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
const dir = process.argv[2];
if (dir !== undefined) takeDir(dir);
else {
  take("tsad/nab", (found) => found);
  takeWeb();
  take("tsad/asd", renameJoint);
  takeChangePoints();
}
const speeds = {
  points_per_s_per_core: measureSpeed(createSeriesLevel(), 20_000),
  recent_level_points_per_s: measureSpeed(recentLevel.create(), blockSlots),
  robust_level_points_per_s: measureSpeed(robustLevel.create(), 512 * signals.length),
};
Object.assign(figures, speeds);
await takePeers();
printReport({
  bench: "detect",
  figures,
  peers,
  goals: [
    { figure: "nab_standard", op: ">=", goal: 72.5 },
    { figure: "web_event_f1", op: ">=", goal: 0.8 },
    { figure: "web_fa_per_series_day", op: "<=", goal: 0.05 },
    { figure: "web_vus_pr_shipped", op: ">=", goal: 0.6 },
    { figure: "points_per_s_per_core", op: ">=", goal: 1_000_000 },
    { figure: "ratio_vs_river", op: ">=", goal: 100 },
    { figure: "asd_vus_pr", op: ">=", goal: 0.25 },
    { figure: "cp_f1", op: ">=", goal: 0.77 },
    { figure: "cp_cover", op: ">=", goal: 0.72 },
  ],
});

function open(name: string): Folder | undefined {
  const path = join(data, name);
  if (existsSync(path)) return readFolder(path);
  process.stderr.write(`left out: needs ../shared/data/${name}\n`);
  return undefined;
}

function takeDir(path: string): void {
  const folder = existsSync(path) ? readFolder(path) : undefined;
  if (folder === undefined) {
    process.stderr.write(`${path} holds no labelled series: see homeostat detect --help\n`);
    process.exit(2);
  }
  record(folder, (found) => found);
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
  if (folder.kind === "change points") return;
  if (folder.series.every(({ columns }) => columns.length === 1)) {
    // As the service runs: learning 10 minutes behind.
    const behind: Trial = (columns, step) => tryEnsemble(columns, step, productDelaySeconds);
    peers["learning_10_min_behind"] = { ...peers["learning_10_min_behind"], ...rename(evaluate(folder, behind)) };
  }
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

/** Points per CPU second, scored, followed and learned, over many series at once, as every step does; the median step counts. */
function measureSpeed(detector: Detector<"point">, slots: number): number {
  const random = seededRandom(1);
  const noise = Float64Array.from({ length: 100_003 }, () => 50 + normal(random));
  const batch: PointBatch = {
    rows: slots,
    slots: Int32Array.from({ length: slots }, (_, slot) => slot),
    values: new Float64Array(slots),
    quality: new Uint8Array(slots),
  };
  const out = new Float64Array(slots);
  const warmUpTicks = 100;
  const seconds: number[] = [];
  for (let tick = 0; tick < warmUpTicks + speedTicks; tick++) {
    for (let row = 0; row < slots; row++) batch.values[row] = noise[(tick * slots + row) % noise.length]!;
    const from = process.cpuUsage();
    detector.score(batch, tick * 10_000, out);
    detector.follow?.(batch, tick * 10_000);
    detector.learn(batch, tick * 10_000);
    if (tick >= warmUpTicks) seconds.push(cpuSecondsSince(from));
  }
  return Math.round(slots / median(seconds));
}

/**
 * How much faster ours is than what does the same in river, both on one core in one run. `ratio_vs_river`: one running level and
 * spread each, the detector every series is judged by and GaussianScorer. `_robust_level`: the one of judged signals, which also
 * knows load, and GaussianScorer. `_same_members`: the cheap tier and river's statistics it is made of (a rolling median of 15 and
 * a rolling range of 720). `_cheap_tier`: that tier, of several statistics, and GaussianScorer's one.
 */
async function takePeers(): Promise<void> {
  const web = open("tsad/wsd");
  const series = web?.kind === "labelled" ? web.series : [];
  const found = await comparePeers(series, (text) => process.stderr.write(`${text}\n`));
  if (found === undefined) return;
  Object.assign(peers, found);
  const ratio = (ours: number, peer: string): number => Math.round((10 * ours) / found[peer]!["points_per_s"]!) / 10;
  figures["ratio_vs_river"] = ratio(speeds.recent_level_points_per_s, "river_gaussian");
  figures["ratio_vs_river_robust_level"] = ratio(speeds.robust_level_points_per_s, "river_gaussian");
  figures["ratio_vs_river_same_members"] = ratio(speeds.points_per_s_per_core, "river_rolling_quantiles");
  figures["ratio_vs_river_cheap_tier"] = ratio(speeds.points_per_s_per_core, "river_gaussian");
}
