// Detection over every series: quiet in health, quick in trouble, the same after a restart, in threads and out of order.
import type { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { startThread, type Thread } from "../../src/detect/series/lines.ts";
import type { Anomaly, Exclusion } from "../../src/model/anomaly.ts";
import { countingTelemetry } from "../store/support.ts";
import { type Course, factsOf, madeSteps, start, stepMs } from "./series.ts";
import { count, create, faultAt, healthy, minute, run, shifted } from "./set-up.ts";

describe("all series", () => {
  test.each([1, 2, 3])("four healthy hours tell of nothing (seed %i)", async (seed) => {
    const steps = madeSteps(count, healthy, { seed });
    await using detection = await create(steps);
    expect(await run(detection, steps, 0, 240 * minute)).toEqual([]);
    expect(detection.state()).toEqual({ series: count, unknown: 0 });
  });

  test("one that leaves its band is told of within four steps, with its labels, and ends when it is back", async () => {
    const back: Course = (series, step, noise) =>
      step < faultAt + 3 * minute ? shifted(series, step, noise) : healthy(series, step, noise);
    const steps = madeSteps(count, back);
    await using detection = await create(steps);
    const told = await run(detection, steps, 0, faultAt + 8 * minute);
    expect(told.map(({ entity, endedAt }) => [entity, endedAt !== undefined])).toEqual([
      ["replica:r1", false],
      ["replica:r1", true],
    ]);
    const [first] = told as [Anomaly];
    expect(first).toMatchObject({ signal: "series", series: { __name__: "queue_7" }, direction: "up" });
    expect(first.onset).toBe(steps.at(faultAt));
    expect(first.lastSeen).toBeLessThanOrEqual(steps.at(faultAt + 3));
    expect(first.evidence[0]?.says).toMatch(/^queue_7 of r1 is 8\d(\.\d)?; [0-9.]+ to [0-9.]+ is normal for it\.$/);
    expect(first.tail).toBeLessThan(1e-4);
  });

  test("a constant that changes is told of", async () => {
    const steps = madeSteps(count, (series, step, noise) =>
      series === 20 && step >= faultAt ? 90 : healthy(series, step, noise),
    );
    await using detection = await create(steps);
    const told = await run(detection, steps, 0, faultAt + 5);
    expect(told.map(({ series }) => series?.["__name__"])).toEqual(["queue_0"]);
  });

  test("what only says how much is asked for begins nothing; a counter of errors does", async () => {
    const both: Course = (series, step, noise) => 10 + noise() + (series < 2 && step >= faultAt ? 90 : 0);
    const names = ["requests_received", "request_errors"];
    const facts = (series: number) => {
      const name = names[series] ?? "m";
      const entity = `replica:r${series}`;
      return { ...factsOf(series, { reading: "rate", entity, labels: () => ({ __name__: name }) }), parent: entity };
    };
    const steps = madeSteps(count, both, { facts });
    await using detection = await create(steps);
    const told = await run(detection, steps, 0, faultAt + 5);
    expect(told.map(({ series }) => series?.["__name__"])).toEqual(["request_errors"]);
  });

  test("of series that go wrong together eight are told of, as one group, and the rest counted", async () => {
    const { telemetry, of } = countingTelemetry();
    const steps = madeSteps(count, (series, step, noise) =>
      series < 30 && step >= faultAt ? 500 + noise() : healthy(series, step, noise),
    );
    await using detection = await create(steps, {}, { telemetry });
    const told = await run(detection, steps, 0, faultAt + 5);
    expect(told).toHaveLength(8);
    expect(new Set(told.map(({ group }) => group)).size).toBe(1);
    expect(of("homeostat.detect.folded")).toBe(22);
  });

  test("missing points, zeros and infinities are no trouble", async () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-320, 3e38];
    const steps = madeSteps(count, (series, step, noise) =>
      series < 5 && step % 50 === 49 ? (odd[series] as number) : healthy(series, step, noise),
    );
    await using detection = await create(steps);
    expect(await run(detection, steps, 0, faultAt)).toEqual([]);
  });
});

describe("learning", () => {
  test("an outage that an incident covers is not learned, however long; the same without one is the new normal in time", async () => {
    const exclusion: Exclusion = { entity: "deployment:d", from: start + faultAt * stepMs, reason: "incident" };
    const ends: boolean[] = [];
    for (const exclusions of [[exclusion], []]) {
      const steps = madeSteps(count, shifted);
      await using detection = await create(steps, {}, { exclusions: { current: () => exclusions } });
      const told = await run(detection, steps, 0, faultAt + 180 * minute);
      expect(told.length).toBeGreaterThan(0);
      ends.push(told.some(({ endedAt }) => endedAt !== undefined));
    }
    expect(ends).toEqual([false, true]);
  });
});

