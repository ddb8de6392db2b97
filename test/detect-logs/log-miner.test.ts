// Records to counts and findings, and the miner's life across restarts.
import { expect, it } from "vitest";
import { createLogMiner, type LogMiner, logMinerDefaults, type MinedRecord } from "../../src/detect/logs/log-miner.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

const STEP = 60_000;

function miner(over: Partial<typeof logMinerDefaults> = {}) {
  const put: MadeSample[] = [];
  const one = createLogMiner(
    { ...logMinerDefaults, ...over },
    { telemetry: silentTelemetry, sink: { put: (samples) => put.push(...samples) } },
  );
  return { one, put };
}

function say(to: LogMiner, text: string, times: number, more: Partial<MinedRecord> = {}): void {
  for (let i = 0; i < times; i++)
    to.take({ at: 0, service: "vllm", severity: 0, text: text.replace("N", String(i)), ...more });
}

/** Twenty quiet steps. */
function warmed(over: Partial<typeof logMinerDefaults> = {}) {
  const made = miner(over);
  for (let step = 1; step <= 20; step++) {
    say(made.one, "request N done in time", 30);
    say(made.one, "cache N was cleaned up", 10);
    expect(made.one.endStep(step * STEP)).toEqual([]);
  }
  return made;
}

const told = (one: LogMiner, at = 21): string[] =>
  one
    .endStep(at * STEP)
    .map((finding) => finding.kind)
    .sort();

it("counts records by template, service and severity for the sink", () => {
  const { one, put } = miner();
  say(one, "ERROR request N was lost here", 3, { version: "1.2" });
  one.endStep(STEP);
  expect(put).toEqual([
    {
      metric: "log_template_records",
      unit: "",
      at: STEP,
      kind: "count",
      value: 3,
      resource: { "service.name": "vllm", "service.version": "1.2" },
      attributes: { template_id: one.templates()[0]?.id, severity: "error" },
    },
  ]);
});

it("tells a new template, once", () => {
  const { one } = warmed();
  const speak = (): void => {
    say(one, "request N done in time", 30);
    say(one, "cache N was cleaned up", 10);
  };
  speak();
  say(one, "something never seen before came", 1);
  expect(told(one)).toEqual(["new"]);
  speak();
  expect(told(one, 22)).toEqual([]);
});

it("tells a burst and the mix it makes", () => {
  const { one } = warmed();
  say(one, "request N done in time", 30);
  say(one, "cache N was cleaned up", 200);
  expect(told(one)).toEqual(["burst", "mix"]);
});

it("tells a template that fell silent", () => {
  const { one } = warmed();
  say(one, "request N done in time", 30);
  expect(told(one)).toContain("vanished");
});

it("judges a new version by the one before it", () => {
  const { one } = warmed();
  say(one, "request N done in time", 30, { version: "2" });
  say(one, "cache N was cleaned up", 10, { version: "2" });
  say(one, "the new release is odd", 1, { version: "2" });
  expect(told(one)).toEqual(["new"]);
});

it("goes on after a restart as if there had been none, and refuses what is no snapshot", () => {
  const { one } = warmed();
  const other = miner().one;
  expect(other.restore(one.snapshot())).toBe(true);
  expect(other.templates()).toEqual(one.templates());
  for (const each of [one, other]) say(each, "cache N was cleaned up", 200);
  expect(other.endStep(21 * STEP)).toEqual(one.endStep(21 * STEP));
  expect(miner().one.restore(new Uint8Array([1, 2, 3]))).toBe(false);
});

it("counts no more services than it may, yet gives their lines templates", () => {
  const { one, put } = miner({ maxScopes: 2 });
  for (let i = 0; i < 5; i++) say(one, "hello out there today", 1, { service: `s${i}` });
  one.endStep(STEP);
  expect(put).toHaveLength(2);
  expect(one.templates()).toHaveLength(1);
});

it("takes a trace for one event and keeps a bounded example", () => {
  const { one } = miner({ maxExample: 50 });
  const trace = (n: number): string =>
    `boom\nTraceback (most recent call last):\n  File "/a/b.py", line ${n}, in run\n    go()\nValueError: bad\n${"x".repeat(100)}`;
  one.take({ at: 0, service: "a", severity: 17, text: trace(3) });
  one.take({ at: 0, service: "a", severity: 17, text: trace(900) });
  expect(one.templates()).toHaveLength(1);
  expect(one.templates()[0]?.example).toHaveLength(50);
});
