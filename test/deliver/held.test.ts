// What changes the fleet asks before each try whether it may still go; what did not get through is shown and sent again.
import { Webhook } from "standardwebhooks";
import { describe, expect, test, vi } from "vitest";
import type { Clearance } from "../../src/model/ports/notifier.ts";
import type { Delivery } from "../../src/model/ports/records.ts";
import { answering, asked, deliverTo, message, receiver, secret } from "./hook-kit.ts";
import { memoryRecords } from "./memory-records.ts";

const go: Clearance = { kind: "go" };
const wait: Clearance = { kind: "wait", reason: "kill-switch: the kill switch is on" };
const never: Clearance = { kind: "never", reason: "it is older than 15m" };

describe("what changes the fleet", () => {
  test("waits until somebody can say that it may go", async () => {
    const { url, seen } = await receiver(answering(200));
    const { deliver, records } = deliverTo(url);
    const sent = deliver.send(asked);
    await vi.waitUntil(() => records.all.deliveries.at(-1)?.error !== undefined);
    expect(seen).toEqual([]);
    deliver.heed(() => go);
    expect(await sent).toMatchObject({ kind: "delivered" });
    expect(records.all.deliveries).toMatchObject([{ state: "delivered", change: asked.change }]);
    expect(records.all.deliveries[0]).not.toHaveProperty("error");
  });

  test("is not tried again under the kill switch and goes on after it, while people are told meanwhile", async () => {
    let clearance: Clearance = go;
    const { url, seen } = await receiver((response, count) => {
      // Thrown while the first try is on its way.
      if (count === 1) clearance = wait;
      response.writeHead(count === 1 ? 503 : 200).end();
    });
    const { deliver, records } = deliverTo(url);
    deliver.heed(() => clearance);
    const sent = deliver.send(asked);
    await vi.waitUntil(() => records.all.deliveries[0]?.error?.startsWith("held: ") === true);
    expect(await deliver.send({ ...message, id: "people" })).toMatchObject({ kind: "delivered" });
    expect(seen.map(({ headers }) => headers["webhook-id"])).toEqual(["m-1", "people"]);
    expect(records.all.deliveries[0]).toMatchObject({ state: "pending", attempts: 1, error: `held: ${wait.reason}` });
    clearance = go;
    expect(await sent).toMatchObject({ kind: "delivered", attempts: 2 });
  });

  test("is heard right before it goes, also when a name took long to resolve", async () => {
    const { url, seen } = await receiver(answering(200));
    let clearance: Clearance = go;
    const lookup = () => {
      clearance = never;
      return Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]);
    };
    const named = url.replace("127.0.0.1", "fleet.example");
    const { deliver } = deliverTo(named, {}, { lookup });
    deliver.heed(() => clearance);
    expect(await deliver.send(asked)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("older than 15m"),
    });
    expect(seen).toEqual([]);
  });

  test("that is too old after an outage is a dead letter and not sent", async () => {
    const { url, seen } = await receiver(answering(200));
    const pending: Delivery = {
      ...{ id: "m-1", receiver: "ops", url, body: "{}", state: "pending", attempts: 3, nextAttemptAt: 0 },
      ...{ createdAt: Date.now() - 3_600_000, change: asked.change! },
    };
    const records = memoryRecords();
    await records.put("deliveries", [pending, { ...pending, id: "m-2", createdAt: Date.now() }]);
    const { deliver } = deliverTo(url, {}, { records });
    deliver.heed((_change, ageMs) => (ageMs > 900_000 ? never : go));
    expect(await deliver.resume()).toBe(2);
    await vi.waitUntil(() => records.all.deliveries.every(({ state }) => state !== "pending"));
    expect(records.all.deliveries).toMatchObject([
      { id: "m-1", state: "failed", error: "not sent: it is older than 15m" },
      { id: "m-2", state: "delivered" },
    ]);
    expect(seen.map(({ headers }) => headers["webhook-id"])).toEqual(["m-2"]);
  });
});

