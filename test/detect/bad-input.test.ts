// Bad input, and detectors that fail, through detection as the service runs it.
import { describe, expect, test } from "vitest";
import { type Watch, watches } from "../../src/detect/registry.ts";
import type { Detector, PointBatch } from "../../src/model/detector.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { SignalId } from "../../src/model/signal.ts";
import { createFleet } from "./fleet.ts";
import { about, create, hit, hour, minute, only, play, stepMs } from "./play.ts";

describe("bad input", () => {
  test("infinities, denormals and absurd units enter no baseline: what comes after is judged as before", async () => {
    const absurd = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e308, -1e308];
    const from = 1 * hour;
    const shiftAt = from + 30 * minute;
    const fault = only(1, (values, step) => {
      if (step >= from && step < from + 10 * minute && step % 4 === 0) {
        for (const id of Object.keys(values) as SignalId[]) values[id] = absurd[step % absurd.length] as number;
      }
      if (step >= shiftAt) values.itl *= 4;
    });
    await using detection = await create();
    const told = await play(detection, createFleet({ seed: 8, stepMs, fault }), shiftAt + 3 * minute);
    for (const { anomaly } of told) expect(anomaly.tail).toBeGreaterThan(0);
    const itl = about(told, "itl").find(({ step }) => step >= shiftAt);
    expect(itl?.step).toBeLessThanOrEqual(shiftAt + minute);
    expect(itl?.anomaly.expected.high).toBeLessThan(0.2);
  });

  test("a series that changes kind, seconds sent as milliseconds, is one episode and ends when accepted", async () => {
    const at = 1 * hour;
    const fault = only(1, (values, step) => {
      if (step >= at) values.ttft *= 1000;
    });
    const fleet = createFleet({ seed: 9, stepMs, fault });
    await using detection = await create();
    const told = about(await play(detection, fleet, at + 10 * minute), "ttft");
    expect(new Set(told.map(({ anomaly }) => anomaly.id)).size).toBe(1);
    expect(told[0]?.anomaly.shape).toBe("level-shift");
    expect(await detection.accept(({ entity, signal }) => entity === hit && signal === "ttft")).toHaveLength(1);
    expect(about(await play(detection, fleet, 20 * minute), "ttft")).toEqual([]);
  });

  const broken = (how: Partial<Detector<"point">>): Watch => ({
    feature: "levels",
    persists: "steps",
    kind: {
      kind: "broken",
      summary: "Fails.",
      input: "point",
      create: () => ({
        score: (_batch: PointBatch, _now: number, out: Float64Array) => out.fill(0),
        learn: () => {},
        explain: () => ({ expected: { low: 0, high: 0 }, evidence: [] }),
        snapshot: () => new Uint8Array(0),
        ...how,
      }),
    },
  });
  const fail = (): never => {
    throw new Error("planted");
  };

  test.each<[string, Partial<Detector<"point">>]>([
    ["throws when it scores", { score: fail }],
    ["throws when it learns", { learn: fail }],
    ["throws when it follows", { follow: fail }],
    ["answers infinities", { score: (_batch, _now, out) => void out.fill(Number.POSITIVE_INFINITY) }],
    ["answers below zero", { score: (_batch, _now, out) => void out.fill(-3) }],
  ])(
    "a detector that %s is set aside, counted and shown; the others find the fault all the same",
    async (_how, how) => {
      const at = 1 * hour;
      const counted = new Map<string, number>();
      const telemetry = {
        ...silentTelemetry,
        count(name: string, amount = 1, attributes: Readonly<Record<string, string>> = {}) {
          const key = `${name} ${attributes["detector"] ?? ""}`;
          counted.set(key, (counted.get(key) ?? 0) + amount);
        },
      };
      const fault = only(1, (values, step) => {
        if (step >= at) values.itl *= 4;
      });
      await using detection = await create({}, { telemetry, watches: [...watches, broken(how)] });
      const told = await play(detection, createFleet({ seed: 10, stepMs, fault }), at + 2 * minute);
      expect(told.filter(({ step }) => step < at)).toEqual([]);
      expect(about(told, "itl")[0]?.step).toBeLessThanOrEqual(at + minute);
      expect(counted.get("homeostat.detect.detector_failures broken")).toBe(5);
      const states = detection.detectors();
      expect(states.find(({ detector }) => detector === "broken")).toMatchObject({ state: "set-aside", failures: 5 });
      expect(states.filter(({ state }) => state === "runs")).toHaveLength(watches.length);
      await expect(detection.snapshot()).resolves.toBeInstanceOf(Uint8Array);
    },
  );
});
