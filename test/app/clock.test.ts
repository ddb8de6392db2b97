// Clocks: what runs when.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextMatch, parseCron } from "../../src/app/clock/cron.ts";
import { createLiveClock } from "../../src/app/clock/live.ts";
import { createSteppedClock } from "../../src/app/clock/stepped.ts";
import type { Job } from "../../src/model/clock.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

const at = (text: string): number => Date.parse(text);

describe("cron", () => {
  test.each([
    ["*/5 * * * * *", "2026-01-01T00:00:03Z", "2026-01-01T00:00:05Z"],
    ["*/5 * * * * *", "2026-01-01T00:00:05Z", "2026-01-01T00:00:10Z"],
    ["0 */15 * * * *", "2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
    ["0 30 3 * * *", "2026-01-01T04:00:00Z", "2026-01-02T03:30:00Z"],
    ["0 0 0 1 * *", "2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z"],
    ["0 0 12 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00Z"],
    ["0 0 12 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00Z"],
    ["0 0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"],
  ])("%s after %s is due at %s", (cron, after, due) => {
    expect(nextMatch(parseCron(cron), at(after))).toBe(at(due));
  });

  test.each(["* * * * *", "60 * * * * *", "*/0 * * * * *", "a * * * * *", "5-1 * * * * *"])("refuses %s", (cron) => {
    expect(() => parseCron(cron)).toThrow(RangeError);
  });

  test("a day that never comes is not waited for", () => {
    expect(nextMatch(parseCron("0 0 0 31 2 *"), at("2026-01-01T00:00:00Z"))).toBeUndefined();
  });
});

describe("a stepped clock", () => {
  test("runs every due job in order of due time, however far it is stepped", async () => {
    const clock = createSteppedClock(at("2026-01-01T00:00:00Z"));
    const runs: string[] = [];
    clock.every("*/10 * * * * *", "ten", (now) => void runs.push(`ten@${(now / 1000) % 60}`));
    clock.every("*/15 * * * * *", "fifteen", (now) => void runs.push(`fifteen@${(now / 1000) % 60}`));
    await clock.step(at("2026-01-01T00:00:30Z"));
    expect(runs).toEqual(["ten@10", "fifteen@15", "ten@20", "ten@30", "fifteen@30"]);
    expect(clock.now()).toBe(at("2026-01-01T00:00:30Z"));
  });

  test("gives the same runs however the steps are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 12 }), async (cuts) => {
        const total = cuts.reduce((sum, cut) => sum + cut, 0);
        const runsOf = async (steps: readonly number[]): Promise<number[]> => {
          const clock = createSteppedClock(0);
          const runs: number[] = [];
          clock.every("*/7 * * * * *", "seven", (now) => void runs.push(now));
          for (const step of steps) await clock.step(clock.now() + step);
          return runs;
        };
        expect(await runsOf(cuts)).toEqual(await runsOf([total]));
      }),
    );
  });

  test("does not run a stopped job, and does not go back", async () => {
    const clock = createSteppedClock(0);
    const job = clock.every("* * * * * *", "second", () => expect.unreachable());
    await job.stop();
    await clock.step(5000);
    await expect(clock.step(1000)).rejects.toThrow(RangeError);
  });
});

describe("the live clock", () => {
  test("wakes a job, survives its failure, and stops with the clock", async () => {
    const counted: string[] = [];
    const clock = createLiveClock({ ...silentTelemetry, count: (name) => void counted.push(name) });
    let runs = 0;
    await new Promise<void>((resolve) => {
      clock.every("* * * * * *", "failing", () => {
        runs += 1;
        if (runs === 2) resolve();
        throw new Error("planted");
      });
    });
    clock[Symbol.dispose]();
    expect(runs).toBe(2);
    await new Promise(setImmediate);
    expect(counted.filter((name) => name === "homeostat.app.job_failed").length).toBe(2);
  });

  test("a job that is stopped in the middle of a run is stopped when the run has ended", async () => {
    const clock = createLiveClock(silentTelemetry);
    const happened: string[] = [];
    let finish = (): void => {};
    const job = await new Promise<Job>((begun) => {
      const slow: Job = clock.every("* * * * * *", "slow", async () => {
        begun(slow);
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        happened.push("run ended");
      });
    });
    const stopped = Promise.resolve(job.stop()).then(() => happened.push("stopped"));
    await new Promise(setImmediate);
    expect(happened).toEqual([]);
    finish();
    await stopped;
    expect(happened).toEqual(["run ended", "stopped"]);
  });
});
