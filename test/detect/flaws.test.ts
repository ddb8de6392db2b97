// The flaws other products have, one test each, through detection as the service runs it.
import { describe, expect, test } from "vitest";
import type { Detection } from "../../src/detect/detection.ts";
import type { Anomaly, Exclusion } from "../../src/model/anomaly.ts";
import type { Frame } from "../../src/model/frame.ts";
import { quality } from "../../src/model/series.ts";
import { type SignalId, signals } from "../../src/model/signal.ts";
import { createFleet, type Fault, start } from "./fleet.ts";
import { about, bandFor, create, hit, hour, minute, only, play, stepMs } from "./play.ts";

describe("what others miss", () => {
  test("a constant series that changes: fires", async () => {
    const at = 1 * hour;
    const fleet = createFleet({
      seed: 1,
      stepMs,
      fault: only(1, (values, step) => {
        values.kv_usage = step < at ? 0.25 : 0.6;
        values.waiting = step < at ? 0 : 30;
      }),
    });
    await using detection = await create();
    const told = await play(detection, fleet, at + 5 * minute);
    expect(told.filter(({ step }) => step < at)).toEqual([]);
    for (const signal of ["kv_usage", "waiting"])
      expect(about(told, signal)[0]?.step, signal).toBeLessThan(at + minute);
  });

  test("a spike masks nothing: what comes 10 minutes after fifty times the usual is found within a minute", async () => {
    const spikeAt = 1 * hour;
    const shiftAt = spikeAt + 10 * minute;
    const fleet = createFleet({
      seed: 2,
      stepMs,
      fault: only(1, (values, step) => {
        if (step >= spikeAt && step < spikeAt + 2) values.ttft *= 50;
        if (step >= shiftAt) values.ttft *= 4;
      }),
    });
    await using detection = await create();
    const told = await play(detection, fleet, shiftAt + 5 * minute);
    const found = about(told, "ttft").find(({ step, anomaly }) => step >= shiftAt && anomaly.endedAt === undefined);
    expect(found?.step).toBeLessThanOrEqual(shiftAt + minute);
  });

  test("an incident in the past moves the band by less than a tenth", async () => {
    const incident = { from: 1 * hour, to: 1.5 * hour };
    const probe = 2.5 * hour;
    const bandAfter = async (withIncident: boolean): Promise<Anomaly> => {
      const fleet = createFleet({
        seed: 3,
        stepMs,
        fault: only(1, (values, step) => {
          if (withIncident && step >= incident.from && step < incident.to) values.itl *= 5;
          if (step >= probe) values.itl *= 6;
        }),
      });
      await using detection = await create();
      await play(detection, fleet, probe);
      return bandFor("itl", detection, fleet, 2 * minute);
    };
    const [clean, poisoned] = [await bandAfter(false), await bandAfter(true)];
    expect(Math.abs(poisoned.expected.high / clean.expected.high - 1)).toBeLessThan(0.1);
    expect(Math.abs(poisoned.expected.low / clean.expected.low - 1)).toBeLessThan(0.1);
  });

  test.each([
    ["an incident of six hours", true],
    ["six hours of harm that nobody made an incident of", false],
  ])("%s is not learned", async (_what, excluded) => {
    const at = 1 * hour;
    const fault = only(1, (values, step) => {
      if (step >= at) values.itl *= 3;
    });
    const exclusion: Exclusion = { entity: hit, from: start + at * stepMs, reason: "incident" };
    await using detection = await create({}, { exclusions: { current: () => (excluded ? [exclusion] : []) } });
    const told = about(await play(detection, createFleet({ seed: 4, stepMs, fault }), at + 6 * hour), "itl");
    expect(told[0]?.step).toBeLessThanOrEqual(at + minute);
    expect(told.filter(({ anomaly }) => anomaly.endedAt !== undefined)).toEqual([]);
  });

  const shiftAt = 1 * hour;
  const shift = only(1, (values, step) => {
    if (step >= shiftAt) values.itl *= 2.5;
    if (step >= shiftAt + 45 * minute) values.itl *= 2.5;
  });

  test.each([
    [
      "an operator who accepts it",
      (detection: Detection) => detection.accept(({ entity, signal }) => entity === hit && signal === "itl"),
    ],
    [
      "a change that explains it",
      (detection: Detection) => detection.changed("deployment:chat", start + shiftAt * stepMs),
    ],
  ])(
    "after a shift the baseline follows within 30 minutes by %s, and judges by the new level",
    async (_who, confirm) => {
      const fleet = createFleet({ seed: 5, stepMs, fault: shift });
      await using detection = await create();
      const before = await play(detection, fleet, shiftAt + 5 * minute);
      expect(about(before, "itl")).not.toEqual([]);
      const ended = [...((await confirm(detection)) ?? [])];
      const after = await play(detection, fleet, 25 * minute);
      const last = [...about(after, "itl").map(({ anomaly }) => anomaly), ...ended].at(-1);
      expect(last?.endedAt).toBeDefined();
      const quiet = await play(detection, fleet, 14 * minute);
      expect(about(quiet, "itl")).toEqual([]);
      // As far again from the new level: found as quickly as from the old.
      const second = await play(detection, fleet, 5 * minute);
      expect(about(second, "itl")[0]?.step).toBeLessThanOrEqual(3 * minute);
    },
  );

  test.each([
    ["somebody accepted", (detection: Detection) => detection.accept(({ signal }) => signal === "itl")],
    ["a change explains", (detection: Detection) => detection.changed("deployment:chat", start + shiftAt * stepMs)],
  ])("what %s is not forgotten by a restart in the middle of it", async (_who, confirm) => {
    const fleet = createFleet({ seed: 5, stepMs, fault: shift });
    const recent: Frame[] = [];
    const whole = () => {
      const frame = fleet();
      recent.push(frame);
      return frame;
    };
    await using before = await create();
    const opened = await play(before, whole, shiftAt + 5 * minute);
    expect(about(opened, "itl")).not.toEqual([]);
    const ended = (await confirm(before)) ?? [];
    await using after = await create({ snapshot: await before.snapshot() });
    // As the Head does, it is told the last half hour again.
    for (const frame of recent.slice(-30 * minute)) await after.step(frame);
    const told = await play(after, fleet, 25 * minute);
    const last = [...ended, ...about(told, "itl").map(({ anomaly }) => anomaly)].at(-1);
    expect(last?.endedAt).toBeDefined();
    expect(about(await play(after, fleet, 14 * minute), "itl")).toEqual([]);
    expect(about(await play(after, fleet, 5 * minute), "itl")[0]?.step).toBeLessThanOrEqual(3 * minute);
  });

  test("a shift of load, which harms nobody, is normal after half an hour", async () => {
    const fault = only(1, (values, step) => {
      if (step >= shiftAt) values.running = values.running * 3 + 40;
    });
    await using detection = await create();
    const told = about(await play(detection, createFleet({ seed: 6, stepMs, fault }), shiftAt + hour), "running");
    expect(told[0]?.step).toBeLessThanOrEqual(shiftAt + minute);
    expect(told.at(-1)?.anomaly.endedAt).toBeLessThanOrEqual(start + (shiftAt + 35 * minute) * stepMs);
  });
});

