// The door for change events.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Problem, Receipts } from "../../src/show/contract.ts";
import { now, openWorld, postJson, type World } from "./kit.ts";

const good = { kind: "config", target: "replica:vllm-2", summary: "max-num-seqs 64 -> 256" };

describe("POST /api/v1/changes", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.show[Symbol.asyncDispose]());
  const post = (body: unknown, headers?: Record<string, string>) =>
    world.get("/api/v1/changes", postJson(body, headers));

  test("takes one event, fills in id, time and who, and answers 202 with the id", async () => {
    const answer = await post({ ...good, before: { max_num_seqs: "64" }, after: { max_num_seqs: "256" } });
    expect(answer.status).toBe(202);
    const { ids } = (await answer.json()) as Receipts;
    expect(world.changes.at(-1)).toEqual({
      ...good,
      id: ids[0],
      at: now,
      by: "local",
      before: { max_num_seqs: "64" },
      after: { max_num_seqs: "256" },
    });
  });

  test("derives the id from the content: the same twice is one, whatever the order of keys", async () => {
    const ids = [];
    const timed = { ...good, at: "2026-03-01T11:00:00+00:00" };
    const bodies = [
      { ...timed, after: { a: "1", b: "2" } },
      { after: { b: "2", a: "1" }, ...timed },
      { ...timed, after: { a: "1", b: "3" } },
    ];
    for (const body of bodies) ids.push(((await (await post(body)).json()) as Receipts).ids[0]);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(world.changes.at(-1)!.at).toBe(Date.parse("2026-03-01T11:00:00Z"));
  });

  test("takes the good ones of a list and says what is wrong with the others", async () => {
    const before = world.changes.length;
    const list = [{ ...good, id: "a" }, { ...good, kind: "boom" }, "x", { ...good, id: "b", at: now - 5, by: "ci" }];
    const answer = await post(list);
    expect(answer.status).toBe(207);
    const { data, ids } = (await answer.json()) as Receipts;
    expect(data.map((receipt) => receipt.status)).toEqual([202, 400, 400, 202]);
    expect(data[1]!.detail).toMatch(/^kind: .*deploy/);
    expect(ids).toEqual(["a", "b"]);
    expect(world.changes.slice(before).map((event) => event.id)).toEqual(["a", "b"]);
  });

  test.each([
    ["nothing", null, /object/],
    ["a number", 7, /object/],
    ["a kind of our own", { ...good, kind: "Deploy" }, /^kind/],
    ["no summary", { kind: "deploy", target: "replica:a" }, /^summary/],
    ["two lines", { ...good, summary: "a\nb" }, /control characters/],
    ["an entity of no kind", { ...good, target: "vllm-2" }, /<kind>:<name>/],
    ["seconds for milliseconds", { ...good, at: 1772366400 }, /milliseconds/],
    ["a time in words", { ...good, at: "now" }, /RFC 3339/],
    ["an id with a path in it", { ...good, id: "../../x" }, /^id/],
    ["a key too much", { ...good, severity: "high" }, /severity: is not a known key/],
    ["a value that is no text", { ...good, after: { n: 7 } }, /^after\.n/],
    ["too many values", { ...good, after: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, ""])) }, /64/],
    ["a summary without end", { ...good, summary: "x".repeat(1001) }, /^summary/],
    [
      "a reach for the prototype",
      `{"kind":"deploy","target":"replica:a","summary":"s","__proto__":{"x":1}}`,
      /__proto__/,
    ],
    ["an empty list", [], /empty/],
    ["a list too long", Array.from({ length: 101 }, () => good), /at most 100/],
    ["no JSON", "{", /not a JSON object or list/],
    ["deep nesting", "[".repeat(100_000), /not a JSON object or list/],
  ])("refuses %s as 400 with a reason", async (_what, body, says) => {
    const before = world.changes.length;
    const answer = await post(body);
    expect(answer.status).toBe(400);
    const problem = (await answer.json()) as Problem;
    expect(problem.errors?.[0]?.detail ?? problem.detail).toMatch(says);
    expect(world.changes.length).toBe(before);
  });

  test("a prototype is never touched", async () => {
    const after = '{"__proto__":"x","constructor":"y","toString":"z"}';
    await post(`{"kind":"deploy","target":"replica:a","summary":"s","after":${after}}`);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(Object.prototype.toString.call({})).toBe("[object Object]");
  });

  test("refuses a body over 256 kB as 413", async () => {
    const answer = await post(JSON.stringify({ ...good, summary: "x".repeat(257 * 1024) }));
    expect(answer.status).toBe(413);
    expect(((await answer.json()) as Problem).detail).toMatch(/256 kB/);
  });

  test.each([
    ["text/plain", {}],
    ["application/x-www-form-urlencoded", {}],
    ["multipart/form-data; boundary=x", {}],
    ["application/json", { "content-encoding": "gzip" }],
    ["application/json; charset=latin1", {}],
  ])("refuses a body of %s %o as 415", async (type, more) => {
    expect((await post("{}", { "content-type": type, ...more })).status).toBe(415);
  });

  test("is 503 when the store takes none, and tells of each when it takes some", async () => {
    let left = 1;
    const add = async (): Promise<void> => {
      if (left-- <= 0) throw new Error("disk full");
    };
    const failing = await openWorld({ deps: { changes: { add, within: async () => [] } } });
    try {
      const some = await failing.get("/api/v1/changes", postJson([good, { ...good, summary: "two" }]));
      expect(some.status).toBe(207);
      expect(((await some.json()) as Receipts).data.map((receipt) => receipt.status)).toEqual([202, 503]);
      const none = await failing.get("/api/v1/changes", postJson(good));
      expect([none.status, none.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await none.text()).not.toContain("disk full");
    } finally {
      await failing.show[Symbol.asyncDispose]();
    }
  });
});
