// Bad input against the real doors in a process of their own: is every answer right, is nothing good lost, what does it cost?
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { type Case, post, protobuf } from "./badinput/case.ts";
import { connectionCases } from "./badinput/connections.ts";
import { corpusCases } from "./badinput/corpora.ts";
import { type Door, startDoor } from "./badinput/door.ts";
import { grpcCases } from "./badinput/grpc.ts";
import { startIdle } from "./badinput/idle.ts";
import { madeCases } from "./badinput/made.ts";
import { spans } from "./badinput/messages.ts";
import { printReport } from "./lib/report.ts";

const usage = "badinput [--only GROUP]: cases of bad input, of one group or all";
/** How often a good sender sends meanwhile. */
const GOOD_MS = 25;
const SHOWN = 40;
const markers = `SELECT SpanName AS text FROM homeostat.otel_traces WHERE startsWith(SpanName, 'valid')
  UNION ALL SELECT MetricName FROM homeostat.otel_metrics_gauge WHERE startsWith(MetricName, 'valid')
  UNION ALL SELECT Body FROM homeostat.otel_logs WHERE startsWith(Body, 'valid')`;

const { values } = parseArgs({ options: { only: { type: "string" }, help: { type: "boolean" } } });
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}
const cases = [...corpusCases(), ...madeCases(), ...connectionCases(), ...grpcCases()].filter(
  ({ group }) => values.only === undefined || group === values.only,
);
const directory = mkdtempSync(join(tmpdir(), "homeostat-badinput-"));
let wrong = 0;
let serverErrors = 0;
let crashes = 0;
let rssPerRequestMib = 0;
let delayP99Ms = 0;
let delayMaxMs = 0;
let idleP99Ms = 0;
let overIdleP99Ms = 0;
let sent = 0;
const expected: string[] = [];
const answeredMs: number[] = [];
let goodRefused = 0;
const idle = startIdle();
try {
  await run();
} finally {
  idle.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const door = await startDoor(directory);
  // The decoding thread is started and its code compiled before anything counts.
  for (let i = 0; i < 200; i++) await good(door, `valid warm ${i}`);
  answeredMs.length = 0;
  let sending = true;
  const goodSender = (async () => {
    for (let i = 0; sending; i++) {
      await Promise.all([good(door, `valid meanwhile ${i}`), new Promise((resolve) => setTimeout(resolve, GOOD_MS))]);
    }
  })();
  for (const group of new Set(cases.map((one) => one.group))) await runGroup(door, group);
  sending = false;
  await goodSender;
  const { counts } = await door.stats();
  const stored = new Set(await door.texts(markers));
  const lost = expected.filter((marker) => !stored.has(marker));
  for (const marker of lost.slice(0, SHOWN)) console.error(`lost: ${marker}`);
  await door.stop();
  console.error(JSON.stringify(counts, undefined, 1));
  const sorted = answeredMs.toSorted((a, b) => a - b);
  printReport({
    bench: "badinput",
    figures: {
      cases: cases.length,
      wrong_answers: wrong,
      server_errors: serverErrors,
      crashes,
      valid_items: expected.length,
      valid_lost: lost.length,
      good_requests: sent,
      good_refused: goodRefused,
      good_answer_p99_ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
      good_answer_max_ms: Math.round(sorted.at(-1) ?? 0),
      loop_delay_p99_ms: delayP99Ms,
      loop_delay_max_ms: delayMaxMs,
      // Of a process that does nothing, in the same time: what the machine itself is late by.
      idle_delay_p99_ms: idleP99Ms,
      // The most by which a group's delay is above that of the idle process in the same time.
      loop_delay_over_idle_p99_ms: Math.round(overIdleP99Ms * 10) / 10,
      rss_per_request_mib: Math.round(rssPerRequestMib),
    },
    goals: [
      { figure: "wrong_answers", op: "==", goal: 0 },
      { figure: "server_errors", op: "==", goal: 0 },
      { figure: "crashes", op: "==", goal: 0 },
      { figure: "valid_lost", op: "==", goal: 0 },
      { figure: "good_refused", op: "==", goal: 0 },
      { figure: "good_answer_max_ms", op: "<", goal: 2000 },
      { figure: "loop_delay_p99_ms", op: "<", goal: 50 },
      { figure: "rss_per_request_mib", op: "<", goal: 64 },
    ],
  });
  if (wrong + serverErrors + crashes + lost.length + goodRefused > 0) process.exitCode = 1;
}

async function runGroup(door: Door, group: string): Promise<void> {
  await Promise.all([door.reset(), idle.reset()]);
  const started = performance.now();
  const mine = cases.filter((one) => one.group === group);
  let most = 0;
  for (const one of mine) {
    const grew = await door.growth(() => runCase(door, one));
    if (one.many !== true && grew > most) {
      most = grew;
      if (grew > 48) console.error(`${group}: ${one.name}: RSS +${Math.round(grew)} MiB`);
    }
    if (!door.alive()) {
      crashes++;
      throw new Error(`the doors died of ${group}: ${one.name}`);
    }
  }
  rssPerRequestMib = Math.max(rssPerRequestMib, most);
  const { delayP99Ms: p99, delayMaxMs: max } = await door.stats();
  const machine = await idle.delay();
  idleP99Ms = Math.max(idleP99Ms, machine.p99Ms);
  overIdleP99Ms = Math.max(overIdleP99Ms, p99 - machine.p99Ms);
  delayP99Ms = Math.max(delayP99Ms, p99);
  delayMaxMs = Math.max(delayMaxMs, max);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(
    `${group}: ${mine.length} cases in ${seconds} s; event-loop delay p99 ${p99} ms, max ${max} ms (idle process: ${machine.p99Ms}, ${machine.maxMs}); RSS at most +${Math.round(most)} MiB`,
  );
}

async function runCase(door: Door, one: Case): Promise<void> {
  const says = await one.run(door).catch((error: unknown) => String(error));
  if (says === undefined) {
    expected.push(...(one.valid ?? []));
    return;
  }
  wrong++;
  if (/answered 50[0-24-9]/.test(says)) serverErrors++;
  if (wrong <= SHOWN) console.error(`${one.group}: ${one.name}: ${says}`);
}

/** A good sender, from an address of its own, on a kept connection. */
async function good(door: Door, name: string): Promise<void> {
  const started = performance.now();
  const { status } = await post(door.httpPort, "/v1/traces", spans([{ name }]), protobuf, "127.0.0.1");
  answeredMs.push(performance.now() - started);
  sent++;
  if (status === 200) expected.push(name);
  else {
    goodRefused++;
    if (goodRefused <= SHOWN) console.error(`a good request was answered ${status}`);
  }
}
