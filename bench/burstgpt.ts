// Telemetry measured on a real engine under rising load, through the real service: is the cap on concurrency found, and told from a full cache?
import { fileURLToPath } from "node:url";
import { type Played, playPages } from "./burstgpt/play.ts";
import { type RecordedLevel, readLevels } from "./burstgpt/recorded.ts";
import { printReport } from "./lib/report.ts";

const folder =
  process.argv[2] ?? fileURLToPath(new URL("../../shared/data/traces/vllm-burstgpt-replay", import.meta.url));
/** As long as an incident of a cap must have lasted to be one: people wait, and it is no flicker of one look. */
const heldMs = 30_000;

const figures = { levels: 0, capped: 0, found: 0, right: 0, wrong: 0, false_incidents: 0, kv_first: 0 };
const delays: number[] = [];
let probabilityMin = Number.POSITIVE_INFINITY;

for (const everyMs of [5000, 15_000]) {
  for (const withGpu of [false, true]) {
    for (const level of readLevels(folder, everyMs))
      judge(level, await playPages(level.pages, withGpu), everyMs, withGpu);
  }
}

if (figures.levels === 0) process.stderr.write(`burstgpt: no load levels in ${folder}; nothing was judged\n`);
printReport({
  bench: "burstgpt",
  figures: {
    ...figures,
    ...(figures.capped === 0
      ? {}
      : { found_share: figures.found / figures.capped, right_share: figures.right / figures.capped }),
    ...(delays.length === 0
      ? {}
      : { delay_mean_s: delays.reduce((a, b) => a + b, 0) / delays.length, probability_min: probabilityMin }),
  },
  goals:
    figures.capped === 0
      ? []
      : [
          { figure: "right_share", op: ">=", goal: 1 },
          { figure: "kv_first", op: "==", goal: 0 },
          { figure: "wrong", op: "==", goal: 0 },
          { figure: "false_incidents", op: "==", goal: 0 },
        ],
});

function judge(
  { scale, cappedMs, cappedAtMs }: RecordedLevel,
  played: Played,
  everyMs: number,
  withGpu: boolean,
): void {
  const capped = cappedMs >= heldMs;
  const first = played.opened[0];
  const causes = played.diagnoses.at(-1)?.diagnosis.causes ?? [];
  const of = (mode: string): number => causes.find(({ failureMode }) => failureMode === mode)?.probability ?? 0;
  figures.levels++;
  if (capped) figures.capped++;
  else if (cappedMs === 0 && first !== undefined) figures.false_incidents++;
  if (capped && first !== undefined) {
    figures.found++;
    delays.push((first.atMs - cappedAtMs) / 1000);
  }
  if (first !== undefined) {
    const right = causes[0]?.failureMode === "concurrency-cap";
    if (!right) figures.wrong++;
    if (of("kv-cache-saturation") >= of("concurrency-cap")) figures.kv_first++;
    if (capped && right) figures.right++;
    probabilityMin = Math.min(probabilityMin, of("concurrency-cap"));
  }
  const told = causes.slice(0, 3).map(({ failureMode, probability }) => `${failureMode} ${probability.toFixed(3)}`);
  process.stderr.write(
    `load ${scale} %, a page every ${everyMs / 1000} s${withGpu ? " with the GPU's" : ""}: capped for ${Math.round(cappedMs / 1000)} s` +
      `${capped ? ` from ${Math.round(cappedAtMs / 1000)} s` : ""}, ` +
      `${first === undefined ? "no incident" : `incident at ${first.atMs / 1000} s: ${told.join(", ")}`}\n`,
  );
}
