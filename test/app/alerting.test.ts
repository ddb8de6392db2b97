// Alerting as the service wires it, against receivers on real sockets: joining what is open, restarts, classes.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, test } from "vitest";
import { openAlerting } from "../../src/app/alerting.ts";
import { Config, type ConfigInput } from "../../src/app/config-schema.ts";
import { openState } from "../../src/app/state.ts";
import { classOf } from "../../src/deliver/feeds/alert.ts";
import type { Alert } from "../../src/model/anomaly.ts";
import type { Diagnosis, Incident } from "../../src/model/incident.ts";
import type { Labels } from "../../src/model/labels.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Listener, listen } from "../deliver/feed-kit.ts";
import { memoryRecords } from "../deliver/memory-records.ts";
import { until } from "../support/service.ts";

const start = Date.parse("2026-03-02T10:00:00Z");
const seconds = (count: number): number => start + count * 1000;
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "homeostat-alerting-"));
  cleanup.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function open(deliver: ConfigInput["deliver"], directory: string, records = memoryRecords()) {
  const config = Config.parse({ deliver: { allow: ["127.0.0.0/8"], ...deliver } }).deliver;
  const state = await openState(directory, silentTelemetry);
  const alerting = await openAlerting(config, { records, telemetry: silentTelemetry, state, now: () => start });
  cleanup.push(() => alerting[Symbol.asyncDispose]());
  return alerting;
}

function alert(rule: string, labels: Labels, state: Alert["state"] = "firing"): Alert {
  return { id: `id-${rule}`, rule, group: "g", state, labels, annotations: {}, activeAt: start, value: 1 };
}
const burn = alert("BudgetBurn", { slo: "latency" });
const incident: Incident = {
  id: "i1",
  state: "open",
  title: "Slow",
  severity: "critical",
  onset: start,
  openedAt: start,
  updatedAt: start,
  entities: ["replica:a"],
  symptoms: [burn.id],
};
const diagnosis: Diagnosis = {
  id: "d1",
  incident: "i1",
  at: start,
  causes: [],
  summary: "the cache is full",
  falsifiedBy: "",
};

const bodies = (hook: Listener, path: string) =>
  hook.seen.filter((one) => one.path === path).map(({ body }) => JSON.parse(body));

test("a diagnosis joins the pager's incident and the chat's thread, also after a restart, and never opens another", async () => {
  await using hook = await listen(({ path }) =>
    path === "/slack" ? { status: 200, body: '{"ok":true,"ts":"1700000000.000100"}' } : { status: 202 },
  );
  const deliver: ConfigInput["deliver"] = {
    receivers: [
      { name: "pager", format: "pagerduty", url: `${hook.url}/pager`, routingKey: "secret-key" },
      {
        name: "chat",
        format: "slack-api",
        url: `${hook.url}/slack`,
        token: "xoxb-1",
        channel: "C1",
        classes: ["page"],
      },
    ],
    route: {
      receiver: "chat",
      group_by: ["alertname"],
      group_wait: "1s",
      group_interval: "5s",
      routes: [{ receiver: "pager", continue: true }, { receiver: "chat" }],
    },
  };
  const directory = folder();
  const records = memoryRecords();
  const first = await open(deliver, directory, records);
  await first.step(seconds(0), true, { alerts: [burn], incidents: [] });
  await first.step(seconds(2), true, undefined);
  await until(async () => bodies(hook, "/pager").length === 1 && bodies(hook, "/slack").length === 1);
  await until(async () => first.feeds.snapshot().threads.some(({ ts }) => ts !== undefined));
  await first[Symbol.asyncDispose]();

  const second = await open(deliver, directory, records);
  await second.step(seconds(10), true, { alerts: [burn], incidents: [{ incident, diagnosis }] });
  second.feeds.mitigating("i1", "restart of replica:a");
  await second.step(seconds(11), true, undefined);
  await until(async () => bodies(hook, "/pager").length === 3 && bodies(hook, "/slack").length === 3);
  await second.step(seconds(20), true, { alerts: [], incidents: [] });
  await second.step(seconds(30), true, undefined);
  await until(async () => bodies(hook, "/pager").length === 4 && bodies(hook, "/slack").length === 4);

  const pager = bodies(hook, "/pager");
  expect(pager.map(({ event_action }) => event_action)).toEqual(["trigger", "trigger", "acknowledge", "resolve"]);
  expect(new Set(pager.map(({ dedup_key }) => dedup_key)).size).toBe(1);
  expect(pager[1]).toMatchObject({
    routing_key: "secret-key",
    payload: { custom_details: { diagnosis: "the cache is full" } },
  });
  const chat = bodies(hook, "/slack");
  expect(chat.map(({ thread_ts }) => thread_ts)).toEqual([undefined, ...Array(3).fill("1700000000.000100")]);
  expect(hook.seen.find(({ path }) => path === "/slack")?.headers.authorization).toBe("Bearer xoxb-1");
  // Keys are for the wire: the outbox does not know them.
  expect(JSON.stringify(records.all.deliveries)).not.toMatch(/secret-key|xoxb/);
  // When it fires again later, it is a thread of its own.
  await second.step(seconds(100), true, { alerts: [burn], incidents: [] });
  await second.step(seconds(110), true, undefined);
  await until(async () => bodies(hook, "/slack").length === 5);
  expect(bodies(hook, "/slack")[4].thread_ts).toBeUndefined();
});

