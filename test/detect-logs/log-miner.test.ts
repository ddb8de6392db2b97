// Records to counts and findings, by event time, and the miner's life across restarts.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogMiner, type LogMiner, type MinedRecord } from "../../src/detect/logs/log-miner.ts";
import { logMinerDefaults } from "../../src/detect/logs/miner-options.ts";
import { countingTelemetry } from "../observe/raw.ts";

const STEP = logMinerDefaults.stepMs;
const miner = (over: Partial<typeof logMinerDefaults> = {}): LogMiner =>
  createLogMiner({ ...logMinerDefaults, graceSteps: 10, ...over }, countingTelemetry());

/** `times` lines spread over the step that begins at `step`. */
function say(to: LogMiner, step: number, text: string, times: number, more: Partial<MinedRecord> = {}): void {
  for (let i = 0; i < times; i++) {
    const at = step * STEP + Math.floor((i * STEP) / times);
    to.take({ at, service: "vllm", severity: 0, text: text.replace(/\bN\b/, String(i)), ...more });
  }
}

function calm(to: LogMiner, step: number, more: Partial<MinedRecord> = {}): void {
  say(to, step, "request N done in time", 30, more);
  say(to, step, "cache N was cleaned up", 10, more);
}

/** Thirty quiet steps, the last of them still open. */
function warmed(over: Partial<typeof logMinerDefaults> = {}): LogMiner {
  const one = miner(over);
  for (let step = 0; step < 30; step++) calm(one, step);
  expect(one.drain().findings).toEqual([]);
  return one;
}

/** Whether two miners are in one state, bit for bit. */
const same = (a: LogMiner, b: LogMiner): boolean => Buffer.compare(a.snapshot(), b.snapshot()) === 0;

/** Kinds found once the steps before `step` are over. */
function told(one: LogMiner, step: number): string[] {
  one.advance(step * STEP);
  const { findings } = one.drain();
  return findings.map(({ kind }) => kind).sort();
}

it("counts records by template, service and severity, each in the step of its own time", () => {
  const one = miner();
  say(one, 1, "ERROR request N was lost here", 3, { version: "1.2" });
  // Early for its step, and late for the next: both are counted.
  one.take({ at: 2 * STEP, service: "vllm", version: "1.2", severity: 0, text: "ERROR request 9 was lost here" });
  one.take({ at: 2 * STEP - 1, service: "vllm", version: "1.2", severity: 0, text: "ERROR request 8 was lost here" });
  one.advance(3 * STEP);
  const about = {
    metric: "log_template_records",
    unit: "",
    kind: "count",
    resource: { "service.name": "vllm", "service.version": "1.2" },
    attributes: { template_id: one.templates()[0]?.id, severity: "error" },
  };
  expect(one.drain().samples).toEqual([
    { ...about, at: 2 * STEP, value: 4 },
    { ...about, at: 3 * STEP, value: 1 },
  ]);
});

