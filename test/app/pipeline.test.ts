// The way through of a frame: when the store takes nothing, and what is told of it.
import { expect, test } from "vitest";
import { createPipeline, type Rooms } from "../../src/app/pipeline.ts";
import { createRecordKeeper } from "../../src/app/record-keeper.ts";
import type { Alert, Anomaly } from "../../src/model/anomaly.ts";
import type { Frame } from "../../src/model/frame.ts";
import type { Incident } from "../../src/model/incident.ts";
import type { RecordKind, Records } from "../../src/model/ports/records.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";

const stepMs = 10_000;

/** A store of records that can be switched off. */
function storeOfRecords() {
  const stored = new Map<RecordKind, { readonly id: string }[]>();
  const state = { down: false };
  const records: Records = {
    async put(kind, found) {
      if (state.down) throw new Error("planted: no space left on device");
      stored.set(kind, [...(stored.get(kind) ?? []), ...(found as readonly { readonly id: string }[])]);
    },
    list: async () => [],
  };
  return { records, state, ids: (kind: RecordKind) => (stored.get(kind) ?? []).map(({ id }) => id) };
}

function anomalyAt(at: number): Anomaly {
  return {
    id: `a${at}`,
    entity: "replica:vllm-1",
    signal: "ttft",
    onset: at,
    lastSeen: at,
    tail: 1e-9,
    direction: "up",
    shape: "level",
    observed: 9,
    expected: { low: 0, high: 1 },
    detector: "robust-level",
    evidence: [],
  } as unknown as Anomaly;
}

function frameAt(at: number): Frame {
  const none = new Float64Array(0);
  return {
    at,
    stepMs,
    entities: [],
    slots: new Int32Array(0),
    signals: [],
    values: none,
    quality: new Uint8Array(0),
  };
}

function set(
  records: Records,
  counted: (name: string, n: number, reason: string) => void = () => {},
  open: readonly Anomaly[] = [],
  others: Partial<Rooms> = {},
) {
  const diagnosed: string[] = [];
  const telemetry = {
    ...silentTelemetry,
    count: (name: string, n = 1, labels: Readonly<Record<string, string>> = {}) =>
      counted(name, n, labels["reason"] ?? labels["kind"] ?? ""),
  };
  const keeper = createRecordKeeper(records, telemetry);
  const pipeline = createPipeline({
    head: {
      refresh: async () => ({ more: false }),
      frames: (now) => [frameAt(now)],
      entities: () => [],
    },
    detection: {
      step: async () => [],
      accept: async () => [],
      baseline: () => ({ entities: 0, learnedMs: 0, ready: false }),
    },
    series: { step: async (at) => [anomalyAt(at)], accept: async (which) => open.filter(which) },
    logs: { step: async () => [] },
    rules: { evaluate: async () => [], all: () => [] },
    diagnose: {
      async step({ anomalies }) {
        diagnosed.push(...anomalies.map(({ id }) => id));
        return { incidents: [], diagnoses: [], alerts: [] };
      },
    },
    act: { propose: async () => [], step: async () => [] },
    remedyFor: () => undefined,
    modes: [],
    tune: { recommend: async () => [] },
    foreign: { firing: () => [], changed: () => [] },
    keeper,
    feed: createEventFeed(telemetry),
    telemetry,
    ...others,
  } satisfies Rooms);
  return { pipeline, keeper, diagnosed };
}

test("anomalies that cannot be stored are diagnosed all the same, and stored once the store takes them", async () => {
  const { records, state, ids } = storeOfRecords();
  const { pipeline, keeper, diagnosed } = set(records);
  state.down = true;
  await pipeline.tick(10_000);
  await pipeline.tick(20_000);
  expect(diagnosed).toEqual(["a10000", "a20000"]);
  expect(keeper.trouble()).toContain("no space left");
  state.down = false;
  await pipeline.tick(30_000);
  expect(ids("anomalies")).toEqual(["a10000", "a20000", "a30000"]);
  expect(keeper.trouble()).toBeUndefined();
});

test("what somebody accepts is stored with their name, told, and diagnosis hears of it with the next frame", async () => {
  const { records, ids } = storeOfRecords();
  const { pipeline, diagnosed } = set(records, () => {}, [anomalyAt(7)]);
  expect(await pipeline.accept("a8", "ada")).toBeUndefined();
  expect(await pipeline.accept("a7", "ada")).toMatchObject({ id: "a7", acceptedBy: "ada" });
  expect(ids("anomalies")).toEqual(["a7"]);
  await pipeline.tick(10_000);
  await pipeline.tick(20_000);
  expect(diagnosed).toEqual(["a7", "a10000", "a20000"]);
});

test("of what waits the oldest is let go of beyond a thousand, and counted", async () => {
  const { records, state, ids } = storeOfRecords();
  let dropped = 0;
  const { pipeline } = set(records, (name, n, reason) => {
    if (name === "homeostat.app.dropped" && reason === "unkept-anomalies") dropped += n;
  });
  state.down = true;
  for (let at = 1; at <= 1005; at++) await pipeline.tick(at * stepMs);
  state.down = false;
  await pipeline.tick(1006 * stepMs);
  // Of 1,005 a thousand waited; the last came beside them.
  expect(dropped).toBe(5);
  expect(ids("anomalies").length).toBe(1001);
  expect(ids("anomalies").at(-1)).toBe(`a${1006 * stepMs}`);
});

test("an alert about what an open incident is about says so: a rule may still speak when the repair is under way", async () => {
  const about = (rule: string, entity: string): Alert => ({
    ...{ id: rule, rule, group: "vllm", state: "firing", labels: {}, annotations: { summary: rule } },
    ...{ entity, activeAt: 20_000, value: 1 },
  });
  const incident = {
    id: "i1",
    state: "open",
    title: "Cache full on vllm-1",
    entities: ["replica:vllm-1"],
    openedAt: 1,
  };
  const feed = createEventFeed(silentTelemetry);
  const told: string[] = [];
  feed.follow(({ type, text }) => type === "alert" && told.push(text));
  const { pipeline } = set(storeOfRecords().records, undefined, [], {
    feed,
    rules: {
      evaluate: async (at) => (at > 10_000 ? [about("slow", "replica:vllm-1"), about("odd", "replica:vllm-2")] : []),
      all: () => [],
    },
    diagnose: {
      step: async ({ at }) => ({
        incidents: at > 10_000 ? [] : [incident as unknown as Incident],
        diagnoses: [],
        alerts: [],
      }),
    },
  });
  await pipeline.tick(10_000);
  await pipeline.tick(20_000);
  expect(told).toEqual(["slow (known: Cache full on vllm-1)", "odd"]);
});