describe("what others cry over", () => {
  /** Four hours, the last three with something that is no trouble. */
  async function quietWith(
    change: (frame: Frame, step: number) => readonly Frame[],
    fault?: Fault,
    from = 1 * hour,
  ): Promise<void> {
    await using detection = await create();
    const fleet = createFleet({ seed: 7, stepMs, ...(fault === undefined ? {} : { fault }) });
    const told = await play(detection, fleet, from + 2 * hour, (frame, step) =>
      step < from ? [frame] : change(frame, step),
    );
    expect(told.map(({ step, anomaly }) => `${step} ${anomaly.entity} ${anomaly.signal} ${anomaly.detector}`)).toEqual(
      [],
    );
  }

  test("no traffic at all, from the first point on", async () => {
    await quietWith(
      (frame) => [frame],
      (values) => {
        for (const id of Object.keys(values) as SignalId[]) values[id] = 0;
        values.ttft = values.itl = Number.NaN;
      },
    );
  });

  test("NaN, missing and stale points here and there", async () => {
    await quietWith((frame, step) => [
      withPoints(frame, (value, i) => ((i + step) % 7 === 0 ? [Number.NaN, quality.MISSING] : [value, 0])),
    ]);
    await quietWith((frame, step) => [
      withPoints(frame, (value, i) => ((i + step) % 11 === 0 ? [1e9, quality.STALE] : [value, 0])),
    ]);
    await quietWith((frame, step) => [
      withPoints(frame, (value, i) => [(i + step) % 13 === 0 ? Number.NaN : value, 0]),
    ]);
  });

  test("a counter that starts anew: its rates are missing for one step", async () => {
    const rates = signals.flatMap(({ kind }, i) => (kind === "rate" ? [i] : []));
    await quietWith((frame, step) => [
      step % hour === 0
        ? withPoints(frame, (value, i) =>
            rates.includes(i % signals.length) ? [Number.NaN, quality.MISSING | quality.RESET] : [value, 0],
          )
        : frame,
    ]);
  });

  test("a clock that jumps ahead and back: an hour is missing, then told again", async () => {
    await quietWith((frame, step) =>
      step >= 1.5 * hour && step < 2 * hour ? [{ ...frame, at: frame.at + 3_600_000 }] : [frame],
    );
  });

  test("late, repeated and swapped frames", async () => {
    let kept: Frame | undefined;
    await quietWith((frame, step) => {
      if (step % 5 === 0) return [frame, frame];
      if (step % 7 === 0) {
        kept = frame;
        return [];
      }
      const late = kept;
      kept = undefined;
      return late === undefined ? [frame] : [frame, late];
    });
  });
});

function withPoints(frame: Frame, change: (value: number, index: number) => readonly [number, number]): Frame {
  const values = Float64Array.from(frame.values);
  const flags = Uint8Array.from(frame.quality);
  for (let i = 0; i < values.length; i++) {
    const [value, flag] = change(values[i] as number, i);
    values[i] = value;
    flags[i] = (flags[i] as number) | flag;
  }
  return { ...frame, values, quality: flags };
}
