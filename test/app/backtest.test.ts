// Live, backtest and replay over the same telemetry, through the real embedded store: the same anomalies.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Command, Io } from "../../src/app/command.ts";
import { backtest } from "../../src/app/commands/backtest.ts";
import { replay } from "../../src/app/commands/replay.ts";
import { seriesShare } from "../../src/app/series.ts";
import { configured, storeOptions } from "../../src/app/store-options.ts";
import { createSeriesDetection } from "../../src/detect/series/series-detection.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createHead } from "../../src/observe/head.ts";
import { createDecoder } from "../../src/receive/decoder.ts";
import { openStore } from "../../src/store/store.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-backtest-"));
const stepMs = 30_000;
const rounds = 120;
const faultAt = 105;
const series = 30;
const begin = Math.floor(Date.now() / 3_600_000 - 3) * 3_600_000;
const sets = [`dataDirectory=${folder}`, "observe.step=30s", "detect.learned=false", "store.diskFloorMib=0"];
const lines: string[] = [];
let live: readonly Anomaly[] = [];

/** A round's request: gauges, and counters that rise by about as much each time. */
function request(round: number, at: number, totals: number[]): string {
  const random = seededRandom(round);
  const point = (i: number, value: number) => ({
    timeUnixNano: `${at}000000`,
    startTimeUnixNano: `${begin}000000`,
    asDouble: value,
    attributes: [{ key: "i", value: { stringValue: String(i) } }],
  });
  const odd = (i: number): number => (i === 7 && round >= faultAt ? 50 : 0);
  const gauges = Array.from({ length: series }, (_, i) => point(i, 20 + i + normal(random) + odd(i)));
  const counters = Array.from({ length: series }, (_, i) => {
    totals[i] = (totals[i] ?? 0) + 100 + 5 * normal(random) + 100 * odd(i);
    return point(i, totals[i] ?? 0);
  });
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "db" } }] };
  const metrics = [
    { name: "queue", gauge: { dataPoints: gauges } },
    { name: "errors_total", sum: { dataPoints: counters, aggregationTemporality: 2, isMonotonic: true } },
  ];
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
}

beforeAll(async () => {
  const config = configured({ file: undefined, sets });
  await using store = await openStore(storeOptions(config, folder), silentTelemetry);
  const { window, step, rateWindow, lateness, idle, maxSeries } = config.observe;
  const head = createHead(
    {
      windowMs: window,
      stepMs: step,
      rateWindowMs: rateWindow,
      latenessMs: lateness,
      idleMs: idle,
      maxSeries,
      mappings: [],
    },
    { reader: store.reader, telemetry: silentTelemetry },
  );
  await using detection = await createSeriesDetection(
    { stepMs, falseEpisodesPerWeek: config.detect.falseEpisodesPerWeek * seriesShare, threads: 1 },
    { steps: head.steps, exclusions: { current: () => [] }, telemetry: silentTelemetry },
  );
  const decoder = createDecoder({ window: null });
  const told = new Map<string, Anomaly>();
  const totals: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const at = begin + round * stepMs;
    lines.push(request(round, at, totals));
    decoder.decode("metrics", "json", new TextEncoder().encode(lines.at(-1)), at);
    await store.journal.append(decoder.seal().batches);
    await store.flushed();
    for (let more = true; more; ) {
      more = (await head.refresh(at)).more;
      for (const frame of head.frames(at))
        for (const anomaly of await detection.step(frame.at)) told.set(anomaly.id, anomaly);
    }
  }
  live = [...told.values()].sort((a, b) => a.onset - b.onset || (a.id < b.id ? -1 : 1));
  writeFileSync(join(folder, "metrics.jsonl"), `${lines.join("\n")}\nno JSON\n`);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

async function run(command: Command, args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = { out: (line) => void out.push(line), err: (line) => void err.push(line) };
  const code = await command.run([...args, ...sets.flatMap((set) => ["--set", set])], io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const essence = (anomalies: readonly Anomaly[]) =>
  anomalies.map(({ id, onset, tail, entity, series: labels, endedAt }) => ({
    id,
    onset,
    tail,
    entity,
    labels,
    endedAt,
  }));

it("live tells of the gauge and the counter that went wrong", () => {
  expect(live.map((one) => [one.series?.["__name__"], one.series?.["i"]]).sort()).toEqual([
    ["errors_total", "7"],
    ["queue", "7"],
  ]);
});

it("backtest over the stored telemetry gives the same ids, onsets and tails", async () => {
  const from = new Date(begin).toISOString();
  const to = new Date(begin + (rounds + 1) * stepMs).toISOString();
  const { code, out } = await run(backtest, ["--from", from, "--to", to, "--learn", "0", "--json"]);
  expect(code).toBe(0);
  const judged = JSON.parse(out) as { anomalies: Anomaly[]; series: number };
  expect(judged.series).toBe(2 * series);
  expect(essence(judged.anomalies)).toEqual(JSON.parse(JSON.stringify(essence(live))));
  const none = await run(backtest, ["--from", from, "--to", to, "--learn", "0", "--detector", "dropout"]);
  expect(none.out).toMatch(/^0 anomalies in \d+ steps over 7200 points of 60 series/);
  expect(none.err).toBe("none is of dropout; there are some of series");
});

it("replay of the same telemetry as a file gives the same, and tells of lines it cannot read", async () => {
  const { code, out, err } = await run(replay, [join(folder, "metrics.jsonl"), "--json"]);
  expect(code).toBe(0);
  expect(err).toMatch(/metrics\.jsonl:121: /);
  expect(essence((JSON.parse(out) as { anomalies: Anomaly[] }).anomalies)).toEqual(
    JSON.parse(JSON.stringify(essence(live))),
  );
});

it("what cannot be taken is told in a line", async () => {
  await expect(run(backtest, [])).rejects.toThrow("say from when");
  await expect(run(backtest, ["--from", "1h", "--to", "2h"])).rejects.toThrow("--from must be before --to");
  await expect(run(replay, [join(folder, "none")])).rejects.toThrow("is no file");
});
