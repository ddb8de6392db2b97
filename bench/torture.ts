// Whether anything that was acknowledged is lost or stored twice when processes die, the power fails or the database is
// away. Made to run unattended: says where it is on stderr, and ends with one JSON document also when it is interrupted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../src/math/random.ts";
import { printReport } from "./lib/report.ts";
import { crashPoints } from "./torture/crash-points.ts";
import type { Verdict } from "./torture/judge.ts";
import { killLoop } from "./torture/kills.ts";
import { outage } from "./torture/outage.ts";
import { powerCuts } from "./torture/power-cuts.ts";

const usage = `npm run torture -- [options]
  --kills N            kill -9 of the service or its engine, N times (200 unless other modes are named)
  --crash-points N|all a death before each change to the disk on one request's way; at most N points
  --power-cuts N       N cuts of the power under the data directory (root, loop devices)
  --outage SECONDS     the ClickHouse server is refusing, hanging and cut off for so long
  --backlog-mib N      with --outage: refuse intake from that backlog on, and be away until it was reached
  --round N            judge every N kills or power cuts, and go on with empty data (100)
  --seed N             seed of all that is random (1)
  --keep               keep the data directories
SIGINT or SIGTERM ends it after the step that is running, with the figures so far; a second one at once.`;

const { values } = parseArgs({
  options: {
    kills: { type: "string" },
    "crash-points": { type: "string" },
    "power-cuts": { type: "string" },
    outage: { type: "string" },
    "backlog-mib": { type: "string" },
    round: { type: "string" },
    seed: { type: "string" },
    keep: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}

const points = values["crash-points"];
const others = points !== undefined || values["power-cuts"] !== undefined || values.outage !== undefined;
const kills = whole("--kills", values.kills ?? (others ? "0" : "200"));
const cuts = whole("--power-cuts", values["power-cuts"] ?? "0");
const seconds = whole("--outage", values.outage ?? "0");
const backlogLimitMib = values["backlog-mib"] === undefined ? undefined : whole("--backlog-mib", values["backlog-mib"]);
const limit = points === undefined || points === "all" ? undefined : whole("--crash-points", points);
const round = Math.max(1, whole("--round", values.round ?? "100"));
const seed = whole("--seed", values.seed ?? "1");
const draw = seededRandom(seed);
const folder = mkdtempSync(join(tmpdir(), "homeostat-torture-"));
const began = performance.now();
const note = (text: string): void => {
  const gone = new Date(performance.now() - began).toISOString().slice(11, 19);
  console.error(`${gone} ${text}`);
};

const figures: Record<string, number> = { seed };
const total = { acknowledged: 0, lost: 0, duplicated: 0, wrong: 0, torn: 0, unindexed: 0 };
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    if (interrupted.signal.aborted) {
      cleanUp();
      report();
      process.exit(1);
    }
    note(`${signal}: ending after this step; once more to end at once`);
    interrupted.abort();
  });

note(`seed ${seed}, data in ${folder}`);
try {
  await runKills();
  if (points !== undefined && !interrupted.signal.aborted) await runCrashPoints();
  await runPowerCuts();
  if (seconds > 0 && !interrupted.signal.aborted) await runOutage();
} catch (error) {
  // A terminal interrupts the service under torture as well; the rounds before are still good.
  if (!interrupted.signal.aborted) throw error;
  note(`the last round is not judged: ${String(error)}`);
} finally {
  cleanUp();
}
report();