describe("what changed", () => {
  it("a new template is told, once", () => {
    const one = warmed();
    calm(one, 30);
    say(one, 30, "ERROR something never seen before came", 1);
    calm(one, 31);
    expect(told(one, 31)).toEqual(["new"]);
    say(one, 31, "ERROR something never seen before came", 1);
    expect(told(one, 40)).toEqual([]);
  });

  it("a line that comes back after longer than the reference is not new", () => {
    const one = warmed({ referenceSteps: 20 });
    calm(one, 30);
    say(one, 30, "checkpoint was saved to disk", 1);
    for (let step = 31; step < 70; step++) calm(one, step);
    expect(told(one, 69)).toEqual(["new"]);
    say(one, 69, "checkpoint was saved to disk", 1);
    expect(told(one, 71)).toEqual([]);
  });

  it("a burst is told, and the mix it makes", () => {
    const one = warmed();
    say(one, 30, "request N done in time", 30);
    say(one, 30, "cache N was cleaned up", 200);
    expect(told(one, 31)).toEqual(["burst", "mix"]);
  });

  it("a line that comes in clumps does not burst when it comes again", () => {
    const one = miner();
    for (let step = 0; step < 60; step++) {
      calm(one, step);
      if (step % 7 === 0) say(one, step, "flushed N segments to the disk", 40);
    }
    expect(one.drain().findings.filter(({ kind }) => kind !== "new")).toEqual([]);
  });

  it("a template that fell silent is told, once, and a service that says nothing is not", () => {
    const one = warmed();
    for (let step = 30; step < 40; step++) say(one, step, "request N done in time", 30);
    expect(told(one, 40)).toEqual(["vanished"]);
    const silent = warmed();
    expect(told(silent, 60)).toEqual([]);
  });

  it("two versions that take turns are counted on and on: none uses up the room of others", () => {
    const telemetry = countingTelemetry();
    const one = createLogMiner({ ...logMinerDefaults, graceSteps: 10, maxCounted: 20 }, telemetry);
    for (let turn = 0; turn < 100; turn++)
      for (const version of ["1", "2"])
        one.take({
          at: (4 * turn + 2 * Number(version)) * STEP,
          service: "vllm",
          version,
          severity: 0,
          text: "still here",
        });
    expect([...telemetry.counts.keys()].filter((name) => name.includes("dropped"))).toEqual([]);
    one.advance(500 * STEP);
    const lines = one.drain().samples.reduce((sum, sample) => sum + (sample.kind === "count" ? sample.value : 0), 0);
    expect(lines).toBe(200);
  });

  it("a new version is judged by the one before it", () => {
    const one = warmed();
    calm(one, 30, { version: "2" });
    calm(one, 40, { version: "2" });
    say(one, 40, "ERROR the new release is odd", 1, { version: "2" });
    expect(told(one, 41)).toEqual(["new"]);
  });

  it("a service that has just come is learned first, and so is an instance that has just started", () => {
    const fresh = miner();
    for (let step = 0; step < 9; step++) say(fresh, step, `loading stage ${"abcdefghi"[step]} of the model`, 5);
    expect(told(fresh, 9)).toEqual([]);
    const one = warmed();
    calm(one, 30);
    say(one, 30, "loading weights of the model", 200, { instance: "vllm-9" });
    expect(told(one, 31)).toEqual([]);
    calm(one, 31);
    say(one, 31, "loading weights of another kind", 200);
    expect(told(one, 32)).toContain("new");
  });

  it("at most so many are told of a step, the most severe first", () => {
    const one = warmed({ maxFindings: 2 });
    calm(one, 30);
    for (const kind of ["INFO", "ERROR", "WARNING"]) say(one, 30, `${kind} this is the ${kind.toLowerCase()} line`, 1);
    one.advance(31 * STEP);
    expect(one.drain().findings.map(({ severity }) => severity)).toEqual(["error", "warn"]);
  });
});

describe("limits", () => {
  it("counts no more services and templates than it may, yet gives their lines templates", () => {
    const one = miner({ maxScopes: 2 });
    for (let i = 0; i < 5; i++) say(one, 0, "hello out there today", 1, { service: `s${i}` });
    one.advance(STEP);
    expect(one.drain().samples).toHaveLength(2);
    expect(one.templates()).toHaveLength(1);
    const few = miner({ maxCounted: 3 });
    for (const word of ["ant", "bee", "cat", "dog"]) say(few, 0, `saw ${word}`, 1);
    few.advance(STEP);
    expect(few.drain().samples).toHaveLength(3);
  });

  it("a hundred thousand different lines leave bounded templates, counts and snapshot", () => {
    const one = miner({ maxTemplates: 200, maxForms: 1000, maxCounted: 300 });
    const word = (n: number): string => n.toString(26).replace(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)]!);
    for (let i = 0; i < 100_000; i++)
      one.take({ at: i, service: "a", severity: 0, text: `${word(i)} ${word(i * 7)} ${word(i * 31)}` });
    expect(one.templates().length).toBeLessThanOrEqual(200);
    expect(one.snapshot().length).toBeLessThan(1_000_000);
  });

  it("records far behind the newest are counted nowhere, and a jump of a year ends in no time", () => {
    const one = miner();
    say(one, 100_000, "hello out there today", 1);
    say(one, 99_990, "hello out there today", 1);
    say(one, 1_000_000_000, "hello out there today", 1);
    const values = one.drain().samples.map((sample) => (sample.kind === "count" ? sample.value : Number.NaN));
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(1);
  });
});

