// What stands around the room that acts: its configuration's contradictions, the kill file, the lease.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/app/config.ts";
import { policiesOf, windowsOf } from "../../src/app/config-act.ts";
import { killedByFile } from "../../src/app/kill-file.ts";
import { createLease } from "../../src/app/lease.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-acting-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function mistakesIn(text: string): readonly string[] {
  const file = join(folder, `config-${files++}.yaml`);
  writeFileSync(file, text);
  const loaded = loadConfig({ file, sets: [], env: {} });
  return loaded.ok ? [] : loaded.mistakes.map(({ line, column, says }) => `${line}:${column} ${says}`);
}

describe("a configuration that contradicts itself is told with line and column", () => {
  const cases: [string, string, string][] = [
    [
      "auto without attempts",
      "act:\n  policies:\n    - mode: auto\n      attempts: 0\n",
      "4:17 act.policies.0.attempts: is less than 1",
    ],
    [
      "no action an hour",
      "act:\n  policies:\n    - { mode: auto, blastRadius: { maxPerHour: 0 } }\n",
      "3:48 act.policies.0.blastRadius.maxPerHour: is 0",
    ],
    [
      "a quorum nobody can make",
      "act:\n  policies:\n    - { mode: approve, approval: { quorum: 2 } }\nshow:\n  tokens:\n    - { name: ada, secret: long-enough, roles: [approver] }\n    - { name: eve, secret: long-enough-too, roles: [operator] }\n",
      "3:44 act.policies.0.approval.quorum: is 2, but 1",
    ],
    [
      "a freeze without an end",
      "act:\n  windows:\n    - { id: x, from: 2026-12-20T00:00:00Z }\n",
      "3:7 act.windows.0: has no to",
    ],
    [
      "a freeze that follows on itself",
      "act:\n  windows:\n    - { id: x, days: [mon, thu], lasts: 4d }\n",
      "3:41 act.windows.0.lasts: leaves no time",
    ],
    [
      "an end before the beginning",
      "act:\n  windows:\n    - { id: x, from: 2026-12-20T00:00:00Z, to: 2026-12-20T00:00:00+01:00 }\n",
      "3:48 act.windows.0.to: is not after from",
    ],
    [
      "a policy that can never match",
      "act:\n  policies:\n    - { action: 'r*', target: '*' }\n    - { action: restart-replica, mode: auto }\n",
      "4:7 act.policies.1: never applies: act.policies.0",
    ],
    [
      "a window there is not",
      "act:\n  policies:\n    - { mode: auto, onlyIn: [night] }\n",
      "3:29 act.policies.0.onlyIn: names night",
    ],
    [
      "a window that is a freeze",
      "act:\n  policies:\n    - { mode: auto, onlyIn: [x] }\n  windows:\n    - { id: x, days: [mon] }\n",
      "which is a freeze",
    ],
    [
      "all siblings healthy",
      "act:\n  policies:\n    - { mode: auto, blastRadius: { minHealthy: { percent: 100 } } }\n",
      "which no deployment has",
    ],
    [
      "two windows of one name",
      "act:\n  windows:\n    - { id: x, days: [mon] }\n    - { id: x, days: [tue] }\n",
      "is the name of two windows",
    ],
    [
      "a zone there is not",
      "act:\n  windows:\n    - { id: x, days: [mon], timeZone: Mars/Olympus }\n",
      "is no time zone",
    ],
  ];
  test.each(cases)("%s", (_what, text, says) => {
    const told = mistakesIn(text);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(says);
  });

  test("and one that does not is taken as it is meant", () => {
    const text =
      "act:\n  policies:\n    - { action: restart-replica, failureMode: stuck-engine, mode: auto }\n    - { id: rest, mode: approve }\n  windows:\n    - { id: x, days: [fri], at: '18:30', lasts: 62h, timeZone: Europe/Berlin }\n";
    const file = join(folder, "good.yaml");
    writeFileSync(file, text);
    const loaded = loadConfig({ file, sets: [], env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    expect(policiesOf(loaded.config.act).map(({ id }) => id)).toEqual(["act.policies.0", "rest"]);
    const when = { days: [5], atMinute: 18 * 60 + 30, lasts: 62 * 3_600_000, timeZone: "Europe/Berlin" };
    expect(windowsOf(loaded.config.act)).toEqual([{ id: "x", kind: "freeze", target: "*", reason: "", when }]);
  });
});

test("a kill file stops everything while it is there, and where nobody can tell whether it is", () => {
  const path = join(folder, "stop");
  expect(killedByFile(path)).toBeUndefined();
  writeFileSync(path, "");
  expect(killedByFile(path)).toContain("there is a file");
  expect(killedByFile(join(path, "stop"))).toContain("cannot be told");
  expect(killedByFile(join(folder, "not-mounted", "stop"))).toContain("cannot be told");
});

describe("a lease", () => {
  function two() {
    const clock = { now: 1000 };
    const path = join(folder, `lease-${files++}`);
    const open = () => createLease({ path, now: () => clock.now, ttlMs: 100, settleMs: 20 });
    return { clock, path, a: open(), b: open() };
  }

  test("is held by one of two", () => {
    const { a, b } = two();
    expect(a.elsewhere()).toBe("no service holds the lease yet");
    a.beat();
    b.beat();
    expect(a.elsewhere()).toBeUndefined();
    expect(b.elsewhere()).toContain("is held by");
    a.release();
    b.beat();
    expect(a.elsewhere()).toContain("is held by");
    expect(b.elsewhere()).toBeUndefined();
  });

  test("goes to the other when its holder stops, never to both, and not at once", () => {
    const { clock, a, b } = two();
    a.beat();
    clock.now += 101;
    expect(a.elsewhere()).toBe("the lease has run out");
    b.beat();
    expect(b.elsewhere()).toBe("the lease has just been taken over");
    a.beat();
    expect(a.elsewhere()).toContain("is held by");
    clock.now += 20;
    expect(b.elsewhere()).toBeUndefined();
    expect(a.elsewhere()).toContain("is held by");
    a.release();
    expect(b.elsewhere()).toBeUndefined();
  });

  test("that cannot be read is nobody's", () => {
    const { path, a } = two();
    writeFileSync(path, "{");
    a.beat();
    expect(a.elsewhere()).toContain("cannot be read");
    rmSync(path);
    mkdirSync(path);
    a.beat();
    expect(a.elsewhere()).toContain("cannot be read");
  });
});
