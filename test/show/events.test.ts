// Following: the feed inside the process and the stream over HTTP.
import { connect } from "node:net";
import { describe, expect, test, vi } from "vitest";
import type { TimelineEvent } from "../../src/model/event.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";
import { now, openWorld, type World } from "./kit.ts";

const event = (text: string): TimelineEvent => ({ type: "self", at: now, text, data: {} });

describe("the feed", () => {
  test("tells every follower everything in order, until it leaves", () => {
    const feed = createEventFeed();
    const seen: string[] = [];
    const stop = feed.follow(({ text }) => void seen.push(`a${text}`));
    feed.follow(({ text }) => void seen.push(`b${text}`));
    feed.publish(event("1"));
    stop();
    stop();
    feed.publish(event("2"));
    expect(seen).toEqual(["a1", "b1", "b2"]);
  });

  test("drops and counts a follower that throws or rejects; the others hear on", async () => {
    await using world = await opened();
    const { feed } = world.deps;
    const seen: string[] = [];
    feed.follow(() => {
      throw new Error("broken");
    });
    feed.follow((async () => Promise.reject(new Error("broken later"))) as never);
    feed.follow(({ text }) => void seen.push(text));
    feed.publish(event("1"));
    await vi.waitFor(() => expect(world.counted.get("homeostat.show.dropped listener-failed")).toBe(2));
    feed.publish(event("2"));
    expect(seen).toEqual(["1", "2"]);
    expect(world.counted.get("homeostat.show.dropped listener-failed")).toBe(2);
  });

  test("keeps the order when a follower publishes in turn, and bounds a loop of it", () => {
    const counted: string[] = [];
    const feed = createEventFeed({
      ...silentTelemetry,
      count: (_name, _amount, attributes) => void counted.push(attributes!["reason"]!),
    });
    const seen: string[] = [];
    let more = 1500;
    feed.follow(({ text }) => {
      if (text === "start") while (more-- > 0) feed.publish(event(String(more)));
    });
    feed.follow(({ text }) => void seen.push(text));
    feed.publish(event("start"));
    expect(seen.slice(0, 3)).toEqual(["start", "1499", "1498"]);
    expect(seen).toHaveLength(1001);
    expect(counted).toEqual(Array(500).fill("event-queue-full"));
  });
});

