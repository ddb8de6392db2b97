// Webhooks against real receivers on loopback: signed, retried, durable, and sent nowhere they should not go.
import { Webhook } from "standardwebhooks";
import { expect, test, vi } from "vitest";
import { createDeliver } from "../../src/deliver/deliver.ts";
import type { OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { answering, atEnd, deliverTo, receiver, secret } from "./hook-kit.ts";
import { memoryRecords } from "./memory-records.ts";

const otherSecret = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
const message: OutgoingMessage = { id: "m-1", receiver: "ops", type: "action.requested", data: { n: 1 } };

test("a delivered message carries a signature that the reference library accepts", async () => {
  const { url, seen } = await receiver(answering(204));
  const { deliver, records } = deliverTo(url);
  expect(await deliver.send(message)).toMatchObject({ kind: "delivered", status: 204, attempts: 1 });
  const { headers, body } = seen[0]!;
  const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
  expect(verified).toMatchObject({ type: "action.requested", data: { n: 1 } });
  expect(() => new Webhook(otherSecret).verify(body, headers as Record<string, string>)).toThrow();
  expect(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>)).toThrow();
  expect(records.all.deliveries).toMatchObject([{ id: "m-1", state: "delivered", attempts: 1, status: 204 }]);
});

test("while a secret is rotated, both the old and the new one verify", async () => {
  const { url, seen } = await receiver(answering(200));
  const { deliver } = deliverTo(url, { receivers: [{ name: "ops", url, secret: [secret, otherSecret] }] });
  await deliver.send(message);
  for (const key of [secret, otherSecret]) {
    new Webhook(key).verify(seen[0]!.body, seen[0]!.headers as Record<string, string>);
  }
});

test("the outbox holds the message before the first attempt", async () => {
  const order: string[] = [];
  const { url } = await receiver((response) => {
    order.push("received");
    response.end();
  });
  const records = memoryRecords();
  records.onPut = (kind, [record]) => order.push(`${kind} ${(record as { state: string }).state}`);
  await deliverTo(url, {}, { records }).deliver.send(message);
  expect(order).toEqual(["deliveries pending", "received", "deliveries delivered"]);
});

test.each([408, 425, 429, 500, 503])("%i is tried again with the same id and a fresh signature", async (status) => {
  const { url, seen } = await receiver(answering(status, status, 200));
  expect(await deliverTo(url).deliver.send(message)).toMatchObject({ kind: "delivered", status: 200, attempts: 3 });
  expect(seen.map(({ headers }) => headers["webhook-id"])).toEqual(["m-1", "m-1", "m-1"]);
  for (const { headers, body } of seen) new Webhook(secret).verify(body, headers as Record<string, string>);
});

test.each([400, 401, 404, 410, 422])("%i is final", async (status) => {
  const { url, seen } = await receiver(answering(status));
  const { deliver, records } = deliverTo(url);
  expect(await deliver.send(message)).toMatchObject({ kind: "failed", attempts: 1 });
  expect(seen).toHaveLength(1);
  expect(records.all.deliveries).toMatchObject([{ state: "failed", status }]);
});

test("a redirect is not followed", async () => {
  const inner = await receiver(answering(200));
  const { url } = await receiver((response) => response.writeHead(307, { location: inner.url }).end());
  expect(await deliverTo(url).deliver.send(message)).toMatchObject({ kind: "failed" });
  expect(inner.seen).toHaveLength(0);
});

test("it gives up after the configured number of tries", async () => {
  const { url, seen } = await receiver(answering(500));
  expect(await deliverTo(url, { maxAttempts: 3 }).deliver.send(message)).toMatchObject({ kind: "failed", attempts: 3 });
  expect(seen).toHaveLength(3);
});

test("a receiver that breaks the connection or never answers is tried again", async () => {
  const { url } = await receiver((response, count) => {
    if (count === 1) response.destroy();
    else if (count > 2) response.end();
  });
  const options = { receivers: [{ name: "ops", url, secret, timeoutMs: 100 }] };
  expect(await deliverTo(url, options).deliver.send(message)).toMatchObject({ kind: "delivered", attempts: 3 });
});

test("an endless answer is cut off and still counts", async () => {
  const { url } = await receiver((response) => {
    response.writeHead(200);
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      response.once("drain", pour);
    };
    pour();
  });
  expect(await deliverTo(url).deliver.send(message)).toMatchObject({ kind: "delivered" });
});

test("the same id sent twice reaches the receiver once, also after it was delivered", async () => {
  const { url, seen } = await receiver(answering(200));
  const { deliver } = deliverTo(url);
  await Promise.all([deliver.send(message), deliver.send(message)]);
  expect(await deliver.send(message)).toMatchObject({ kind: "delivered", attempts: 1 });
  expect(seen).toHaveLength(1);
});

test("what a stopped run left in the outbox is sent by the next one", async () => {
  let ready: () => void = () => {};
  const asked = new Promise<void>((resolve) => (ready = resolve));
  const { url, seen } = await receiver((response, count) => {
    if (count === 1) ready();
    else response.end();
  });
  const records = memoryRecords();
  const first = deliverTo(url, {}, { records }).deliver;
  const outcome = first.send(message);
  await asked;
  await first[Symbol.asyncDispose]();
  expect(await outcome).toMatchObject({ kind: "failed" });
  expect(records.all.deliveries).toMatchObject([{ state: "pending" }]);
  const second = deliverTo(url, {}, { records }).deliver;
  expect(await second.resume()).toBe(1);
  expect(await second.send(message)).toMatchObject({ kind: "delivered" });
  expect(seen.map(({ body }) => body)).toEqual([seen[0]!.body, seen[0]!.body]);
});

