// Episodes of series: what people say of them, what changes explain, and how those end whose series are gone.
import { describe, expect, test } from "vitest";
import { packParts, unpackParts } from "../../src/detect/snapshot.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { countingTelemetry } from "../store/support.ts";
import { type Course, madeSteps } from "./series.ts";
import { broken, count, create, faultAt, healthy, minute, run, shifted } from "./set-up.ts";

describe("somebody's word", () => {
  const shiftedOnce = (told: readonly Anomaly[]) =>
    told.filter(({ endedAt }) => endedAt === undefined).map(({ id }) => id);

  test("what is accepted ends at once, stays quiet over a restart, and is judged by its new level", async () => {
    const second: Course = (series, step, noise) =>
      shifted(series, step, noise) + (series === broken && step >= faultAt + 180 * minute ? 200 : 0);
    const steps = madeSteps(count, second);
    await using before = await create(steps);
    const [id] = shiftedOnce(await run(before, steps, 0, faultAt + 5 * minute));
    expect(await before.accept((anomaly) => anomaly.id === "another")).toEqual([]);
    const accepted = await before.accept((anomaly) => anomaly.id === id);
    expect(accepted.map(({ endedAt }) => endedAt)).toEqual([steps.at(faultAt + 5 * minute - 1)]);
    const snapshot = await before.snapshot();
    const again = madeSteps(count, second);
    await using after = await create(again, snapshot === undefined ? {} : { snapshot });
    expect(await run(after, again, faultAt + 5 * minute, faultAt + 180 * minute)).toEqual([]);
    expect(await run(after, again, faultAt + 180 * minute, faultAt + 182 * minute)).toHaveLength(1);
  });

  test("a change of what the entity belongs to makes a shift normal sooner, over a restart too", async () => {
    const endsAt = async (changed: boolean): Promise<number> => {
      const steps = madeSteps(count, shifted);
      await using before = await create(steps, { acceptAfterMs: 3_600_000 });
      await run(before, steps, 0, faultAt + 2 * minute);
      if (changed) before.changed("deployment:d", steps.at(faultAt - 2));
      const snapshot = await before.snapshot();
      const again = madeSteps(count, shifted);
      await using after = await create(again, {
        acceptAfterMs: 3_600_000,
        ...(snapshot === undefined ? {} : { snapshot }),
      });
      const told = await run(after, again, faultAt + 2 * minute, faultAt + 180 * minute);
      return told.find(({ endedAt }) => endedAt !== undefined)?.endedAt ?? Number.POSITIVE_INFINITY;
    };
    expect((await endsAt(true)) + 30 * 60_000).toBeLessThan(await endsAt(false));
  });
});

describe("series that are gone", () => {
  test("an episode whose series does not come back after a restart is told as over", async () => {
    const steps = madeSteps(count, shifted);
    await using before = await create(steps);
    const [open] = await run(before, steps, 0, faultAt + 5);
    const snapshot = await before.snapshot();
    const few = madeSteps(broken, healthy);
    await using after = await create(few, snapshot === undefined ? {} : { snapshot });
    const told = await run(after, few, faultAt + 5, faultAt + 10 * minute);
    expect(told.map(({ id, endedAt }) => [id, endedAt !== undefined])).toEqual([[open?.id, true]]);
  });

  test("so is one whose slot is given to another series", async () => {
    const steps = madeSteps(count, shifted);
    let freed = false;
    await using detection = await create({
      ...steps,
      changes(given, free) {
        steps.changes(given, free);
        if (freed) free(broken);
      },
    });
    const [open] = await run(detection, steps, 0, faultAt + 5);
    freed = true;
    const [over] = await run(detection, steps, faultAt + 5, faultAt + 6);
    expect(over).toMatchObject({ id: open?.id, endedAt: steps.at(faultAt + 5) });
  });
});

describe("a snapshot", () => {
  test("whose episodes are none is taken without them, and that is counted", async () => {
    const steps = madeSteps(count, shifted);
    await using before = await create(steps);
    await run(before, steps, 0, faultAt + 5);
    const { facts, bytes } = unpackParts((await before.snapshot()) ?? Uint8Array.of())!;
    const [open] = (facts["episodes"] as { current: { anomaly: object }[] }).current;
    for (const current of [
      [{ slot: 3 }],
      [null],
      [{ ...open, slot: -1 }],
      [{ ...open, anomaly: { ...open?.anomaly, expected: 7 } }],
    ]) {
      const { telemetry, of } = countingTelemetry();
      const snapshot = packParts({ facts: { ...facts, episodes: { current, ended: [], groups: [] } }, bytes });
      const again = madeSteps(count, shifted);
      await using after = await create(again, { snapshot }, { telemetry });
      expect(of("homeostat.detect.dropped", "snapshot-episodes")).toBe(1);
      // What was learned is still known: the shift is told anew.
      expect(await run(after, again, faultAt + 5, faultAt + 9)).toHaveLength(1);
    }
  });
});