async function runKills(): Promise<void> {
  const common = { draw, note, stop: interrupted.signal };
  for (let done = 0, rounds = 1; done < kills && !interrupted.signal.aborted; rounds++) {
    const directory = join(folder, `kills-${rounds}`);
    const roundBegan = performance.now();
    const outcome = await killLoop({ ...common, directory, kills: Math.min(round, kills - done), before: done });
    const killed = Object.values(outcome.kills).reduce((sum, one) => sum + one, 0);
    done += killed;
    sum("kills", killed);
    sum("kills_of_engine", outcome.kills.engine + outcome.kills.both);
    sum("resent_unanswered", outcome.resentUnanswered);
    sum("resent_acknowledged", outcome.resentAcknowledged);
    sum("kill_seconds", (performance.now() - roundBegan) / 1000);
    figures["slowest_start_ms"] = Math.max(figures["slowest_start_ms"] ?? 0, outcome.slowestStartMs);
    add(`${done} of ${kills} kills`, outcome);
    if (values.keep !== true) rmSync(directory, { recursive: true, force: true });
  }
}

async function runCrashPoints(): Promise<void> {
  const outcome = await crashPoints({
    directory: join(folder, "crash-points"),
    workDirectory: folder,
    draw,
    note,
    stop: interrupted.signal,
    ...(limit === undefined ? {} : { limit }),
  });
  if (outcome === undefined) return note("crash points skipped: they need Linux and a C compiler named cc");
  sum("crash_points", outcome.points);
  sum("crash_points_in_engine", outcome.inEngine);
  add("crash points", outcome);
}

async function runPowerCuts(): Promise<void> {
  for (let done = 0; done < cuts && !interrupted.signal.aborted; ) {
    const cut = Math.min(round, cuts - done);
    const outcome = await powerCuts({ workDirectory: folder, cuts: cut, draw, note, stop: interrupted.signal });
    if (outcome === undefined) return note("power cuts skipped: they need root, mkfs.ext4 and loop devices");
    done += cut;
    sum("power_cuts", outcome.cuts);
    add(`${figures["power_cuts"]} of ${cuts} power cuts`, outcome);
  }
}

async function runOutage(): Promise<void> {
  const outcome = await outage({
    directory: join(folder, "outage"),
    seconds,
    draw,
    note,
    stop: interrupted.signal,
    ...(backlogLimitMib === undefined ? {} : { backlogLimitMib }),
  });
  Object.assign(figures, {
    outage_seconds: Math.round(outcome.awaySeconds),
    outage_requests_acknowledged: outcome.acknowledgedAway,
    outage_refused: outcome.refused,
    outage_refused_without_retry_after: outcome.refusedWithoutRetryAfter,
    outage_backlog_peak_mib: mib(outcome.backlogPeakBytes),
    outage_resident_mib: mib(outcome.residentBytes),
    outage_resident_growth_mib: mib(outcome.residentPeakBytes - outcome.residentBytes),
    outage_catch_up_seconds: Math.round(outcome.catchUpSeconds * 10) / 10,
  });
  add("outage", outcome);
}

function add(mode: string, verdict: Verdict): void {
  for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += verdict[key];
  note(`${mode}: ${JSON.stringify(total)}`);
  if (verdict.suspects.length > 0) note(`${mode}: something is wrong with requests ${verdict.suspects.join(", ")}`);
}

function sum(figure: string, amount: number): void {
  figures[figure] = Math.round(((figures[figure] ?? 0) + amount) * 10) / 10;
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function cleanUp(): void {
  if (values.keep === true) note(`kept: ${folder}`);
  else
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    } catch (error) {
      // An engine that is still ending may write there: no reason to lose what was measured, or why it failed.
      note(`${folder} is left behind: ${String(error)}`);
    }
}

/** Interrupted or not; what was not judged is in no figure. */
function report(): void {
  const zero = ["lost", "duplicated", "wrong", "torn", "unindexed"];
  if (figures["outage_seconds"] !== undefined) zero.push("outage_refused_without_retry_after");
  printReport({
    bench: "torture",
    figures: { ...figures, ...total, interrupted: interrupted.signal.aborted ? 1 : 0 },
    goals: zero.map((figure) => ({ figure, op: "==", goal: 0 })),
  });
}

function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  console.error(`${name} takes a whole number, not "${text}"\n${usage}`);
  process.exit(2);
}