test("a full queue, an unknown receiver and a body that is too large are refused with a reason", async () => {
  const { url } = await receiver(() => {});
  const { deliver } = deliverTo(url, { maxPending: 1, maxBodyBytes: 1000 });
  expect(await deliver.send({ ...message, receiver: "nobody" })).toMatchObject({ kind: "failed", attempts: 0 });
  expect(await deliver.send({ ...message, data: { text: "x".repeat(2000) } })).toMatchObject({ kind: "failed" });
  void deliver.send(message);
  expect(await deliver.send({ ...message, id: "m-2" })).toMatchObject({
    kind: "failed",
    reason: "1 messages are waiting already",
  });
});

test("nothing goes out when the outbox cannot hold it", async () => {
  const { url, seen } = await receiver(answering(200));
  const records = memoryRecords();
  records.onPut = () => {
    throw new Error("disk full");
  };
  expect(await deliverTo(url, {}, { records }).deliver.send(message)).toMatchObject({ kind: "failed", attempts: 0 });
  expect(seen).toHaveLength(0);
});

test("a receiver on a private address is refused unless it is allowed", async () => {
  const { url, seen } = await receiver(answering(200));
  const outcome = await deliverTo(url, { allow: [] }).deliver.send(message);
  expect(outcome).toMatchObject({ kind: "failed", attempts: 1 });
  expect(outcome.kind === "failed" && outcome.reason).toContain("deliver.allow");
  expect(seen).toHaveLength(0);
});

test("a secret that is not one stops the start and is not repeated in the message", () => {
  const start = (): unknown =>
    deliverTo("https://example.com/", { receivers: [{ name: "ops", url: "x", secret: "whsec_hunter2" }] });
  expect(start).toThrow(/receiver ops/);
  expect(start).not.toThrow(/hunter2/);
});

test("messages of one lane arrive in order although the first has to be tried again; others do not wait", async () => {
  const { url, seen } = await receiver((response, count) => response.writeHead(count < 3 ? 500 : 200).end());
  const { deliver } = deliverTo(url, { backoff: { firstMs: 50, maxMs: 50 } });
  const sent = ["m-1", "m-2", "m-3"].map((id) => deliver.send({ ...message, id, lane: "group" }));
  await Promise.all([...sent, deliver.send({ ...message, id: "other" })]);
  const ids = seen.map(({ headers }) => headers["webhook-id"]);
  const lane = ids.filter((id) => id !== "other");
  expect(new Set(lane)).toEqual(new Set(["m-1", "m-2", "m-3"]));
  expect(lane).toEqual(lane.toSorted((a, b) => (a! < b! ? -1 : 1)));
  expect(ids.indexOf("other")).toBeLessThan(ids.indexOf("m-2"));
});

test("a lane keeps its order over a restart", async () => {
  const down = await receiver(answering(500));
  const records = memoryRecords();
  const first = deliverTo(down.url, { backoff: { firstMs: 60_000, maxMs: 60_000 } }, { records }).deliver;
  const sent = ["b", "a"].map((id) => first.send({ ...message, id, lane: "group" }));
  await vi.waitUntil(() => down.seen.length === 1 && records.all.deliveries.length === 2);
  await first[Symbol.asyncDispose]();
  await Promise.all(sent);
  for (const [at, delivery] of records.all.deliveries.entries())
    records.all.deliveries[at] = { ...delivery, nextAttemptAt: 0 };
  const { url, seen } = await receiver(answering(200));
  await deliverTo(url, {}, { records }).deliver.resume();
  await vi.waitUntil(() => seen.length === 2);
  expect(seen.map(({ headers }) => headers["webhook-id"])).toEqual(["b", "a"]);
});

test("a transient message is tried once and kept nowhere", async () => {
  const { url, seen } = await receiver(answering(500));
  const { deliver, records } = deliverTo(url);
  expect(await deliver.send({ ...message, transient: true })).toMatchObject({ kind: "failed", attempts: 1 });
  expect([seen.length, records.all.deliveries]).toEqual([1, []]);
});

test("a body that says no makes a 200 a refusal, keys go on the wire only, and a secret URL is not kept", async () => {
  const { url, seen } = await receiver((response) => response.end('{"ok":false}'));
  const ended: string[] = [];
  const records = memoryRecords();
  const ops = {
    name: "ops",
    url,
    urlIsSecret: true,
    headers: { authorization: "Bearer t" },
    complete: (body: string) => body.replace("}", ',"key":"k"}'),
    judge: (answer: string) =>
      answer.includes("false") ? ({ kind: "final", reason: "it said no" } as const) : undefined,
  };
  const deliver = createDeliver(
    { receivers: [ops], allow: ["127.0.0.0/8"] },
    { records, telemetry: silentTelemetry, now: Date.now, ended: ({ id }, { kind }) => ended.push(`${id} ${kind}`) },
  );
  atEnd(() => deliver[Symbol.asyncDispose]());
  expect(await deliver.send({ ...message, body: '{"a":1}' })).toMatchObject({ kind: "failed", reason: "it said no" });
  expect(seen[0]).toMatchObject({ body: '{"a":1,"key":"k"}', headers: { authorization: "Bearer t" } });
  expect(seen[0]!.headers["webhook-signature"]).toBeUndefined();
  expect(records.all.deliveries).toMatchObject([{ body: '{"a":1}', url: `${new URL(url).origin}/…` }]);
  expect(ended).toEqual(["m-1 failed"]);
});
