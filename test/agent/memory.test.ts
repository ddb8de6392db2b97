// What is on disk: whole lines only, the newest of each id, forgotten by time, and an audit log of bounded size.
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openAudit } from "../../src/agent/audit.ts";
import { type Entry, openJournal } from "../../src/agent/journal.ts";
import { openLines } from "../../src/agent/lines.ts";
import { openOutbox } from "../../src/agent/outbox.ts";
import type { Delivery } from "../../src/model/ports/records.ts";
import { lab, restart } from "./lab.ts";

const hour = 3_600_000;
const result = (endedAt: number) => ({ outcome: "succeeded" as const, says: "", steps: [], undo: [], endedAt });
const entry = (id: string, at: number, more: Partial<Entry> = {}): Entry => ({
  ...{ id, type: "action.requested", key: `key-${id}`, ...restart, parameters: {}, at, state: "accepted" },
  ...more,
});

test("a line that is not whole is cut off, so that the next begins a line of its own", async () => {
  const host = await lab();
  const file = host.put("x.jsonl", '{"n":1}\n{"n":2}\n{"n":3');
  const lines = openLines(file, 1000);
  expect(lines.found).toEqual([{ n: 1 }, { n: 2 }]);
  lines.append({ n: 4 });
  expect(lines.size()).toBe(statSync(file).size);
  lines.close();
  expect(readFileSync(file, "utf8")).toBe('{"n":1}\n{"n":2}\n{"n":4}\n');
});

test("a file is replaced as a whole, and what is appended then goes to the new one", async () => {
  const host = await lab();
  const lines = openLines(host.path("x.jsonl"), 1000);
  for (const n of [1, 2, 3]) lines.append({ n });
  lines.rewrite([{ n: 3 }]);
  lines.append({ n: "ü" });
  lines.close();
  expect(openLines(host.path("x.jsonl"), 1000).found).toEqual([{ n: 3 }, { n: "ü" }]);
  expect(readdirSync(host.root)).not.toContain("x.jsonl.next");
  expect(statSync(host.path("x.jsonl")).mode & 0o777).toBe(0o600);
});

test("a file that is too large, or was changed, is not read in silence", async () => {
  const host = await lab();
  expect(() => openLines(host.put("big.jsonl", "1\n".repeat(600)), 1000)).toThrow(/is larger than 1000 bytes/);
  expect(() => openLines(host.put("bad.jsonl", "1\n}\n3\n"), 1000)).toThrow(/has a line 2/);
});

test("the journal forgets what ended longer ago than it remembers, and nothing that waits", async () => {
  const host = await lab();
  const file = host.path("journal.jsonl");
  let now = 100 * hour;
  const first = openJournal(file, hour, () => now);
  first.put(entry("old", now, { state: "ended", result: result(now) }));
  first.put(entry("waits", now));
  first.put(entry("no", now, { state: "refused", result: result(now) }));
  first.close();
  now += hour;
  const second = openJournal(file, hour, () => now);
  expect([...second.all()].map(({ id }) => id)).toEqual(["old", "waits", "no"]);
  second.close();
  now += 1;
  const third = openJournal(file, hour, () => now);
  expect([...third.all()].map(({ id }) => id)).toEqual(["waits"]);
  expect([third.byKey("action.requested", "key-old"), third.byKey("action.requested", "key-waits")?.id]).toEqual([
    undefined,
    "waits",
  ]);
  third.close();
});

test("the journal keeps the newest of each id, and does not grow for ever", async () => {
  const host = await lab();
  const file = host.path("journal.jsonl");
  const journal = openJournal(file, hour, () => 0);
  for (let n = 0; n < 1100; n++) journal.put(entry("a", n));
  expect(journal.byId("a")?.at).toBe(1099);
  expect(readFileSync(file, "utf8").split("\n").length).toBeLessThan(1000);
  // What was refused is known by its id, and its key may be asked again under another.
  journal.put(entry("b", 0, { state: "refused", key: "key-x" }));
  expect([journal.byId("b")?.state, journal.byKey("action.requested", "key-x")]).toEqual(["refused", undefined]);
  journal.close();
});

test("the audit log moves on when it is full, and the oldest makes room", async () => {
  const host = await lab();
  const folder = host.folder("state");
  writeFileSync(host.path("state", "audit.jsonl"), "");
  const audit = openAudit(folder, () => 0);
  appendFileSync(host.path("state", "audit.15.jsonl"), "oldest\n");
  appendFileSync(host.path("state", "audit.14.jsonl"), "older\n");
  audit.write({ event: "large", says: "x".repeat(17 * 1024 * 1024) });
  audit.write({ event: "next" });
  audit.close();
  expect(statSync(host.path("state", "audit.1.jsonl")).size).toBeGreaterThan(16 * 1024 * 1024);
  expect(JSON.parse(readFileSync(host.path("state", "audit.jsonl"), "utf8"))).toMatchObject({ event: "next" });
  expect(readFileSync(host.path("state", "audit.15.jsonl"), "utf8")).toBe("older\n");
  expect(existsSync(host.path("state", "audit.16.jsonl"))).toBe(false);
});

test("strangers get a line a second, and the next says how many there were", async () => {
  const host = await lab();
  let now = 0;
  const audit = openAudit(host.root, () => now);
  for (let n = 0; n < 100; n++) audit.stranger({ event: "not-signed" });
  now = 1000;
  audit.stranger({ event: "not-signed" });
  audit.close();
  const lines = readFileSync(host.path("audit.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { othersSince?: number }).othersSince)).toEqual([undefined, 99]);
});

test("the outbox keeps the last state of each result, newest first, and forgets those that ended", async () => {
  const host = await lab();
  const file = host.path("outbox.jsonl");
  const delivery = (id: string, state: Delivery["state"]): Delivery => ({
    ...{ id, receiver: "homeostat", url: "", body: "", state, attempts: 0, nextAttemptAt: 0, createdAt: 0 },
  });
  const first = openOutbox(file, hour, () => 0);
  await first.put("deliveries", [delivery("a", "pending"), delivery("b", "pending"), delivery("a", "delivered")]);
  expect((await first.list("deliveries")).map(({ id, state }) => `${id} ${state}`)).toEqual([
    "a delivered",
    "b pending",
  ]);
  await expect(first.put("changes", [])).rejects.toThrow(/keeps no changes/);
  first.close();
  const second = openOutbox(file, hour, () => 2 * hour);
  expect(await second.list("deliveries", { id: "a" })).toEqual([]);
  expect(await second.list("deliveries", { id: "b" })).toHaveLength(1);
  second.close();
});
