// One very long prompt, over and over on small fleets, each drawn from a seed: is a restart ever proposed? None should be. N [SEED]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../src/math/random.ts";
import { printReport } from "./lib/report.ts";

const homeostat = fileURLToPath(new URL("../bin/homeostat.js", import.meta.url));
const runs = Number(process.argv[2] ?? 30);
const seed = Number(process.argv[3] ?? 1);
if (!(Number.isInteger(runs) && runs > 0 && Number.isInteger(seed))) {
  process.stderr.write("prefill: give the number of runs and, if you like, a seed: both whole numbers\n");
  process.exit(1);
}
const minutesMax = 15;
/** Rules and baselines are warm by then. */
const onsetSeconds = 300;

const folder = mkdtempSync(join(tmpdir(), "homeostat-prefill-"));
try {
  const random = seededRandom(seed);
  for (let i = 0; i < runs; i++) writeFileSync(join(folder, `prefill-${i}.yaml`), scenario(i, random));
  const options = ["--in-memory", "--story", "--json", "--processes", "1", "--scenarios", folder];
  const { stdout, stderr, status } = spawnSync(process.execPath, [homeostat, "gauntlet", ...options], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`gauntlet ended with ${status}: ${stderr.slice(-2000)}`);
  const story = `${stdout}\n${stderr}`.split("\n");
  const proposed = story.filter((line) => /\brestart-replica of \S+ proposed/.test(line));
  for (const line of proposed) process.stderr.write(`${line.trim()}\n`);
  const played = story.filter((line) => /^\s*\d+\/\d+\s+FM-06\s/.test(line)).length;
  printReport({
    bench: "prefill",
    figures: { runs: played, restarts_proposed: proposed.length },
    goals: [
      { figure: "runs", op: "==", goal: runs },
      { figure: "restarts_proposed", op: "==", goal: 0 },
    ],
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Of one long prompt (`every_seconds` is beyond the end), 8 to 15 minutes. */
function scenario(i: number, random: () => number): string {
  const of = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  const [model, gpus] = of([
    [
      "llama3.1-8b",
      [
        ["A100", 1],
        ["H100", 1],
        ["L40S", 1],
      ],
    ],
    [
      "llama3.1-70b",
      [
        ["H100", 4],
        ["A100", 4],
      ],
    ],
  ] as const);
  const [gpu, tp] = of<readonly [string, number]>(gpus);
  const tokens = between(30_000, 125_000);
  const duration = 60 * between(8, minutesMax);
  const replicas = between(1, 4);
  // The last takes any prompt in one piece, and no counter moves until it is done.
  const budget = of([2048, 8192, 131_072]);
  const target = `replica:${between(0, replicas - 1)}`;
  return `scenario: { id: prefill-${i}, seed: ${between(1, 1e6)}, duration: ${duration}s }
engine: { model: ${model}, gpu: ${gpu}, tp: ${tp}, replicas: ${replicas}, version: "0.10.1", max_model_len: 131072, max_num_batched_tokens: ${budget}, cold_start: 90s }
workload: { source: azure-conv, scale: ${(0.02 + 0.4 * random()).toFixed(3)}, classes: { chat: 1 } }
faults:
  - id: f1
    kind: long_prompt
    target: "${target}"
    at: ${onsetSeconds}s
    hold: ${duration - onsetSeconds}s
    params: { tokens: ${tokens}, every_seconds: ${60 * minutesMax} }
telemetry: { scrape: ${of([5, 10, 15])}s, drop: 0, dcgm_csv: default }
ground_truth:
  mode: FM-06
  onset: ${onsetSeconds}s
  root: { component: "${target}", change: null }
  causal_path: [long_prompt, step_time, decode, itl]
  acceptable_actions: [noop, notify]
  harmful_actions: [restart_replica, restart_all]
  recovery: { metric: itl_p99, below: 1.2x_baseline, within: 900s }
`;
}
