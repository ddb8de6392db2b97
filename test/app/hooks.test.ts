// What leaves by webhook as the service wires it: every format signed, secrets exchanged, CloudEvents with the whole diagnosis.
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import { connectorFor, escalationOf, requestOf, undoOf } from "../../src/act/connectors.ts";
import { openAlerting } from "../../src/app/alerting.ts";
import { Config, type ConfigInput } from "../../src/app/config-schema.ts";
import { withDiagnosis } from "../../src/app/with-diagnosis.ts";
import { formatNames } from "../../src/deliver/feeds/formats/formats.ts";
import type { Diagnosis } from "../../src/model/incident.ts";
import type { OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { connectors, proposal } from "../act/bench.ts";
import { type Listener, listen } from "../deliver/feed-kit.ts";
import { memoryRecords } from "../deliver/memory-records.ts";
import { diagnosis as sample } from "../show/samples.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const next = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

async function open(deliver: ConfigInput["deliver"]) {
  const records = memoryRecords();
  const config = Config.parse({ deliver: { allow: ["127.0.0.0/8"], externalUrl: "https://h.example/", ...deliver } });
  const state = { load: async () => undefined, save: async () => {} };
  const now = (): number => Date.now();
  const { deliver: notifier, ...alerting } = await openAlerting(config.deliver, {
    ...{ records, telemetry: silentTelemetry, state, now },
  });
  cleanup.push(() => alerting[Symbol.asyncDispose]());
  notifier.heed(() => ({ kind: "go" }));
  return { notifier, records, config };
}

const { action } = proposal();
const connector = { ...connectorFor(action, connectors)!, receiver: "ops", undo: ["restart-replica" as const] };
const change = { action: action.id, target: action.target };
const asks: OutgoingMessage = { ...requestOf(action, connector), change };
const takesBack: OutgoingMessage = { ...undoOf(action, connector)!, change: { ...change, undo: true } };
const tells: OutgoingMessage = escalationOf(action, connector, "did not help");

const verify = ({ seen }: Listener, key: string) =>
  seen.map(({ body, headers }) => new Webhook(key).verify(body, headers as Record<string, string>));

describe("the reference library verifies", () => {
  const more: Partial<Record<string, object>> = {
    pagerduty: { routingKey: "r" },
    "slack-api": { token: "t", channel: "C1" },
  };
  test.each(formatNames)(
    "every delivery in the format %s, with either secret while they are exchanged",
    async (format) => {
      await using hook = await listen(() => ({ status: 200, body: '{"ok":true}' }));
      const receiver = { name: "ops", format, url: `${hook.url}/x`, secret: [secret, next], ...more[format] };
      const { notifier } = await open({ receivers: [receiver] });
      for (const message of [asks, takesBack, tells])
        expect(await notifier.send(message)).toMatchObject({ kind: "delivered" });
      expect(await notifier.send({ ...tells, id: "own", body: '{"a":1}' })).toMatchObject({ kind: "delivered" });
      for (const key of [secret, next]) expect(verify(hook, key)).toHaveLength(4);
      expect(() => verify(hook, `whsec_${Buffer.alloc(32, 1).toString("base64")}`)).toThrow();
    },
  );

  test("nothing with the old secret once it is gone", async () => {
    await using hook = await listen();
    const { notifier } = await open({ receivers: [{ name: "ops", url: `${hook.url}/x`, secret: next }] });
    await notifier.send(asks);
    expect(verify(hook, next)).toHaveLength(1);
    expect(() => verify(hook, secret)).toThrow();
  });
});

describe("a CloudEvents receiver", () => {
  const cloud = (hook: Listener) => ({ name: "ops", format: "cloudevents" as const, url: `${hook.url}/x`, secret });

  test("gets an action with the whole diagnosis, named by its idempotency key", async () => {
    await using hook = await listen();
    const { notifier, records } = await open({ receivers: [cloud(hook)] });
    const seen = [{ id: "change", state: "seen", evidence: sample.causes[0]!.for[0]! } as const];
    const diagnosis: Diagnosis = { ...sample, incident: "i1", path: seen };
    await records.put("diagnoses", [{ ...sample, id: "d0", incident: "i0" }, diagnosis]);
    const told = withDiagnosis(notifier, { records, telemetry: silentTelemetry });
    for (const message of [asks, takesBack, tells]) await told.send(message);
    const events = hook.seen.map(({ body }) => JSON.parse(body));
    expect(events[0]).toEqual({
      specversion: "1.0",
      id: action.idempotencyKey,
      source: "https://h.example",
      type: "io.homeostat.action.requested",
      subject: action.target,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      datacontenttype: "application/json",
      data: { ...JSON.parse(JSON.stringify(asks.data)), diagnosis: JSON.parse(JSON.stringify(diagnosis)) },
    });
    const { causes, incident, path } = events[0].data.diagnosis;
    expect([incident, causes[0].for.length > 0, Array.isArray(causes[0].against)]).toEqual(["i1", true, true]);
    expect(path).toEqual(JSON.parse(JSON.stringify(seen)));
    // `source` and `id` name one event: what takes it back, and what tells of it, are others.
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
    expect(events.map(({ type }) => type)).toEqual([
      ...["io.homeostat.action.requested", "io.homeostat.action.undo", "io.homeostat.action.escalated"],
    ]);
    expect(hook.seen[0]?.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    expect(verify(hook, secret)).toHaveLength(3);
  });

  test("gets a diagnosis that is too large cut, and says so; without one that can be read the message goes as it is", async () => {
    await using hook = await listen();
    const { notifier, records } = await open({ receivers: [cloud(hook)] });
    const cause = { ...sample.causes[0]!, title: "x".repeat(3000) };
    await records.put("diagnoses", [{ ...sample, incident: "i1", causes: Array.from({ length: 100 }, () => cause) }]);
    const told = withDiagnosis(notifier, { records, telemetry: silentTelemetry });
    expect(await told.send(asks)).toMatchObject({ kind: "delivered" });
    const event = JSON.parse(hook.seen[0]!.body);
    expect([event.data.diagnosis.causes.length, event.data.diagnosis.truncated]).toEqual([3, true]);
    const broken = { list: () => Promise.reject(new Error("store down")) };
    const blind = withDiagnosis(notifier, { records: broken, telemetry: silentTelemetry });
    expect(await blind.send(tells)).toMatchObject({ kind: "delivered" });
    expect(JSON.parse(hook.seen[1]!.body).data).not.toHaveProperty("diagnosis");
  });

  test("is a choice: the body of all others is as it was", async () => {
    await using hook = await listen();
    const { notifier, records } = await open({ receivers: [{ name: "ops", url: `${hook.url}/x`, secret }] });
    await records.put("diagnoses", [{ ...sample, incident: "i1" }]);
    await withDiagnosis(notifier, { records, telemetry: silentTelemetry }).send(asks);
    expect(JSON.parse(hook.seen[0]!.body)).toEqual({
      type: "action.requested",
      timestamp: expect.any(String),
      data: JSON.parse(JSON.stringify(asks.data)),
    });
  });
});

test.each([
  [{ secret: "whsec_short" }, /deliver\.receivers\.0\.secret|whsec_ and 16 to 64/],
  [{ secret: [secret, "hunter2hunter2"] }, /whsec_ and 16 to 64/],
  [{ secret: [] }, /secret/],
  [{ secret, resultSecret: "hunter2hunter2" }, /whsec_ and 16 to 64/],
])("a secret that is none stops the start without being told: %#", (wrong, says) => {
  const parsed = Config.safeParse({ deliver: { receivers: [{ name: "ops", url: "https://x.example/", ...wrong }] } });
  const text = JSON.stringify(parsed.error?.issues);
  expect(text).toMatch(says);
  expect(text).not.toContain("hunter2");
});
