// What a tick over 100,000 series costs: the query through the real embedded store, the Head taking it in, every series judged.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeriesDetection } from "../src/detect/series/series-detection.ts";
import { silentTelemetry } from "../src/model/ports/telemetry.ts";
import { createHead } from "../src/observe/head.ts";
import { openStore } from "../src/store/store.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";
import { createSenders, seriesCount } from "./tick/feed.ts";
import { judgeBytesPerSeries } from "./tick/memory.ts";

const stepMs = 10_000;
const windowMs = 1_800_000;
/** Each is 10 s of telemetry. With 200 and more the window of the Head fills on the way: that takes some ten minutes. */
const rounds = Number(argument("--rounds") ?? 72);
const threads = Number(argument("--threads") ?? 1);
/** The first rounds make all series known and all memory. */
const warmRounds = 12;
const measured = 20;
if (!(rounds >= warmRounds + 2 * measured)) throw new Error(`--rounds takes ${warmRounds + 2 * measured} and more`);

const judgeBytes = await judgeBytesPerSeries(seriesCount, stepMs);
process.stderr.write(`judging takes ${Math.round(judgeBytes)} bytes a series\n`);
const directory = mkdtempSync(join(tmpdir(), "homeostat-tick-"));
const store = await openStore({ directory, now: Date.now }, silentTelemetry);
try {
  await run();
} finally {
  await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const begin = Math.floor(Date.now() / stepMs) * stepMs - rounds * stepMs;
  const spent = { query: 0, engine: 0 };
  const read = store.reader.columnsAfter!;
  const head = createHead(
    {
      windowMs,
      stepMs,
      rateWindowMs: 30_000,
      latenessMs: 0,
      idleMs: 60_000,
      maxSeries: 200_000,
      mappings: [],
      pagePoints: 1_000_000,
    },
    {
      reader: {
        metricsAfter: store.reader.metricsAfter,
        async columnsAfter(cursor, notBefore) {
          const engine = engineSeconds();
          const own = process.cpuUsage();
          const page = await read(cursor, notBefore);
          spent.query += cpuSecondsSince(own);
          spent.engine += engineSeconds() - engine;
          return page;
        },
      },
      telemetry: silentTelemetry,
    },
  );
  await using detection = await createSeriesDetection(
    { stepMs, falseEpisodesPerWeek: 0.5, threads },
    { steps: head.steps, exclusions: { current: () => [] }, telemetry: silentTelemetry },
  );
  const senders = createSenders();
  const began = heldBytes();
  const ticks: Tick[] = [];
  let anomalies = 0;
  for (let round = 1; round <= rounds; round++) {
    const at = begin + round * stepMs;
    for (const sender of senders) await store.journal.append(sender.batches(round, at, begin));
    await store.flushed();
    spent.query = 0;
    spent.engine = 0;
    const whole = process.cpuUsage();
    await head.refresh(at);
    const intake = cpuSecondsSince(whole) - spent.query;
    const judging = process.cpuUsage();
    for (const frame of head.frames(at)) anomalies += (await detection.step(frame.at)).length;
    const judge = cpuSecondsSince(judging);
    const { query, engine } = spent;
    ticks.push({ query, engine, intake, judge, whole: query + engine + intake + judge });
    if (round % 6 === 0)
      process.stderr.write(`round ${round}: ${JSON.stringify(rounded(ticks.at(-1)!))}, ${anomalies} anomalies\n`);
  }
  const { series } = detection.state();
  if (series < seriesCount) throw new Error(`only ${series} series are judged`);
  const held = heldBytes() - began;
  const snapshot = await detection.snapshot();
  const early = ticks.slice(warmRounds, warmRounds + measured);
  const late = ticks.slice(-measured);
  const of = (part: keyof Tick, some: readonly Tick[]): number => median(some.map((tick) => tick[part]));
  printReport({
    bench: "tick",
    figures: {
      series,
      rounds,
      tick_s: of("whole", late),
      // What detection holds of a series: detectors, episodes, and ten minutes of steps still to be learned.
      bytes_per_series: judgeBytes,
      // What the Head holds beside it after so many rounds: labels, index and the points of its window so far.
      head_bytes_per_series: Math.max(0, held / series - judgeBytes),
      whole_bytes_per_series: held / series,
      growth_ratio: of("whole", late) / of("whole", early),
      query_s: of("query", late),
      engine_s: of("engine", late),
      intake_s: of("intake", late),
      judge_s: of("judge", late),
      resident_mib: Math.round(process.memoryUsage().rss / 2 ** 20),
      snapshot_bytes_per_series: (snapshot?.length ?? Number.NaN) / series,
      anomalies,
    },
    goals: [
      { figure: "tick_s", op: "<", goal: 1 },
      { figure: "bytes_per_series", op: "<", goal: 2048 },
      { figure: "growth_ratio", op: "<=", goal: 1.1 },
    ],
  });
}

interface Tick {
  readonly query: number;
  readonly engine: number;
  readonly intake: number;
  readonly judge: number;
  readonly whole: number;
}

function rounded(tick: Tick): Record<string, number> {
  return Object.fromEntries(Object.entries(tick).map(([name, value]) => [name, Number(value.toFixed(3))]));
}

/** Resident, threads included; what reading takes beside what is kept is in it. */
function heldBytes(): number {
  global.gc?.();
  return process.memoryUsage().rss;
}

/** User and system time of the engine's process so far. */
function engineSeconds(): number {
  const pid = store.info().enginePid;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
