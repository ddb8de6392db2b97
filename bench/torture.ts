// Whether anything that was acknowledged is lost or stored twice when processes die or the power fails. Ends with one JSON document.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../src/math/random.ts";
import { printReport } from "./lib/report.ts";
import { crashPoints } from "./torture/crash-points.ts";
import type { Verdict } from "./torture/judge.ts";
import { killLoop } from "./torture/kills.ts";
import { powerCuts } from "./torture/power-cuts.ts";

const usage = `npm run torture -- [options]
  --kills N            kill -9 of the service or its engine, N times (200 unless other modes are named)
  --crash-points [N]   a death before each change to the disk on one request's way; at most N points
  --power-cuts N       N cuts of the power under the data directory (root, loop devices)
  --seed N             seed of all that is random (1)
  --keep               keep the data directories`;

const { values, positionals } = parseArgs({
  options: {
    kills: { type: "string" },
    "crash-points": { type: "boolean" },
    "power-cuts": { type: "string" },
    seed: { type: "string" },
    keep: { type: "boolean" },
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}

const others = values["crash-points"] === true || values["power-cuts"] !== undefined;
const kills = whole("--kills", values.kills ?? (others ? "0" : "200"));
const cuts = whole("--power-cuts", values["power-cuts"] ?? "0");
const limit = positionals[0] === undefined ? undefined : whole("--crash-points", positionals[0]);
const draw = seededRandom(whole("--seed", values.seed ?? "1"));
const folder = mkdtempSync(join(tmpdir(), "homeostat-torture-"));
const note = (text: string): void => console.error(text);

const figures: Record<string, number> = {};
const total = { acknowledged: 0, lost: 0, duplicated: 0, wrong: 0, torn: 0, unindexed: 0 };
try {
  if (kills > 0) {
    const outcome = await killLoop({ directory: join(folder, "kills"), kills, draw, note });
    add("kills", outcome);
    figures["kills"] = Object.values(outcome.kills).reduce((sum, one) => sum + one, 0);
    figures["kills_of_engine"] = outcome.kills.engine + outcome.kills.both;
    figures["resent_unanswered"] = outcome.resentUnanswered;
    figures["resent_acknowledged"] = outcome.resentAcknowledged;
    figures["slowest_start_ms"] = outcome.slowestStartMs;
  }
  if (values["crash-points"] === true) {
    const directory = join(folder, "crash-points");
    const outcome = await crashPoints({
      directory,
      workDirectory: folder,
      draw,
      note,
      ...(limit === undefined ? {} : { limit }),
    });
    if (outcome === undefined) note("crash points skipped: they need Linux and a C compiler named cc");
    else {
      add("crash points", outcome);
      figures["crash_points"] = outcome.points;
      figures["crash_points_in_engine"] = outcome.inEngine;
    }
  }
  if (cuts > 0) {
    const outcome = await powerCuts({ workDirectory: folder, cuts, draw, note });
    if (outcome === undefined) note("power cuts skipped: they need root, mkfs.ext4 and loop devices");
    else {
      add("power cuts", outcome);
      figures["power_cuts"] = outcome.cuts;
    }
  }
} finally {
  if (values.keep === true) note(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
printReport({
  bench: "torture",
  figures: { ...figures, ...total },
  goals: (["lost", "duplicated", "wrong", "torn", "unindexed"] as const).map((figure) => ({
    figure,
    op: "==",
    goal: 0,
  })),
});

function add(mode: string, verdict: Verdict): void {
  for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += verdict[key];
  if (verdict.suspects.length > 0) note(`${mode}: something is wrong with requests ${verdict.suspects.join(", ")}`);
}

function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  console.error(`${name} takes a whole number, not "${text}"\n${usage}`);
  process.exit(2);
}
