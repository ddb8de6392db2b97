// Alerting by the API: other systems' alerts taken one by one, silences by people with the role, and Alertmanager's shape.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { bodies, now, openWorld, postJson, type World } from "./kit.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.show[Symbol.asyncDispose]());

const post = (path: string, body: unknown) => world.get(path, postJson(body));
const json = async (answer: Response): Promise<Record<string, unknown>> => (await answer.json()) as never;

describe("alerts of others", () => {
  test("a webhook's bad alerts are counted and do not spoil the good ones", async () => {
    const alerts = [
      { labels: { alertname: "W" } },
      { labels: {} },
      { labels: { a: 1 } },
      "x",
      { labels: { homeostat: "homeostat" } },
    ];
    const answer = await post("/api/v1/alerts/intake", { version: "4", status: "firing", alerts });
    expect([answer.status, await json(answer)]).toEqual([200, { taken: 1, own: 1, repeated: 0, dropped: 0, wrong: 3 }]);
    expect(world.counted.get("homeostat.show.dropped bad-alert")).toBe(3);
  });

  test("Prometheus' list is taken as Alertmanager takes it: good ones stay when others are refused", async () => {
    const good = {
      labels: { alertname: "P" },
      startsAt: "2026-03-01T11:00:00.123456789Z",
      endsAt: "0001-01-01T00:00:00Z",
    };
    expect((await post("/api/v2/alerts", [good])).status).toBe(200);
    const answer = await post("/api/v2/alerts", [{ labels: { alertname: "Q" } }, { labels: {}, startsAt: "soon" }]);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(await json(answer))).toContain("1 of 2 alerts were not taken");
    const { taken } = world.deps.alerting.intake.take([{ labels: { alertname: "Q" }, annotations: {} }], now, 1000);
    expect(taken).toBe(0);
  });

  it.each([
    ["/api/v1/alerts/intake", { version: "3", status: "firing", alerts: [] }],
    ["/api/v1/alerts/intake", { version: "4", status: "firing", alerts: Array(1001).fill({}) }],
    ["/api/v1/alerts/intake", []],
    ["/api/v2/alerts", { labels: {} }],
    ["/api/v2/alerts", Array(1001).fill({})],
  ])("%s refuses %#", async (path, body) => {
    expect((await post(path, body)).status).toBe(400);
  });
});

describe("silences", () => {
  test("are made, listed, read and ended; every step is in the change log with who did it", async () => {
    const made = await post("/api/v1/silences", bodies["/api/v1/silences"]);
    const { data } = (await json(made)) as { data: { id: string } };
    expect(data).toMatchObject({ startsAt: now, endsAt: now + 3_600_000, createdBy: "local", comment: "upgrade" });
    expect(world.deps.alerting.silences.list()).toHaveLength(1);
    expect(await json(await world.get("/api/v1/silences"))).toMatchObject({ data: [data] });
    const path = `/api/v1/silences/${data.id}`;
    expect(await json(await world.get(path))).toEqual({ data });
    const ended = await world.get(path, { method: "DELETE" });
    expect(await json(ended)).toMatchObject({ data: { endsAt: now } });
    // Ending it again changes nothing and is no news.
    expect((await world.get(path, { method: "DELETE" })).status).toBe(200);
    expect(world.changes.map(({ by, summary }) => `${by}: ${summary.slice(0, 20)}`)).toEqual([
      'local: silence made: {a="b"',
      'local: silence ended: {a="b'.slice(0, 27),
    ]);
    expect(world.changes[0]).toMatchObject({ kind: "other", target: "service:homeostat" });
  });

  it.each([
    [{ matchers: [] }, "matchers"],
    [{ matchers: [{ name: "a", op: "=~", value: "(" }] }, "refused"],
    [{ matchers: [{ name: "a", op: "=~", value: ".*" }] }, "silence everything"],
    [{ matchers: [{ name: "a b", op: "=", value: "x" }] }, "label name"],
    [{ duration: "soon" }, "endsAt"],
    [{ duration: undefined, endsAt: now - 1 }, "endsAt"],
    [{ duration: "9000d" }, "year"],
    [{ comment: "" }, "comment"],
    [{ comment: "a\nb" }, "comment"],
    [{ surprise: 1 }, "key"],
  ])("refuses %j", async (wrong, says) => {
    const answer = await post("/api/v1/silences", { ...(bodies["/api/v1/silences"] as object), ...wrong });
    expect([answer.status, JSON.stringify(await json(answer))]).toEqual([400, expect.stringContaining(says)]);
  });

  test("one that cannot be written into the change log does not take effect", async () => {
    const add = () => Promise.reject(new Error("disk full"));
    const broken = await openWorld({ deps: { changes: { add, within: async () => [] } } });
    const answer = await broken.get("/api/v1/silences", postJson(bodies["/api/v1/silences"]));
    expect(answer.status).toBe(503);
    const matches = broken.deps.alerting.silences.list().filter(({ endsAt }) => endsAt > now);
    expect(matches).toEqual([]);
    await broken.show[Symbol.asyncDispose]();
  });

  const amtool = ["/usr/bin/amtool", "/usr/local/bin/amtool"].find((path) => existsSync(path));
  it.skipIf(amtool === undefined)("amtool makes, lists and ends one (needs amtool)", async () => {
    const real = await openWorld({ deps: { now: Date.now } });
    const url = `--alertmanager.url=${real.show.url}`;
    // Not awaited by blocking: the server lives in this process.
    const run = (...args: string[]) =>
      new Promise<string>((resolve, reject) => {
        const child = spawn(amtool!, [...args, url], { stdio: ["ignore", "pipe", "pipe"] });
        let text = "";
        child.stdout.on("data", (chunk) => (text += chunk));
        child.stderr.on("data", (chunk) => (text += chunk));
        child.once("close", (code) => (code === 0 ? resolve(text) : reject(new Error(text))));
      });
    const id = (
      await run("silence", "add", "alertname=Slow", "pod=~vllm-.*", "--comment=upgrade", "--author=me", "--duration=1h")
    ).trim();
    expect(real.deps.alerting.silences.list()).toMatchObject([
      { id, createdBy: "me", matchers: [{ op: "=" }, { op: "=~" }] },
    ]);
    expect(await run("silence", "query")).toContain(id);
    await run("silence", "expire", id);
    expect(real.deps.alerting.silences.list()[0]!.endsAt).toBeLessThanOrEqual(Date.now());
    await real.show[Symbol.asyncDispose]();
  });
});
