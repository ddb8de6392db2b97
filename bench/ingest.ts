// What receiving and storing telemetry costs, beside the naive path in the same run. Ends with one JSON document.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../src/math/random.ts";
import { bodiesOf, type Signal } from "./ingest/bodies.ts";
import { decodeRates } from "./ingest/decode.ts";
import { endToEnd } from "./ingest/end-to-end.ts";
import { type FreshBody, freshBody } from "./ingest/fresh.ts";
import { maskCostPerKb } from "./ingest/mask.ts";
import { mergedBytesPerItem } from "./ingest/merged-size.ts";
import { sustain } from "./ingest/sustain.ts";
import { type Goal, printReport, type Report } from "./lib/report.ts";

const usage = `npm run bench:ingest -- [options] [DIR]
  DIR            further bodies: *.pb files with traces, metrics or logs in their names
  --rounds N     rounds of each comparison (5)
  --sustain S    instead: a fixed rate for S seconds
  --rate N       spans a second, and as many points (20000)`;

const compareGoals: readonly Goal[] = [
  { figure: "decode_ratio_vs_protobufjs", op: ">=", goal: 3 },
  { figure: "mask_us_per_kb", op: "<=", goal: 10 },
  { figure: "e2e_ratio_spans", op: ">=", goal: 8 },
  { figure: "e2e_ratio_points", op: ">=", goal: 5 },
  { figure: "e2e_ratio_logs", op: ">=", goal: 8 },
];
const sustainGoals: readonly Goal[] = [
  { figure: "held_spans_per_s", op: ">=", goal: 20_000 },
  { figure: "held_points_per_s", op: ">=", goal: 20_000 },
  { figure: "ack_p99_ms", op: "<", goal: 1500 },
  { figure: "rss_peak_mib", op: "<", goal: 1536 },
];

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string" },
    sustain: { type: "string" },
    rate: { type: "string" },
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "homeostat-ingest-"));
const random = seededRandom(1);
let report: Report;
try {
  report =
    values.sustain === undefined
      ? await compare(whole(values.rounds ?? "5"), positionals[0])
      : await hold(whole(values.sustain), whole(values.rate ?? "20000"));
} finally {
  // Before the report, which is the last thing said: on a slow disk, this takes minutes.
  console.error("removing what was stored");
  rmSync(folder, { recursive: true, force: true });
}
printReport(report);

async function compare(rounds: number, directory: string | undefined): Promise<Report> {
  const made = (signal: Signal): Uint8Array[] => [
    ...bodiesOf(signal, 20, random, Date.now()),
    ...(directory === undefined ? [] : bodiesIn(directory, signal)),
  ];
  const bodies = { traces: made("traces"), metrics: made("metrics"), logs: made("logs") };
  const decode = {
    traces: await decodeRates("traces", bodies.traces),
    metrics: await decodeRates("metrics", bodies.metrics),
    logs: await decodeRates("logs", bodies.logs),
  };
  const maskUsPerKb = await maskCostPerKb(seededRandom(2));
  const fresh = {
    traces: bodies.traces.map((body) => freshBody("traces", body)),
    metrics: bodies.metrics.map((body) => freshBody("metrics", body)),
    logs: bodies.logs.map((body) => freshBody("logs", body)),
  };
  const directories = { ours: join(folder, "ours"), naive: join(folder, "naive") };
  const stored = await endToEnd(directories, fresh, rounds, (text) => console.error(text));
  const merged = await mergedBytesPerItem(directories.ours);
  const figures: Record<string, number> = {
    decode_spans_per_cpu_s: decode.traces.ours,
    decode_ratio_vs_protobufjs: decode.traces.ratio,
    e2e_spans_per_cpu_s: stored.traces.ours,
    e2e_ratio_spans: stored.traces.ratio,
    e2e_ratio_points: stored.metrics.ratio,
    e2e_ratio_logs: stored.logs.ratio,
    bytes_per_span_merged: merged.traces,
    bytes_per_point_merged: merged.metrics,
    bytes_per_log_merged: merged.logs,
    decode_points_per_cpu_s: decode.metrics.ours,
    decode_points_ratio_vs_protobufjs: decode.metrics.ratio,
    decode_logs_per_cpu_s: decode.logs.ours,
    decode_logs_ratio_vs_protobufjs: decode.logs.ratio,
    mask_us_per_kb: maskUsPerKb,
    e2e_points_per_cpu_s: stored.metrics.ours,
    e2e_logs_per_cpu_s: stored.logs.ours,
    e2e_gzip_spans_per_cpu_s: stored.traces.gzip,
    e2e_gzip_points_per_cpu_s: stored.metrics.gzip,
    e2e_gzip_logs_per_cpu_s: stored.logs.gzip,
    e2e_with_merges_spans_per_cpu_s: stored.traces.oursMerged,
    e2e_with_merges_ratio_spans: stored.traces.ratioMerged,
    e2e_with_merges_ratio_points: stored.metrics.ratioMerged,
    e2e_with_merges_ratio_logs: stored.logs.ratioMerged,
  };
  return reportOf("ingest", figures, compareGoals, {
    "protobufjs, objects, client.insert": rounded({
      decode_spans_per_cpu_s: decode.traces.protobufjs,
      decode_points_per_cpu_s: decode.metrics.protobufjs,
      decode_logs_per_cpu_s: decode.logs.protobufjs,
      e2e_spans_per_cpu_s: stored.traces.naive,
      e2e_points_per_cpu_s: stored.metrics.naive,
      e2e_logs_per_cpu_s: stored.logs.naive,
      e2e_with_merges_spans_per_cpu_s: stored.traces.naiveMerged,
    }),
  });
}

async function hold(seconds: number, rate: number): Promise<Report> {
  const made = (signal: "traces" | "metrics"): FreshBody[] =>
    bodiesOf(signal, 64, random, Date.now()).map((body) => freshBody(signal, body));
  const result = await sustain(
    join(folder, "data"),
    { traces: made("traces"), metrics: made("metrics") },
    seconds,
    rate,
  );
  const figures = {
    held_spans_per_s: result.heldSpansPerSecond,
    held_points_per_s: result.heldPointsPerSecond,
    ack_p50_ms: result.ackP50Ms,
    ack_p99_ms: result.ackP99Ms,
    rss_peak_mib: result.residentPeakMib,
    backlog_peak_mib: result.backlogPeakMib,
    drain_seconds: result.drainSeconds,
    refused: result.refused,
    seconds,
  };
  return reportOf("ingest-sustain", figures, sustainGoals, {});
}

function reportOf(
  bench: string,
  figures: Readonly<Record<string, number>>,
  goals: readonly Goal[],
  peers: NonNullable<Report["peers"]>,
): Report {
  return { bench, figures: rounded(figures), goals, peers };
}

/** Three digits, or whole numbers where those are more. */
function rounded(figures: Readonly<Record<string, number>>): Record<string, number> {
  const short = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, short(value)]));
}

function bodiesIn(directory: string, signal: Signal): Uint8Array[] {
  const names = { traces: /trace|span/i, metrics: /metric/i, logs: /log/i }[signal];
  return readdirSync(directory)
    .filter((name) => name.endsWith(".pb") && names.test(name))
    .map((name) => new Uint8Array(readFileSync(join(directory, name))));
}

function whole(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  console.error(`"${text}" is not a whole number above 0\n${usage}`);
  process.exit(2);
}
