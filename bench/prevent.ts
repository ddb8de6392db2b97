// Forecasts on the simulated fleet: how long before the end what runs out is told, and how often what does not is. Any folder of
// scenarios may be given. Only what a forecast reads is run: no detection, no diagnosis.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Config } from "../src/app/config-schema.ts";
import { createMetricPages } from "../src/app/gauntlet/memory/metric-pages.ts";
import { createSpanGroups } from "../src/app/gauntlet/memory/span-groups.ts";
import { loadKnowledge } from "../src/app/knowledge.ts";
import { createForecastWatch } from "../src/detect/forecast/watch.ts";
import { silentTelemetry } from "../src/model/ports/telemetry.ts";
import { createGpuNames } from "../src/observe/gpu-names.ts";
import { createHead } from "../src/observe/head.ts";
import { parseScenario } from "../src/simulate/scenario-file.ts";
import { createSimulation } from "../src/simulate/simulation.ts";
import { coverageOf } from "../test/detect-forecast/simulated.ts";
import { median, printReport } from "./lib/report.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string", default: "^(none-|fm-0[48]-|fm-47-)" } },
});
const startAt = Date.UTC(2026, 0, 14, 12);
const stepMs = 15_000;
/** Modes in which something runs out slowly enough to be foreseen. */
const slow = new Set(["FM-04", "FM-08", "FM-47"]);
const config = Config.parse({});
const knowledge = loadKnowledge(config);
const folder = positionals[0] ?? join(fileURLToPath(new URL(".", import.meta.url)), "../test/gauntlet");

const leads: number[] = [];
let [faults, foreseenFaults, falseRaises, healthyMinutes] = [0, 0, 0, 0];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml") && new RegExp(flags.only).test(name))) {
  const parsed = parseScenario(file, readFileSync(join(folder, file), "utf8"));
  if (!parsed.ok) continue;
  const { scenario, durationMs, truth } = parsed.value;
  const told = await foreseenIn(scenario, durationMs);
  const isSlow = slow.has(truth.mode);
  const onset = truth.onset ?? Number.POSITIVE_INFINITY;
  const right = told.filter(({ at }) => isSlow && at >= onset);
  const early = told.filter(({ at }) => truth.mode === "NONE" || at < onset);
  healthyMinutes += Math.min(onset, durationMs) / 60_000;
  falseRaises += early.length;
  if (isSlow) {
    faults++;
    if (right.length > 0) foreseenFaults++;
    for (const { at, likely } of right.slice(0, 1)) leads.push((likely - at) / 60_000);
  }
  for (const one of told)
    console.error(
      `${file}: at ${min(one.at)} min (onset ${min(onset)}) ${one.key}: ${min(one.earliest)} to ${min(one.latest)}, likely ${min(one.likely)}`,
    );
  if (told.length === 0) console.error(`${file}: nothing foreseen (${truth.mode})`);
}
const weeks = healthyMinutes / (7 * 1440);
const coverage = Object.fromEntries(
  [0.25, 2.2].flatMap((days) =>
    [15, 60, 120].map((lead) => [
      `coverage_80_days_${days}_lead_${lead}`,
      coverageOf({ series: 200, days, coverage: 0.8, lead }),
    ]),
  ),
);
printReport({
  bench: "prevent",
  figures: {
    slow_faults: faults,
    foreseen_share: foreseenFaults / Math.max(1, faults),
    lead_minutes_median: median(leads),
    false_raises: falseRaises,
    healthy_weeks: weeks,
    false_raises_per_week: falseRaises / weeks,
    ...coverage,
  },
  goals: [
    { figure: "false_raises", op: "<=", goal: 0 },
    { figure: "coverage_80_days_2.2_lead_60", op: ">=", goal: 0.75 },
  ],
});

/** What is newly foreseen, in milliseconds from the start. */
async function foreseenIn(scenario: Parameters<typeof createSimulation>[0], durationMs: number) {
  const { window: windowMs, step, rateWindow, lateness, idle, maxSeries } = config.observe;
  const pages = createMetricPages();
  const head = createHead(
    {
      ...{ windowMs, stepMs: step, rateWindowMs: rateWindow, latenessMs: lateness, idleMs: idle, maxSeries },
      ...{ mappings: knowledge.mappings, gpus: createGpuNames(silentTelemetry) },
    },
    { reader: pages, spans: createSpanGroups(), telemetry: silentTelemetry },
  );
  const { horizon, certificates, coverage, queueLimit } = config.prevent;
  const options = { horizonMs: horizon, certificatesMs: certificates, coverage, queueLimit };
  const watch = createForecastWatch(options, { source: head, telemetry: silentTelemetry });
  const simulation = createSimulation(scenario, { startAt });
  const found = new Map<string, { key: string; at: number; earliest: number; likely: number; latest: number }>();
  for (let atMs = stepMs; atMs <= durationMs; atMs += stepMs) {
    const { recorded } = simulation.advance(atMs);
    for (const { data } of recorded.metrics) pages.add(data);
    await head.refresh(startAt + atMs);
    for (const _ of head.frames(startAt + atMs));
    if (atMs % 60_000 !== 0) continue;
    for (const { key, earliest, likely, latest = Number.POSITIVE_INFINITY } of await watch.step(startAt + atMs)) {
      const times = { earliest: earliest - startAt, likely: likely - startAt, latest: latest - startAt };
      if (!found.has(key)) found.set(key, { key, at: atMs, ...times });
    }
  }
  return [...found.values()];
}

function min(ms: number): string {
  return (ms / 60_000).toFixed(0);
}