test("a rule that cannot be evaluated is not over, and what fired when it was last known still does", async () => {
  await using hook = await listen();
  const receivers = [{ name: "desk", format: "alertmanager-webhook" as const, url: `${hook.url}/desk` }];
  const route = { receiver: "desk", group_wait: "1s", group_interval: "1s", routes: [] };
  const alerting = await open({ receivers, route }, folder());
  await alerting.step(seconds(0), true, { alerts: [burn], incidents: [] });
  await alerting.step(seconds(2), true, { alerts: [alert("BudgetBurn", {}, "unknown")], incidents: [] });
  await alerting.step(seconds(4), true, { alerts: [], incidents: [] });
  await alerting.step(seconds(6), true, undefined);
  await until(async () => bodies(hook, "/desk").length === 2);
  expect(bodies(hook, "/desk").map(({ status }) => status)).toEqual(["firing", "resolved"]);
  expect(bodies(hook, "/desk")[1].alerts[0].endsAt).toBe(new Date(seconds(4)).toISOString());
});

test("state that cannot be read is counted and left aside", async () => {
  const directory = folder();
  writeFileSync(join(directory, "alerting"), '{"version":1,"feeds":');
  const alerting = await open({}, directory);
  expect(alerting.silences.list()).toEqual([]);
});

describe("by default only what users feel pages", () => {
  const table: readonly [Labels, "page" | "ticket"][] = [
    [{ slo: "latency" }, "page"],
    [{ slo: "latency", severity: "critical" }, "page"],
    [{ slo: "latency", severity: "ticket" }, "ticket"],
    [{ kind: "error-budget-burn" }, "page"],
    [{ kind: "forecast-exhaustion" }, "page"],
    [{ kind: "data-exposure" }, "page"],
    [{ kind: "data-exposure", severity: "ticket" }, "ticket"],
    [{ severity: "page" }, "page"],
    [{ severity: "critical" }, "ticket"],
    [{ severity: "warning", failure_mode: "kv-cache-thrash" }, "ticket"],
    [{ slo: "" }, "ticket"],
    [{}, "ticket"],
  ];
  it.each(table)("%j is a %s", (labels, expected) => expect(classOf(labels)).toBe(expected));

  test.each(table)("%j reaches the receivers of its class: %s", async (labels, expected) => {
    await using hook = await listen(() => ({ status: 202 }));
    const receivers = [
      { name: "pager", format: "pagerduty" as const, url: `${hook.url}/pager`, routingKey: "k" },
      { name: "desk", format: "alertmanager-webhook" as const, url: `${hook.url}/desk`, classes: ["ticket" as const] },
      { name: "all", format: "cloudevents" as const, url: `${hook.url}/all` },
      { name: "actions", url: `${hook.url}/actions`, secret: `whsec_${Buffer.alloc(24, 1).toString("base64")}` },
    ];
    const alerting = await open({ receivers }, folder());
    await alerting.step(seconds(0), true, { alerts: [alert("A", labels)], incidents: [] });
    await alerting.step(seconds(31), true, undefined);
    const one = expected === "page" ? "/pager" : "/desk";
    await until(async () => hook.seen.length >= 2);
    expect(hook.seen).toHaveLength(2);
    expect(new Set(hook.seen.map(({ path }) => path))).toEqual(new Set([one, "/all"]));
  });

  test("an operator may let more page, by matchers", async () => {
    await using hook = await listen(() => ({ status: 202 }));
    const receivers = [{ name: "pager", format: "pagerduty" as const, url: `${hook.url}/pager`, routingKey: "k" }];
    const alerting = await open({ receivers, page: ['severity="critical"'] }, folder());
    await alerting.step(seconds(0), true, { alerts: [alert("A", { severity: "critical" })], incidents: [] });
    await alerting.step(seconds(31), true, undefined);
    await until(async () => hook.seen.length === 1);
  });
});

test("the watchdog beats while looks are healthy and stops when they are not", async () => {
  await using hook = await listen();
  const watchdog = { url: `${hook.url}/alive`, interval: "10s", method: "GET" as const };
  const alerting = await open({ watchdog }, folder());
  for (const [at, healthy] of [
    [0, true],
    [5, true],
    [10, true],
    [20, false],
    [30, false],
  ] as const) {
    await alerting.step(seconds(at), healthy, undefined);
  }
  await until(async () => hook.seen.length === 2);
  await alerting.step(seconds(40), true, undefined);
  await until(async () => hook.seen.length === 3);
});

it.each([
  [{ receivers: [{ name: "a", format: "pagerduty" }] }, /routingKey/],
  [{ receivers: [{ name: "a", url: "http://x" }] }, /secret/],
  [{ receivers: [{ name: "a", format: "teams" }] }, /url/],
  [
    {
      receivers: [
        { name: "a", format: "slack", url: "http://x" },
        { name: "a", format: "slack", url: "http://x" },
      ],
    },
    /taken/,
  ],
  [
    { receivers: [{ name: "a", format: "slack", url: "http://x" }], route: { receiver: "b" } },
    /no receiver is called b/,
  ],
  [{ page: ["severity"] }, /matcher/],
])("a configuration that makes no sense is refused: %j", (deliver, why) => {
  const read = Config.safeParse({ deliver });
  expect(read.success).toBe(false);
  expect(JSON.stringify(read.error?.issues)).toMatch(why);
});
