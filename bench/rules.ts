// What 1,000 rules over 100,000 active series cost every 15 s: our Head and rule engine beside Prometheus.
import { createRules } from "../src/detect/rules/engine.ts";
import { parseRuleFile } from "../src/detect/rules/rule-file.ts";
import { silentTelemetry } from "../src/model/ports/telemetry.ts";
import type { RawPage } from "../src/model/ports/telemetry-reader.ts";
import { createHead } from "../src/observe/head.ts";
import { cpuSecondsSince, printReport } from "./lib/report.ts";
import { measurePrometheus } from "./rules/prometheus.ts";
import { prometheusSeries, rawPoints, rawSeries, ruleFile } from "./rules/series.ts";

const intervalMs = 15_000;
const warmRounds = 22;
const measuredRounds = 12;
const begin = Math.floor(Date.UTC(2026, 0, 1) / intervalMs) * intervalMs;

const parsed = parseRuleFile("bench.yml", ruleFile("15s", "5m"));
if (parsed.file === undefined)
  throw new Error(`the bench's own rules are wrong: ${JSON.stringify(parsed.mistakes[0])}`);
const series = rawSeries();
let page: RawPage = { series, points: [], cursor: "" };
const head = createHead(
  {
    windowMs: 1_800_000,
    stepMs: intervalMs,
    rateWindowMs: 60_000,
    latenessMs: 0,
    idleMs: intervalMs,
    maxSeries: 200_000,
    mappings: [],
  },
  {
    reader: {
      async metricsAfter(cursor) {
        return page.cursor === cursor ? { series: [], points: [], cursor } : page;
      },
    },
    telemetry: silentTelemetry,
  },
);
const rules = createRules([parsed.file], { source: head, telemetry: silentTelemetry });
let intake = 0;
let evaluation = 0;
for (let round = 1; round <= warmRounds + measuredRounds; round++) {
  const at = begin + round * intervalMs;
  page = { series: round === 1 ? series : [], points: rawPoints(series, round, at), cursor: String(round) };
  const beforeIntake = process.cpuUsage();
  await head.refresh(at);
  head.frames(at);
  if (round > warmRounds) intake += cpuSecondsSince(beforeIntake);
  const beforeRules = process.cpuUsage();
  await rules.evaluate(at);
  if (round > warmRounds) evaluation += cpuSecondsSince(beforeRules);
}
const failed = rules.groups().flatMap((group) => group.rules.filter((rule) => rule.health !== "ok"));
if (failed.length > 0) throw new Error(`${failed.length} rules failed: ${failed[0]!.name}: ${failed[0]!.error}`);
const recorded = rules.recorded([{ name: "__name__", op: "=", value: "fleet:counter_0:rate" }], {
  from: begin,
  to: Infinity,
});
if (recorded.length !== 7) throw new Error(`a recording rule gave ${recorded.length} series instead of 7`);

const rulesSeconds = evaluation / measuredRounds;
const intakeSeconds = intake / measuredRounds;
const residentMib = process.memoryUsage().rss / 2 ** 20;
process.stderr.write(
  `rules ${rulesSeconds.toFixed(3)} s, intake ${intakeSeconds.toFixed(3)} s of CPU an interval; now Prometheus\n`,
);
const peer = process.argv.includes("--alone") ? undefined : await measurePrometheus();
if (peer === undefined) process.stderr.write("no peer: `prometheus` is not installed or was not asked for\n");
printReport({
  bench: "rules",
  figures: {
    rules: 1000,
    series: prometheusSeries,
    core_share: (rulesSeconds + intakeSeconds) / (intervalMs / 1000),
    rules_cpu_s: rulesSeconds,
    intake_cpu_s: intakeSeconds,
    resident_mib: Math.round(residentMib),
    ...(peer === undefined
      ? {}
      : {
          cpu_ratio_vs_prometheus: rulesSeconds / peer.rulesSeconds,
          whole_ratio_vs_prometheus: (rulesSeconds + intakeSeconds) / peer.wholeSeconds,
        }),
  },
  goals: peer === undefined ? [] : [{ figure: "cpu_ratio_vs_prometheus", op: "<=", goal: 2 }],
  peers:
    peer === undefined
      ? {}
      : {
          [`prometheus ${peer.version}`]: {
            whole_cpu_s: peer.wholeSeconds,
            rules_cpu_s: peer.rulesSeconds,
            resident_mib: Math.round(peer.residentMib),
          },
        },
});
