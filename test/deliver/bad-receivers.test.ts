// Receivers that hang, break off, pour without end, or are down for an hour of virtual time; and clocks that are off.
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Clearance } from "../../src/model/ports/notifier.ts";
import { answering, asked, deliverTo, message, receiver, secret } from "./hook-kit.ts";

const short = (url: string) => ({ receivers: [{ name: "ops", url, secret, timeoutMs: 100 }] });

describe("a receiver", () => {
  test("that takes the connection and hangs costs one attempt's time and is tried again", async () => {
    const { url, seen } = await receiver((response, count) => void (count > 2 && response.end()));
    const { deliver } = deliverTo(url, short(url));
    expect(await deliver.send(message)).toMatchObject({ kind: "delivered", attempts: 3 });
    expect(new Set(seen.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });

  test("that hangs for ever is given up, told apart from one that refuses, and holds up no other", async () => {
    const hung = await receiver(() => {});
    const other = await receiver(answering(200));
    const receivers = [
      { name: "ops", url: hung.url, secret, timeoutMs: 50 },
      { name: "other", url: other.url, secret },
    ];
    const { deliver } = deliverTo(hung.url, { receivers, maxAttempts: 3 });
    const sent = deliver.send(message);
    expect(await deliver.send({ ...message, id: "m-2", receiver: "other" })).toMatchObject({ kind: "delivered" });
    expect(await sent).toEqual({
      kind: "failed",
      reason: "gave up after 3 tries: no complete answer in time",
      attempts: 3,
    });
  });

  test("that breaks off in the middle of its headers is tried again, in the middle of its body it has answered", async () => {
    const { url } = await receiver((response, count) => {
      if (count === 1) response.socket!.end("HTTP/1.1 200 O");
      else {
        response.writeHead(200, { "content-length": "1000" }).write("{");
        setTimeout(() => response.destroy(), 20);
      }
    });
    expect(await deliverTo(url).deliver.send(message)).toMatchObject({ kind: "delivered", status: 200, attempts: 2 });
  });

  test("that answers with gigabytes is read for 64 kB", async () => {
    let poured = 0;
    const { url } = await receiver((response) => {
      response.writeHead(200, { "content-length": String(8 * 2 ** 30) });
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) poured += 65_536;
        response.once("drain", pour);
      };
      pour();
    });
    const outcome = await deliverTo(url).deliver.send(message);
    expect(outcome.kind === "delivered" && outcome.answer?.length).toBe(65_536);
    expect(poured).toBeLessThan(16 * 2 ** 20);
  });

  test("that speaks no HTTP is tried again and given up", async () => {
    const { url } = await receiver((response) => response.socket!.end("220 smtp.example ESMTP\r\n"));
    const outcome = await deliverTo(url, { maxAttempts: 2 }).deliver.send(message);
    expect(outcome).toMatchObject({
      kind: "failed",
      attempts: 2,
      reason: expect.stringMatching(/gave up after 2 tries: HPE_/),
    });
  });
});

describe("a receiver that answers 500 for an hour", () => {
  const hour = 3_600_000;
  afterEach(() => vi.useRealTimers());

  /** Goes on in virtual time until the message ends; sockets are real. */
  async function end<T>(sent: Promise<T>): Promise<T> {
    let ended = false;
    void sent.then(() => (ended = true));
    while (!ended) {
      for (let i = 0; i < 50 && !ended; i++) await new Promise((resolve) => setImmediate(resolve));
      if (!ended) await vi.advanceTimersByTimeAsync(1000);
    }
    return sent;
  }

  test.each([1, 3])(
    "gets the message after it, tried a few times and not by every message that waits (%i)",
    async (count) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
      const start = Date.now();
      const { url, seen } = await receiver((response) =>
        response.writeHead(Date.now() - start < hour ? 500 : 200).end(),
      );
      // Pauses as short as jitter makes them.
      const { deliver, records } = deliverTo(url, { backoff: {} }, { random: () => 0 });
      const ids = Array.from({ length: count }, (_, i) => `m-${i}`);
      const outcomes = await end(Promise.all(ids.map((id) => deliver.send({ ...message, id }))));
      expect(outcomes.map(({ kind }) => kind)).toEqual(ids.map(() => "delivered"));
      const hours = (Date.now() - start) / hour;
      expect(hours).toBeGreaterThan(1);
      expect(hours).toBeLessThan(2.5);
      expect(seen.length).toBeLessThan(45);
      expect(records.all.deliveries.map(({ state }) => state)).toEqual(ids.map(() => "delivered"));
    },
  );

  test("is not asked for what changes the fleet once that is too old: a dead letter, told as such", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const start = Date.now();
    const { url, seen } = await receiver((response) => response.writeHead(Date.now() - start < hour ? 500 : 200).end());
    const { deliver, records } = deliverTo(url, { backoff: {} });
    deliver.heed((_change, ageMs): Clearance => {
      return ageMs > 900_000 ? { kind: "never", reason: "it is older than 15m" } : { kind: "go" };
    });
    expect(await end(deliver.send(asked))).toMatchObject({ kind: "failed", reason: "not sent: it is older than 15m" });
    expect(records.all.deliveries).toMatchObject([{ state: "failed" }]);
    const after = seen.length;
    expect(Date.now() - start).toBeLessThan(hour);
    vi.setSystemTime(start + 2 * hour);
    await vi.advanceTimersByTimeAsync(hour);
    expect(seen.length).toBe(after);
  });
});

test.each([
  ["4 minutes behind", -240_000, true],
  ["4 minutes ahead", 240_000, true],
  ["6 minutes behind", -360_000, false],
  ["6 minutes ahead", 360_000, false],
])("a receiver by the reference library whose clock is %s", async (_what, offMs, verifies) => {
  const { url, seen } = await receiver(answering(200));
  // The time of the attempt by this machine's wall clock is signed, whatever the message says of event time.
  await deliverTo(url, {}, { now: () => Date.now() + offMs }).deliver.send(message);
  const verify = () => new Webhook(secret).verify(seen[0]!.body, seen[0]!.headers as Record<string, string>);
  if (verifies) verify();
  else expect(verify).toThrow(/too/i);
});
