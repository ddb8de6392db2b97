// Detection end to end on made-up fleets: quiet in health, quick in trouble, and it never learns an outage.
import { describe, expect, test } from "vitest";
import { createDetection, type Detection, type DetectionOptions } from "../../src/detect/detection.ts";
import type { Anomaly, Exclusion } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createFleet, type Fault, start } from "./fleet.ts";

const stepMs = 5000;
const minute = 60_000 / stepMs;

function create(more: Partial<DetectionOptions> = {}, exclusions: readonly Exclusion[] = []): Promise<Detection> {
  return createDetection(
    { stepMs, ...more },
    { exclusions: { current: () => exclusions }, telemetry: silentTelemetry, modelsDirectory: "" },
  );
}

/** Runs a fleet for `steps` and gives all that was told, with the step it was told at. */
async function run(detection: Detection, steps: number, seed: number, fault?: Fault) {
  const fleet = createFleet({ seed, ...(fault === undefined ? {} : { fault }) });
  const told: { readonly step: number; readonly anomaly: Anomaly }[] = [];
  for (let step = 0; step < steps; step++) {
    for (const anomaly of await detection.step(fleet())) told.push({ step, anomaly });
  }
  return told;
}

describe("health", () => {
  test.each([1, 2, 3])(
    "three healthy hours of four replicas with drift and bursts give no lasting episode (seed %i)",
    async (seed) => {
      await using detection = await create();
      const told = await run(detection, 180 * minute, seed);
      const opened = told
        .filter(({ anomaly }) => anomaly.endedAt === undefined)
        .map(
          ({ step, anomaly }) =>
            `${step} ${anomaly.entity} ${anomaly.signal} ${anomaly.observed} [${anomaly.expected.low}, ${anomaly.expected.high}] ${anomaly.tail}`,
        );
      expect(opened).toEqual([]);
      expect(detection.baseline()).toMatchObject({ entities: 4, ready: true });
    },
  );
});

describe("trouble", () => {
  const faultAt = 40 * minute;
  const hit = 1;

  async function firstAfter(fault: Fault, signal: string) {
    await using detection = await create();
    const told = await run(detection, faultAt + 3 * minute, 11, fault);
    expect(told.filter(({ step }) => step < faultAt)).toEqual([]);
    const found = told.find(({ anomaly }) => anomaly.signal === signal && anomaly.entity === `replica:vllm-${hit}`);
    return {
      delay: (found?.step ?? Number.NaN) - faultAt,
      anomaly: found?.anomaly,
      others: told.filter(({ anomaly }) => anomaly.entity !== `replica:vllm-${hit}`),
    };
  }

  test("a KV cache that fills within 30 s is told of within 6 steps, as a ramp", async () => {
    const { delay, anomaly, others } = await firstAfter((values, step, replica) => {
      if (replica === hit && step >= faultAt)
        values.kv_usage = Math.min(1, values.kv_usage + ((step - faultAt + 1) / 6) * (1 - values.kv_usage));
    }, "kv_usage");
    expect(delay).toBeLessThanOrEqual(6);
    expect(anomaly).toMatchObject({ direction: "up", detector: "robust-level" });
    expect(anomaly?.onset).toBeGreaterThanOrEqual(start + (faultAt - 1) * stepMs);
    expect(anomaly?.evidence[0]?.says).toMatch(/KV-cache use of vllm-1 is [0-9.]+ %; .* is normal for it/);
    expect(others).toEqual([]);
  });

  test("tokens that fall to zero are told of within 3 steps", async () => {
    const { delay, anomaly } = await firstAfter((values, step, replica) => {
      if (replica === hit && step >= faultAt) values.generated_tokens = 0;
    }, "generated_tokens");
    expect(delay).toBeLessThanOrEqual(2);
    expect(anomaly).toMatchObject({ direction: "down", shape: "dropout", observed: 0 });
    expect(anomaly?.expected.low).toBeGreaterThan(100);
  });

  test("latency three times as high is told of as a level shift; a fall of it is no anomaly", async () => {
    const rise = await firstAfter((values, step, replica) => {
      if (replica === hit && step >= faultAt) values.ttft *= 4;
    }, "ttft");
    expect(rise.delay).toBeLessThanOrEqual(4);
    expect(rise.anomaly?.shape).toBe("level-shift");
    const fall = await firstAfter((values, step, replica) => {
      if (replica === hit && step >= faultAt) values.ttft /= 4;
    }, "ttft");
    expect(fall.anomaly).toBeUndefined();
  });

  test("gauges that freeze while requests run are told of as a flat line", async () => {
    let frozen: Record<string, number> | undefined;
    const { delay, anomaly } = await firstAfter((values, step, replica) => {
      if (replica !== hit || step < faultAt) return;
      frozen ??= { running: values.running, waiting: values.waiting, kv_usage: values.kv_usage };
      Object.assign(values, frozen);
    }, "joint");
    expect(delay).toBeLessThanOrEqual(10);
    expect(anomaly).toMatchObject({ detector: "flat-line", shape: "flatline" });
  });

  test("a replica that sends nothing any more is told of as a dropout", async () => {
    const { delay, anomaly } = await firstAfter((values, step, replica) => {
      if (replica === hit && step >= faultAt) for (const id of Object.keys(values)) values[id as "ttft"] = Number.NaN;
    }, "joint");
    expect(delay).toBeLessThanOrEqual(10);
    expect(anomaly).toMatchObject({ detector: "dropout", shape: "dropout", direction: "down" });
  });
});