it("takes a trace for one event and keeps a bounded example", () => {
  const one = miner({ maxExample: 50 });
  const trace = (n: number): string =>
    `boom\nTraceback (most recent call last):\n  File "/a/b.py", line ${n}, in run\n    go()\nValueError: bad\n${"x".repeat(100)}`;
  one.take({ at: 0, service: "a", severity: 17, text: trace(3) });
  one.take({ at: 0, service: "a", severity: 17, text: trace(900) });
  expect(one.templates()).toHaveLength(1);
  expect(one.templates()[0]?.example).toHaveLength(50);
});

describe("restarts", () => {
  const words = [
    "ant",
    "bee",
    "cat",
    "dog",
    "eel",
    "fox",
    "gnu",
    "hen",
    "ibis",
    "jay",
    "7",
    "eth0",
    "eth1",
    "a=b",
    "a=c",
  ];
  const line = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(" "));
  const record = fc.record({
    at: fc.integer({ min: 0, max: 40 * STEP }),
    service: fc.constantFrom("a", "b"),
    version: fc.constantFrom("1", "2"),
    instance: fc.constantFrom("x", "y", "z"),
    severity: fc.constantFrom(0, 9, 17),
    text: line,
  });

  it("goes on bit for bit as if there had been none, whatever came before", () => {
    const over = { maxTemplates: 40, maxForms: 100, maxCounted: 60, graceSteps: 2 };
    const run = fc.property(fc.array(record, { minLength: 20, maxLength: 150 }), fc.nat(), (records, cut) => {
      const ordered = records.toSorted((a, b) => a.at - b.at);
      const whole = miner(over);
      let halves = miner(over);
      const found: unknown[][] = [[], []];
      for (const [i, one] of ordered.entries()) {
        if (i === cut % ordered.length) {
          const next = miner(over);
          expect(next.restore(halves.snapshot())).toBe(true);
          expect(same(next, halves)).toBe(true);
          found[1]!.push(...halves.drain().findings);
          halves = next;
        }
        whole.take(one);
        halves.take(one);
      }
      found[0]!.push(...whole.drain().findings);
      found[1]!.push(...halves.drain().findings);
      expect(same(halves, whole)).toBe(true);
      expect(found[1]).toEqual(found[0]);
    });
    fc.assert(run, { numRuns: 40 });
  });

  it("refuses what is no snapshot, whole or cut", () => {
    const bytes = warmed().snapshot();
    for (const end of [0, 3, 100, bytes.length - 1]) {
      const one = miner();
      expect(one.restore(bytes.slice(0, end))).toBe(false);
      expect(one.templates()).toEqual([]);
    }
  });
});

describe("bad lines", () => {
  it.each([
    ["a megabyte", "x y ".repeat(262_144)],
    ["binary", String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))],
    ["nothing", ""],
    ["blanks", "   \n\t "],
    ["half a character", "\ud800 lone \udfff and \ud83d"],
    ["JSON without end", `{"message":"${"[{".repeat(5000)}`],
    ["ten thousand frames", `Traceback (most recent call last):\n${'  File "a.py", line 1, in f\n'.repeat(10_000)}`],
  ])("%s", (_name, text) => {
    const one = miner();
    for (let i = 0; i < 3; i++) one.take({ at: i, service: "a", severity: 0, text });
    expect(one.templates()).toHaveLength(1);
    expect(one.templates()[0]!.example.length).toBeLessThanOrEqual(logMinerDefaults.maxExample);
    const other = miner();
    expect(other.restore(one.snapshot())).toBe(true);
    expect(same(other, one)).toBe(true);
  });
});