describe("the same answer", () => {
  const to = faultAt + 6 * minute;

  test("after a restart from a snapshot, bit for bit", async () => {
    const steps = madeSteps(count, shifted);
    await using before = await create(steps);
    await run(before, steps, 0, faultAt - 20);
    const snapshot = await before.snapshot();
    const again = madeSteps(count, shifted);
    await using after = await create(again, snapshot === undefined ? {} : { snapshot });
    // The last half hour is told again, and is not judged twice.
    expect(await run(after, again, faultAt - 200, faultAt - 20)).toEqual([]);
    const went = await run(before, steps, faultAt - 20, to);
    expect(await run(after, again, faultAt - 20, to)).toEqual(went);
    expect(went.length).toBeGreaterThan(0);
    expect(await after.snapshot()).toEqual(await before.snapshot());
  });

  test("a snapshot asked for in the middle of a step is that of the step's end", async () => {
    const steps = madeSteps(count, shifted);
    await using detection = await create(steps);
    await run(detection, steps, 0, 130);
    const stepping = detection.step(steps.at(130));
    const during = await detection.snapshot();
    await stepping;
    expect(during).toEqual(await detection.snapshot());
  });

  test("goes on after a restart that most series do not come back from: what lies in wait of theirs is not learned", async () => {
    const many = 1500;
    const steps = madeSteps(many, healthy);
    await using before = await create(steps);
    await run(before, steps, 0, 130);
    const snapshot = await before.snapshot();
    const few = madeSteps(count, healthy);
    await using after = await create(few, snapshot === undefined ? {} : { snapshot });
    // So late that all steps from before are due at once.
    expect(await run(after, few, faultAt, faultAt + 5)).toEqual([]);
    expect(after.state()).toEqual({ series: count, unknown: 0 });
  });

  test("whatever slots the series have, in one thread or two", async () => {
    const steps = madeSteps(count, shifted);
    await using plain = await create(steps);
    const expected = await run(plain, steps, 0, to);
    const mixed = madeSteps(count, shifted, { order: (series) => (series * 7) % count });
    await using other = await create(mixed, { threads: 2 });
    expect(await run(other, mixed, 0, to)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  });

  test("a snapshot that cannot be read is left alone", async () => {
    const { telemetry, of } = countingTelemetry();
    await using _detection = await create(
      madeSteps(count, healthy),
      { snapshot: Uint8Array.of(9, 9, 9, 9, 9) },
      { telemetry },
    );
    expect(of("homeostat.detect.dropped", "snapshot-unreadable")).toBe(1);
  });

  test("nor is one of another step taken, in part or whole", async () => {
    const steps = madeSteps(count, healthy);
    await using before = await create(steps);
    await run(before, steps, 0, 130);
    const snapshot = await before.snapshot();
    const { telemetry, of } = countingTelemetry();
    const again = madeSteps(count, healthy);
    await using after = await create(
      again,
      { stepMs: 2 * stepMs, ...(snapshot === undefined ? {} : { snapshot }) },
      { telemetry },
    );
    expect(of("homeostat.detect.dropped", "snapshot-unreadable")).toBe(1);
    // What was judged by the other is judged anew.
    await after.step(again.at(100));
    expect(after.state().series).toBe(count);
    expect(Buffer.from((await after.snapshot()) ?? []).toString("latin1")).toContain(`"judgedTo":${again.at(100)}`);
  });
});

describe("the end", () => {
  test("threads are closed, and a step that comes after begins none", async () => {
    const { telemetry, of } = countingTelemetry();
    let started = 0;
    const steps = madeSteps(count, healthy);
    const start = (share: Parameters<typeof startThread>[0]): Thread => {
      started++;
      return startThread(share);
    };
    const detection = await create(steps, { threads: 1 }, { telemetry, start });
    await run(detection, steps, 0, 3);
    await detection[Symbol.asyncDispose]();
    expect(await run(detection, steps, 3, 10)).toEqual([]);
    expect(started).toBe(1);
    expect(of("homeostat.detect.failures", "thread")).toBe(0);
  });
});

describe("a thread that dies", () => {
  test("leaves its series unknown and counted, and goes on from what was saved last", async () => {
    const { telemetry, of } = countingTelemetry();
    const threads: Thread[] = [];
    let saved: Uint8Array | undefined;
    const steps = madeSteps(count, shifted);
    await using detection = await create(
      steps,
      { threads: 1 },
      {
        telemetry,
        saved: () => Promise.resolve(saved),
        start: (share) => {
          threads.push(startThread(share));
          return threads.at(-1) as Thread;
        },
      },
    );
    await run(detection, steps, 0, faultAt - 10);
    saved = await detection.snapshot();
    await (threads[0] as Worker).terminate();
    await run(detection, steps, faultAt - 10, faultAt - 9);
    expect(detection.state()).toEqual({ series: count, unknown: count });
    expect(of("homeostat.detect.failures", "thread")).toBe(1);
    expect(of("homeostat.detect.dropped", "series-unknown")).toBe(count);
    const told = await run(detection, steps, faultAt - 9, to());
    expect(detection.state().unknown).toBe(0);
    expect(of("homeostat.detect.threads_restarted")).toBe(1);
    expect(told.map(({ series }) => series?.["__name__"])).toEqual(["queue_7"]);
  });

  function to(): number {
    return faultAt + 5;
  }
});
