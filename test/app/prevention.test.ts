// What is foreseen becomes an incident and a proposal; what is over brings text to paste.
import { expect, test } from "vitest";
import { parse } from "yaml";
import { backtestOf, episodesOf } from "../../src/app/incident/rule-backtest.ts";
import { probeOf, safeguardsOf } from "../../src/app/incident/safeguards.ts";
import type { Story } from "../../src/app/incident/story.ts";
import { readFolder, shipped } from "../../src/app/paths.ts";
import { createPrevention } from "../../src/app/prevention.ts";
import type { Foreseen } from "../../src/detect/forecast/watch.ts";
import { loadFailureModes } from "../../src/diagnose/failure-modes.ts";
import type { Proposal } from "../../src/model/action.ts";
import type { Incident } from "../../src/model/incident.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";

const { modes } = loadFailureModes(readFolder(shipped.failureModes, ".yaml"));
const minute = 60_000;
const start = Date.UTC(2026, 0, 14, 12);
const leak: Foreseen = {
  key: "forecast:container-memory:container:a",
  resource: {
    ...{ id: "container-memory", name: "host memory", metric: "container:memory_working_set_bytes" },
    ...{ failureMode: "host-memory-leak", advice: "restart it" },
  },
  ...{ entity: "container:a", labels: {}, share: 0.7, fittedMinutes: 30 },
  ...{ earliest: start + 40 * minute, likely: start + 60 * minute, latest: start + 90 * minute },
};

function open(foreseen: () => readonly Foreseen[]) {
  const feed = createEventFeed(silentTelemetry);
  const told: { type: string; text: string }[] = [];
  feed.follow((event) => void told.push(event));
  const proposals: Proposal[] = [];
  const entities = [
    { id: "container:a", kind: "container", name: "a", labels: {}, place: { pod: "p" } },
    { id: "replica:r", kind: "replica", name: "r", labels: {}, place: { pod: "p" } },
  ] as const;
  const prevention = createPrevention({
    ...{ modes, feed, telemetry: silentTelemetry, coverage: 0.8, entities: () => entities },
    watch: { step: () => Promise.resolve(foreseen()) },
    act: {
      propose(proposal) {
        proposals.push(proposal);
        return Promise.resolve([]);
      },
    },
    keeper: { keep: () => Promise.resolve() },
  });
  return { prevention, told, proposals };
}

test("a leak is told once, with its interval, proposed as preventive, and over when it is no longer foreseen", async () => {
  let foreseen = [leak];
  const { prevention, told, proposals } = open(() => foreseen);
  await prevention.step(start);
  await prevention.step(start + minute);
  expect(told.map(({ type }) => type)).toEqual(["incident"]);
  expect(told[0]!.text).toContain("runs out between 2026-01-14 12:40 UTC and 2026-01-14 13:30 UTC (80 %)");
  expect(proposals).toMatchObject([
    { origin: "preventive", action: { kind: "restart-replica", target: "replica:r", failureMode: "host-memory-leak" } },
  ]);
  const remedy = modes
    .find(({ id }) => id === "host-memory-leak")!
    .remedies.find((one) => one.action === "restart-replica");
  expect(proposals[0]!.action.safety).toBe(remedy!.safety);
  expect(prevention.open()[0]!.incident).toMatchObject({ severity: "warning", origin: "preventive", state: "open" });
  foreseen = [];
  await prevention.step(start + 2 * minute);
  expect(told.at(-1)!.type).toBe("resolved");
  expect(prevention.open()).toEqual([]);
});

test("what an earlier run left open is taken up, not told anew", async () => {
  const first = open(() => [leak]);
  await first.prevention.step(start);
  const second = open(() => [leak]);
  second.prevention.adopt(first.prevention.open().map(({ incident }) => incident));
  await second.prevention.step(start + minute);
  expect(second.told).toEqual([]);
});

const incident: Incident = {
  ...{ id: "i1", state: "resolved", title: "t", severity: "critical", entities: ["replica:r"], symptoms: [] },
  ...{ onset: start, openedAt: start + 10 * minute, updatedAt: start, resolvedAt: start + 30 * minute },
};

test("a backtest counts firings for nothing, and neither those of incidents nor single looks", () => {
  const value = (i: number): number => ((i >= -100 && i < -95) || i === -50 || i >= 3 ? 10 : 1);
  const points = Array.from({ length: 200 }, (_, i) => [start + (i - 180) * minute, value(i - 180)] as const);
  const courses = [{ entity: "replica:r", points }];
  const episodes = episodesOf(courses, (one) => one > 5);
  expect(backtestOf(episodes, courses, incident, [])).toEqual({
    firedAt: start + 5 * minute,
    falseAlarms: 1,
    days: 0.125,
  });
  const other = { ...incident, onset: start - 101 * minute, resolvedAt: start - 90 * minute };
  expect(backtestOf(episodes, courses, incident, [other]).falseAlarms).toBe(0);
});

test("the change that set it off brings a guard, and names from outside cannot break the text", async () => {
  const change = { id: "c1", at: start, kind: "config", target: 'deployment:x"\n- y', summary: "s" } as const;
  const trigger = { ...change, before: { max_num_seqs: "256", "--flag`": "on" }, after: { max_num_seqs: "8" } };
  const cause = {
    failureMode: "disk-full",
    trigger: "c1",
    code: "",
    title: "",
    probability: 1,
    location: "x",
    for: [],
    against: [],
  };
  const diagnosis = { id: "d", incident: "i1", at: start, causes: [cause], summary: "", falsifiedBy: "" };
  const story: Story = {
    ...{ incident, anomalies: [], alerts: [], diagnoses: [diagnosis], actions: [], findings: [], changes: [trigger] },
    ...{ window: { from: 0, to: 1 }, heard: {} },
  };
  const api = {
    find: () => Promise.resolve(undefined),
    list: () => Promise.resolve([]),
    post: () => Promise.reject(new Error("reads only")),
  };
  const proposed = await safeguardsOf(api, story, modes, start);
  expect(proposed.map(({ kind }) => kind)).toEqual(["config-guard", "config-guard", "forecast-watch"]);
  expect(proposed[0]!.says).toBe("max_num_seqs may not fall below 256");
  expect(proposed[1]!.says).toBe("--flag` may not be removed");
  for (const { yaml } of proposed) expect(() => parse(yaml)).not.toThrow();
  const severities = proposed.flatMap(({ yaml }) => /severity: (\w+)/.exec(yaml)?.[1] ?? []);
  expect(severities).toEqual(["ticket"]);
  expect(parse(proposed[0]!.yaml).guards[0].target).toBe(change.target);
  expect(await safeguardsOf(api, { ...story, incident: { ...incident, state: "open" } }, modes, start)).toEqual([]);
});

test("every probe that is proposed is one that ships", async () => {
  const shippedIds = readFolder(shipped.probes, ".yaml").map(({ text }) => (parse(text) as { id: string }).id);
  expect(Object.values(probeOf).filter((id) => !shippedIds.includes(id))).toEqual([]);
  expect(Object.keys(probeOf).filter((id) => !modes.some((mode) => mode.id === id))).toEqual([]);
});