describe("GET /api/v1/events", () => {
  test("streams what happens, each with id, type and one line of JSON", async () => {
    await using world = await opened();
    await using client = await follow(world);
    world.deps.feed.publish({ type: "incident", at: now, text: "line one\nline two\r\rid: 7", data: { a: "\u2028" } });
    const [got] = await client.events(1);
    expect(got).toMatchObject({
      event: "incident",
      data: { text: "line one\nline two\r\rid: 7", data: { a: "\u2028" } },
    });
    expect(client.headers.get("content-type")).toBe("text/event-stream");
    expect((await world.one("/api/v1/status")).data["followers"]).toBe(1);
  });

  test("goes on after the last event seen", async () => {
    await using world = await opened();
    let lastId: string;
    {
      await using client = await follow(world);
      for (const text of ["1", "2"]) world.deps.feed.publish(event(text));
      lastId = (await client.events(2))[1]!.id;
    }
    for (const text of ["3", "4"]) world.deps.feed.publish(event(text));
    await using again = await follow(world, { "last-event-id": lastId });
    world.deps.feed.publish(event("5"));
    expect((await again.events(3)).map((one) => one.data["text"])).toEqual(["3", "4", "5"]);
  });

  test("says so when what was missed is no longer kept, or of an earlier run", async () => {
    await using world = await opened();
    for (let i = 1; i <= 600; i++) world.deps.feed.publish(event(String(i)));
    const run = Math.trunc(now).toString(36);
    for (const id of [`${run}-99`, "zzz-1", `${run}-601`, "'; DROP TABLE x", `${run}-99999999999999`]) {
      await using client = await follow(world, { "last-event-id": id });
      const got = await client.events(501);
      expect(got[0]).toMatchObject({ event: "gap" });
      expect(got.slice(1).map((one) => one.data["text"])).toEqual(
        Array.from({ length: 500 }, (_, i) => String(i + 101)),
      );
    }
    await using whole = await follow(world, { "last-event-id": `${run}-100` });
    expect((await whole.events(1))[0]).toMatchObject({ event: "self", data: { text: "101" } });
  });

  test("begins with the last few when asked", async () => {
    await using world = await opened();
    for (const text of ["1", "2", "3"]) world.deps.feed.publish(event(text));
    await using client = await follow(world, {}, "?last=2");
    expect((await client.events(2)).map((one) => one.data["text"])).toEqual(["2", "3"]);
    expect((await world.get("/api/v1/events?last=501")).status).toBe(400);
  });

  test("beats its heart, so that proxies keep the line open", async () => {
    await using world = await opened({ options: { limits: { heartbeatMs: 5 } } });
    await using client = await follow(world);
    await client.until((text) => text.includes(": heartbeat\n\n"));
  });

  test("takes no more followers than its limit, and takes one again when another leaves", async () => {
    await using world = await opened({ options: { limits: { followers: 1 } } });
    {
      await using _client = await follow(world);
      const refused = await world.get("/api/v1/events");
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
    }
    await vi.waitFor(async () => expect((await world.one("/api/v1/status")).data["followers"]).toBe(0));
    await using client = await follow(world);
    world.deps.feed.publish(event("1"));
    expect(await client.events(1)).toHaveLength(1);
  });

  test("cuts off a follower that does not read, and counts it", async () => {
    await using world = await opened({ options: { limits: { unreadBytes: 100_000 } } });
    const socket = connect(world.show.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.pause();
    socket.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await vi.waitFor(async () => expect((await world.one("/api/v1/status")).data["followers"]).toBe(1));
    const big = event("x".repeat(100_000));
    // The kernel's buffers take the first megabytes; beyond, bytes stay with us.
    for (let i = 0; i < 400 && !world.counted.has("homeostat.show.dropped slow-follower"); i++) {
      world.deps.feed.publish(big);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(world.counted.get("homeostat.show.dropped slow-follower")).toBe(1);
    expect((await world.one("/api/v1/status")).data["followers"]).toBe(0);
    socket.destroy();
  });

  test("ends cleanly when the server stops", async () => {
    const world = await openWorld();
    const client = await follow(world);
    await world.show[Symbol.asyncDispose]();
    await client.ended;
    await expect(world.get("/healthz")).rejects.toThrow();
  });
});

async function opened(over: Parameters<typeof openWorld>[0] = {}): Promise<World & AsyncDisposable> {
  const world = await openWorld(over);
  return { ...world, [Symbol.asyncDispose]: () => world.show[Symbol.asyncDispose]() };
}

interface Got {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event-stream client that reads as browsers do. */
async function follow(world: World, headers: Record<string, string> = {}, query = "") {
  const stop = new AbortController();
  const answer = await world.get(`/api/v1/events${query}`, { headers, signal: stop.signal });
  let text = "";
  let wake = (): void => {};
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) {
      text += decoder.decode(chunk, { stream: true });
      wake();
    }
  })().catch(() => {});
  const until = async (enough: (text: string) => boolean): Promise<void> => {
    while (!enough(text)) await new Promise<void>((resolve) => (wake = resolve));
  };
  const parse = (): Got[] =>
    text
      .split("\n\n")
      .slice(0, -1)
      .map((block) =>
        Object.fromEntries(block.split("\n").map((line) => [line.split(": ")[0], line.replace(/^\w*: /, "")])),
      )
      .filter((block) => "data" in block)
      .map((block) => ({ id: block["id"] ?? "", event: block["event"] ?? "", data: JSON.parse(block["data"]!) }));
  // The head of the stream has been sent once the follower is counted: no event is lost between asking and reading.
  await until((sent) => sent.includes("retry: 2000\n\n"));
  return {
    headers: answer.headers,
    ended,
    until,
    async events(count: number): Promise<Got[]> {
      await until(() => parse().length >= count);
      return parse().slice(0, count);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort();
      await ended;
    },
  };
}