describe("a dead letter", () => {
  async function failed(records = memoryRecords()) {
    const { url, seen } = await receiver(answering(400, 200));
    const { deliver } = deliverTo(url, {}, { records });
    await deliver.send(message);
    return { deliver, records, seen };
  }

  test("is listed among others by its state, and sent again with the same id and bytes once that is approved", async () => {
    const { deliver, records, seen } = await failed();
    await deliver.send({ ...message, id: "m-2" });
    expect((await deliver.letters({ limit: 10 })).map(({ id }) => id)).toEqual(["m-2", "m-1"]);
    const dead = await deliver.letters({ state: "failed", receiver: "ops", limit: 10 });
    expect(dead).toMatchObject([{ id: "m-1", status: 400, attempts: 1 }]);
    const order: string[] = [];
    const approve = async ({ id }: Delivery): Promise<void> => void order.push(`${id} ${seen.length}`);
    expect(await deliver.replay("m-1", approve)).toMatchObject({ kind: "replayed" });
    await vi.waitUntil(() => records.all.deliveries[0]?.state === "delivered");
    expect(order).toEqual(["m-1 2"]);
    expect(seen[2]?.headers["webhook-id"]).toBe("m-1");
    expect(seen[2]?.body).toBe(seen[0]?.body);
    new Webhook(secret).verify(seen[2]!.body, seen[2]!.headers as Record<string, string>);
  });

  test("goes out once, however many ask for it at once, and not at all where the ledger fails", async () => {
    const { deliver, seen, records } = await failed();
    await expect(deliver.replay("m-1", () => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
    expect(records.all.deliveries).toMatchObject([{ state: "failed" }]);
    const asked = await Promise.all(Array.from({ length: 20 }, () => deliver.replay("m-1", async () => {})));
    expect(asked.filter(({ kind }) => kind === "replayed")).toHaveLength(1);
    await vi.waitUntil(() => records.all.deliveries[0]?.state === "delivered");
    expect(seen).toHaveLength(2);
    expect(await deliver.replay("m-1", async () => {})).toMatchObject({ kind: "refused", reason: "it was delivered" });
  });

  test.each([wait, never])("that changes the fleet is not sent again where it may not go", async (clearance) => {
    const { url, seen } = await receiver(answering(400, 200));
    const { deliver } = deliverTo(url);
    deliver.heed(() => go);
    await deliver.send(asked);
    deliver.heed(() => clearance);
    expect(await deliver.replay("m-1", () => Promise.reject(new Error("asked for")))).toEqual({
      kind: "refused",
      why: "conflict",
      reason: "reason" in clearance ? clearance.reason : "",
    });
    expect(seen).toHaveLength(1);
  });

  test("of no known id or receiver cannot be sent", async () => {
    const { deliver, records } = await failed();
    expect(await deliver.replay("m-9", async () => {})).toMatchObject({ why: "unknown" });
    await records.put("deliveries", [{ ...records.all.deliveries[0]!, id: "m-8", receiver: "gone" }]);
    expect(await deliver.replay("m-8", async () => {})).toMatchObject({ why: "conflict" });
  });
});

test("the outbox is taken up to its end, however much was delivered since", async () => {
  const { url, seen } = await receiver(answering(200));
  const records = memoryRecords();
  const now = Date.now();
  const one = (id: string, state: Delivery["state"], createdAt: number): Delivery => ({
    ...{ id, state, createdAt, receiver: "ops", url, body: "{}", attempts: 0, nextAttemptAt: 0 },
  });
  await records.put("deliveries", [one("first", "pending", now - 5000)]);
  await records.put(
    "deliveries",
    Array.from({ length: 2500 }, (_, i) => one(`d-${i}`, "delivered", now - 4000 + i)),
  );
  const { deliver } = deliverTo(url, {}, { records });
  expect(await deliver.resume()).toBe(1);
  await vi.waitUntil(() => seen.length === 1);
  const listed = await deliver.letters({ limit: 5000 });
  expect([listed.length, new Set(listed.map(({ id }) => id)).size]).toEqual([2501, 2501]);
});

test("a receiver that is down is shown as such, with what waits for it", async () => {
  const { url } = await receiver(answering(503));
  const { deliver } = deliverTo(url, { breaker: { failures: 2, openMs: 60_000, openMsMax: 60_000 } });
  const shown = { name: "ops", url };
  expect(deliver.receivers()).toEqual([{ ...shown, breaker: "closed", waiting: 0 }]);
  void deliver.send(message);
  await vi.waitUntil(() => deliver.receivers()[0]?.breaker === "open");
  expect(deliver.receivers()).toMatchObject([{ ...shown, waiting: 1, opensUntil: expect.any(Number) }]);
});
