// Death of the engine and of whole processes in the middle of work, judged by SQL.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gauges, spans } from "./batches.ts";
import { doors, type Place } from "./doors.ts";
import { until } from "./support.ts";

let place: Place;
const children: ChildProcess[] = [];
const dist = new URL("../../dist", import.meta.url).href;
const t0 = Date.UTC(2026, 0, 2);

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await place.leave();
});

/** Starts a writer whose promises are collected in `promised` from number `start` on. */
function startWriter(start: number, promised: number[], mode = ""): ChildProcess {
  const script = fileURLToPath(new URL("./crash-writer.mjs", import.meta.url));
  const child = spawn(
    process.execPath,
    [script, dist, place.directory, String(start), mode, place.database, place.url ?? ""],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  children.push(child);
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (more: string) => {
    const lines = (text + more).split("\n");
    text = lines.pop()!;
    for (const line of lines) promised.push(line === "open" ? -1 : Number(line));
  });
  return child;
}

describe.each(doors)("$name", (door) => {
  beforeEach(async () => {
    place = await door.enter();
  });

  it("stores every promised row exactly once although the writing process is killed again and again", async () => {
    const promised: number[] = [];
    for (let round = 0; round < 4; round++) {
      const before = promised.length;
      const child = startWriter(round * 1_000_000, promised);
      // The engine of the killed predecessor may still hold the directory: opening waits for it.
      await until("the writer has made promises", () => promised.length > before + 60 + 90 * round);
      child.kill("SIGKILL");
      await once(child, "close");
    }
    const store = await place.open();
    try {
      await store.flushed();
      const numbers = promised.filter((number) => number >= 0);
      const found = await store.rows<{ n: number; c: string; u: string }>(
        `SELECT Value AS n, toString(count()) AS c, toString(uniqExact(SeriesHash)) AS u
        FROM (SELECT Value, SeriesHash FROM ${place.database}.otel_metrics_gauge UNION ALL SELECT Value, SeriesHash FROM ${place.database}.otel_metrics_sum)
        GROUP BY n`,
      );
      const stored = new Map(found.map((row) => [row.n, row]));
      expect(numbers.filter((number) => !stored.has(number))).toEqual([]);
      // A batch nobody was promised may be there too, but whole and once.
      expect(found.filter((row) => row.c !== "50" || row.u !== "50")).toEqual([]);
      expect(found.filter((row) => !store.journal.seen(`key-${row.n}`))).toEqual([]);
      // What one reader sees from the start is what is stored.
      let points = 0;
      for (let cursor = ""; ; ) {
        const page = await store.reader.metricsAfter(cursor, 0);
        points += page.points.length;
        if (page.cursor === cursor) break;
        cursor = page.cursor;
      }
      expect(points).toBe(found.length * 50);
    } finally {
      await store[Symbol.asyncDispose]();
    }
  }, 120_000);

  it("tells a second process that the directory is taken, and by what to help itself", async () => {
    const promised: number[] = [];
    startWriter(0, promised, "once");
    await until("the first holds it", () => promised.length > 0);
    await expect(place.open()).rejects.toMatchObject({
      kind: "directory-in-use",
      message: expect.stringContaining("choose another directory"),
    });
  });
});

describe("the embedded engine", () => {
  beforeEach(async () => {
    place = await doors[0]!.enter();
  });

  it("goes on promising while the engine is killed in mid-insert, and stores everything once", async () => {
    const store = await place.open();
    try {
      let sent = 0;
      for (let kill = 0; kill < 4; kill++) {
        for (let i = 0; i < 30; i++) {
          const points = Array.from({ length: 200 }, (_, j) => ({
            hash: BigInt(j % 9),
            at: t0,
            value: sent * 200 + j,
          }));
          await store.journal.append([gauges(points), spans([`trace-${sent}`], t0)]);
          sent++;
          if (i === 20) process.kill(store.info().enginePid!, "SIGKILL");
        }
        await until(
          "another engine runs",
          () => store.info().engineRestarts === kill + 1 && store.info().enginePid !== undefined,
        );
      }
      await store.flushed();
      const total = String(sent * 200);
      expect(
        await store.rows(
          `SELECT toString(count()) AS c, toString(uniqExact(Value)) AS u FROM ${place.database}.otel_metrics_gauge`,
        ),
      ).toEqual([{ c: total, u: total }]);
      expect(
        await store.rows(`SELECT toString(uniqExact(TraceId)) AS u FROM ${place.database}.otel_traces_trace_id_ts`),
      ).toEqual([{ u: String(sent) }]);
      expect(place.counts.of("homeostat.store.engine_restarts")).toBe(4);
      expect(place.counts.of("homeostat.store.dropped")).toBe(0);
    } finally {
      await store[Symbol.asyncDispose]();
    }
  }, 120_000);

  it.skipIf(process.platform === "win32")("replaces an engine that hangs", async () => {
    const store = await place.open();
    try {
      process.kill(store.info().enginePid!, "SIGSTOP");
      await store.journal.append([gauges([{ hash: 1n, at: t0, value: 1 }])]);
      await until("it was replaced", () => store.info().engineRestarts === 1 && store.info().enginePid !== undefined);
      await store.flushed();
      expect(await store.rows(`SELECT Value AS v FROM ${place.database}.otel_metrics_gauge`)).toEqual([{ v: 1 }]);
    } finally {
      await store[Symbol.asyncDispose]();
    }
  });

  it("keeps an engine that answers, however long our own process is busy", async () => {
    const store = await place.open();
    try {
      const pid = store.info().enginePid;
      for (let stall = 0; stall < 7; stall++) {
        for (const over = performance.now() + 2500; performance.now() < over; );
        await new Promise((turned) => setTimeout(turned));
      }
      await new Promise((turned) => setTimeout(turned, 300));
      expect(store.info()).toMatchObject({ enginePid: pid, engineRestarts: 0 });
    } finally {
      await store[Symbol.asyncDispose]();
    }
  }, 60_000);

  it("leaves no engine behind when its parent is killed", async () => {
    const promised: number[] = [];
    const child = startWriter(0, promised, "once");
    await until("it is open", () => promised.length > 0);
    child.kill("SIGKILL");
    await once(child, "close");
    const store = await place.open();
    expect(await store.rows("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await store[Symbol.asyncDispose]();
  });

  it.skipIf(process.platform !== "linux")(
    "hands the engine process none of our environment (seen through /proc)",
    async () => {
      const store = await place.open();
      const environment = readFileSync(`/proc/${store.info().enginePid}/environ`, "utf8");
      expect(
        environment.split("\0").filter((entry) => !/^(UV_THREADPOOL_SIZE|NODE_CHANNEL_|NODE_UNIQUE_ID)/.test(entry)),
      ).toEqual([""]);
    },
  );
});
