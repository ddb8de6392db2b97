// How often healthy services wake somebody, and whether departures are still found: weeks of simulated fleets through detection and diagnosis.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seriesShare } from "../src/app/series.ts";
import { loadFailureModes } from "../src/diagnose/failure-modes.ts";
import { poissonUpper95 } from "../src/math/bounds.ts";
import type { RecordedRates } from "../src/simulate/demand.ts";
import { median, printReport } from "./lib/report.ts";
import { compileGroupProcess } from "./quiet/compile.ts";
import type { GroupPlan, GroupResult } from "./quiet/group.ts";
import { dealOut, runGroups } from "./quiet/groups.ts";
import { readRecorded } from "./quiet/recorded.ts";

const { values: flags } = parseArgs({
  options: {
    days: { type: "string", default: "28" },
    series: { type: "string", default: "20000" },
    "departure-days": { type: "string", default: "4" },
    departures: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: String(Math.min(2, availableParallelism())) },
    /** Also with recorded traffic, for so many series and days; 0: not. */
    "trace-series": { type: "string", default: "" },
    only: { type: "string", default: "" },
    /** Series of one group: what is run, and kept, in one go. */
    "group-series": { type: "string", default: "2000" },
    /** Only the first so many groups of all. */
    groups: { type: "string", default: "" },
    /** Folder where the result of every group is kept: the same command again goes on where it was ended. */
    out: { type: "string", default: "" },
    /** Run nothing: report on what is kept. */
    "kept-only": { type: "boolean", default: false },
  },
});
const days = Number(flags.days);
const series = Number(flags.series);
const seed = Number(flags.seed);
const processes = Math.max(1, Number(flags.processes));
/** As the service has it unless it is told otherwise. */
const falseEpisodesPerWeek = 1;
const script = flags["kept-only"] ? "" : compileGroupProcess();
const here = fileURLToPath(new URL(".", import.meta.url));
const modesFolder = join(here, "../rules/failure-modes");
const { modes } = loadFailureModes(
  readdirSync(modesFolder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => ({ name, text: readFileSync(join(modesFolder, name), "utf8") })),
);

const figures: Record<string, number> = {};
if (flags.only !== "trace") {
  const results = await run("simulated", series, Number(flags.departures), []);
  Object.assign(figures, quietFigures(results, ""), departureFigures(results));
}
const recorded = readRecorded(join(here, "../../shared/data"));
if (recorded.length === 0) say("left out: recorded traffic needs ../shared/data/traces/servegen");
else if (flags.only !== "simulated") {
  const wanted = flags["trace-series"] === "" ? Math.round(series / 4) : Number(flags["trace-series"]);
  if (wanted > 0) Object.assign(figures, quietFigures(await run("trace", wanted, 0, recorded), "trace_"));
}
printReport({
  bench: "quiet",
  figures,
  goals: [
    { figure: "false_incidents_per_week_upper95", op: "<=", goal: 1 },
    { figure: "series", op: ">=", goal: 20_000 },
    { figure: "days", op: ">=", goal: 28 },
    ...(recorded.length === 0
      ? []
      : [{ figure: "trace_false_incidents_per_week_upper95", op: "<=", goal: 1 } as const]),
  ],
});

/** Deployments until there are enough series, in groups. */
async function run(
  name: string,
  wanted: number,
  departures: number,
  traffic: readonly RecordedRates[],
): Promise<readonly GroupResult[]> {
  const groups = dealOut(seed, wanted, Number(flags["group-series"]));
  const all = groups.flat().length;
  const plans = groups.map((numbers): GroupPlan => {
    // One budget for all: the price of an episode depends on the budget for each series, so a share of the fleet gets its
    // share of it, of the half the service keeps for these signals.
    const share = numbers.length / all;
    return {
      seed,
      numbers,
      falseEpisodesPerWeek: falseEpisodesPerWeek * (1 - seriesShare) * share,
      days,
      departureDays: departures > 0 ? Number(flags["departure-days"]) : 0,
      departures: Math.round(departures * share),
      modes,
      recorded: traffic,
      models: "",
    };
  });
  const asked = flags.groups === "" ? plans : plans.slice(0, Number(flags.groups));
  const results = await runGroups(name, asked, {
    processes,
    script,
    out: flags.out === "" ? undefined : flags.out,
    keptOnly: flags["kept-only"],
    say,
  });
  const done = results.filter((result) => result !== undefined);
  if (done.length < plans.length)
    say(`${name}: ${done.length} of ${plans.length} groups are done; figures are of these`);
  return done;
}

function quietFigures(results: readonly GroupResult[], prefix: string): Record<string, number> {
  const total = (of: (result: GroupResult) => number): number => results.reduce((sum, one) => sum + of(one), 0);
  const incidents = total((result) => result.incidents.length);
  const weeks = days / 7;
  for (const [what, count] of Object.entries(merged(results.map(({ anomalies }) => anomalies))))
    say(`anomalies of healthy days: ${count} of ${what}`);
  const cpuS = total(({ cpuS: { simulate, detect, diagnose } }) => simulate + detect + diagnose);
  return {
    [`${prefix}series`]: total((result) => result.series),
    [`${prefix}groups_done`]: results.length,
    [`${prefix}days`]: days,
    [`${prefix}points`]: total((result) => result.points),
    [`${prefix}false_incidents_per_week`]: incidents / weeks,
    [`${prefix}false_incidents_per_week_upper95`]: poissonUpper95(incidents) / weeks,
    [`${prefix}false_episodes_per_week`]: total((result) => result.episodes) / weeks,
    [`${prefix}cpu_s`]: Math.round(cpuS),
    [`${prefix}detect_points_per_cpu_s`]: Math.round(total(({ points }) => points) / total((one) => one.cpuS.detect)),
  };
}

function departureFigures(results: readonly GroupResult[]): Record<string, number> {
  const judged = results.flatMap((result) => result.judged);
  const out: Record<string, number> = { departures: judged.length };
  for (const kind of [...new Set(judged.map((one) => one.kind))].sort((a, b) => a.localeCompare(b))) {
    const own = judged.filter((one) => one.kind === kind);
    const seen = own.filter(({ anomalyDelayS }) => anomalyDelayS !== undefined).length;
    const woke = own.filter(({ incidentDelayS }) => incidentDelayS !== undefined).length;
    say(`${kind}: of ${own.length} ${seen} found as anomaly, ${woke} as incident`);
    out[`found_share ${kind}`.replaceAll(/[^a-z0-9]+/gi, "_")] = seen / own.length;
  }
  const delays = (what: "anomalyDelayS" | "incidentDelayS"): number[] => judged.flatMap((one) => one[what] ?? []);
  const [found, incidents] = [delays("anomalyDelayS"), delays("incidentDelayS")];
  out["found_share"] = found.length / judged.length;
  out["incident_share"] = incidents.length / judged.length;
  if (found.length > 0) out["median_delay_s"] = median(found);
  if (incidents.length > 0) out["incident_median_delay_s"] = median(incidents);
  out["false_incidents_of_departure_days"] = results.reduce((sum, { falseLater }) => sum + falseLater.length, 0);
  return out;
}

function merged(all: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const out: Record<string, number> = {};
  for (const one of all) for (const [key, count] of Object.entries(one)) out[key] = (out[key] ?? 0) + count;
  return out;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