describe("episodes", () => {
  const from = 40 * minute;

  test("an episode opens once, ends once, and keeps its id through a flicker", async () => {
    await using detection = await create();
    const told = await run(detection, from + 12 * minute, 5, (values, step, replica) => {
      const calm = step >= from + 2 * minute && step < from + 3.5 * minute;
      if (replica === 0 && step >= from && step < from + 6 * minute && !calm) values.ttft *= 6;
    });
    const ttft = told.filter(({ anomaly }) => anomaly.signal === "ttft");
    expect(new Set(ttft.map(({ anomaly }) => anomaly.id)).size).toBe(1);
    const last = ttft.at(-1)?.anomaly;
    expect(last?.endedAt).toBeGreaterThanOrEqual(start + (from + 6 * minute) * stepMs);
    expect(last?.onset).toBeLessThanOrEqual(start + (from + 2) * stepMs);
  });

  test("an episode that goes on is told again every ten minutes, and tells how much was known", async () => {
    await using detection = await create();
    const told = await run(detection, from + 45 * minute, 5, (values, step, replica) => {
      if (replica === 0 && step >= from) values.ttft *= 6;
    });
    const at = told.filter(({ anomaly }) => anomaly.signal === "ttft").map(({ step }) => step);
    const gaps = at.slice(1).map((step, i) => step - at[i]!);
    expect(Math.max(...gaps, from + 45 * minute - at.at(-1)!)).toBeLessThanOrEqual(10 * minute);
    const known = told[0]!.anomaly.knownMs! / stepMs;
    expect(known).toBeGreaterThan(from - 15 * minute);
    expect(known).toBeLessThan(from);
  });

  test("an outage inside an exclusion is never learned, however long it lasts", async () => {
    const exclusion: Exclusion = { entity: "deployment:chat", from: start + from * stepMs, reason: "incident" };
    await using detection = await create({}, [exclusion]);
    const long = 60 * minute;
    const told = await run(detection, from + long, 6, (values, step, replica) => {
      if (replica === 2 && step >= from) values.itl *= 3;
    });
    const itl = told.filter(({ anomaly }) => anomaly.signal === "itl" && anomaly.entity === "replica:vllm-2");
    expect(itl.length).toBeGreaterThan(0);
    expect(itl.every(({ anomaly }) => anomaly.endedAt === undefined)).toBe(true);
  });

  test("a change nobody made an incident of becomes the new normal in the end", async () => {
    await using detection = await create({ acceptHarmfulAfterMs: 600_000 });
    const told = await run(detection, from + 75 * minute, 6, (values, step, replica) => {
      if (replica === 2 && step >= from) values.itl *= 3;
    });
    const itl = told.filter(({ anomaly }) => anomaly.signal === "itl" && anomaly.entity === "replica:vllm-2");
    expect(itl.at(-1)?.anomaly.endedAt).toBeDefined();
  });
});

describe("restart", () => {
  test("a detection made from a snapshot says the same as the one that went on", async () => {
    const at = 45 * minute;
    const fault: Fault = (values, step, replica) => {
      if (replica === 3 && step >= at + 20) values.ttft *= 5;
    };
    const fleet = createFleet({ seed: 9, fault });
    await using before = await create({ learnDelayMs: 0 });
    for (let step = 0; step < at; step++) await before.step(fleet());
    await using after = await create({ learnDelayMs: 0, snapshot: await before.snapshot() });
    let told = 0;
    for (let step = 0; step < 10 * minute; step++) {
      const frame = fleet();
      // Held scores start anew, so the tails differ by the first few; all that is told must not.
      const a = (await before.step(frame)).map(({ tail: _a, ...rest }) => rest);
      const b = (await after.step(frame)).map(({ tail: _b, ...rest }) => rest);
      expect(b).toEqual(a);
      told += a.length;
    }
    expect(told).toBeGreaterThan(0);
    expect(after.baseline()).toEqual(before.baseline());
  });

  test("frames told again after a restart are not judged twice, and those still to be learned are learned", async () => {
    const frames = Array.from(
      { length: 60 * minute },
      (
        (fleet) => () =>
          fleet()
      )(createFleet({ seed: 12, fault })),
    );
    function fault(values: { itl: number }, step: number, replica: number): void {
      if (replica === 1 && step >= 50 * minute) values.itl *= 4;
    }
    const cut = 52 * minute;
    await using before = await create();
    const told: Anomaly[] = [];
    for (const frame of frames.slice(0, cut)) told.push(...(await before.step(frame)));
    expect(told.map((anomaly) => anomaly.signal)).toContain("itl");
    await using after = await create({ snapshot: await before.snapshot() });
    for (const frame of frames.slice(cut - 30 * minute, cut)) expect(await after.step(frame)).toEqual([]);
    for (const frame of frames.slice(cut)) {
      await before.step(frame);
      for (const anomaly of await after.step(frame)) expect(told.map(({ id }) => id)).toContain(anomaly.id);
    }
    expect(after.baseline().learnedMs).toBe(before.baseline().learnedMs);
  });

  test("a snapshot asked for in the middle of a step is that of the step's end", async () => {
    const fleet = createFleet({ seed: 5 });
    await using detection = await create();
    for (let step = 0; step < 15 * minute; step++) await detection.step(fleet());
    const stepping = detection.step(fleet());
    const during = await detection.snapshot();
    await stepping;
    // Compared as bytes: a matcher that walks them takes a minute.
    expect(Buffer.compare(during, await detection.snapshot())).toBe(0);
  });

  test("a snapshot that cannot be read is left alone", async () => {
    await using detection = await create({ snapshot: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    expect(detection.baseline()).toEqual({ entities: 0, learnedMs: 0, ready: false });
  });
});
