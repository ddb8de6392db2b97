// Forecasts: what runs out is told with an interval that holds what it promises; what does not stays untold.
import { describe, expect, it } from "vitest";
import { fitModel, forecast } from "../../src/detect/forecast/forecast.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import { coverageOf, simulated } from "./simulated.ts";

const usual = { limit: 1, horizon: 120, coverage: 0.8, refills: false };
const series = (n: number, value: (i: number) => number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => value(i));

describe("forecast", () => {
  it("tells when a leak ends, and the truth is within", () => {
    const random = seededRandom(7);
    const told = forecast({ ...usual, values: series(180, (i) => 0.3 + i * 0.003 + 0.004 * normal(random)) });
    if (told.kind !== "exhausts") throw new Error(JSON.stringify(told));
    const truth = (1 - 0.3) / 0.003 - 179;
    expect(told.earliest).toBeLessThanOrEqual(truth + 1);
    expect(told.latest).toBeGreaterThanOrEqual(truth - 1);
    expect(told.latest - told.earliest).toBeLessThan(40);
  });

  it("tells a leak that began after a quiet day", () => {
    const random = seededRandom(8);
    const values = series(1500, (i) => 0.3 + Math.max(0, i - 1465) * 0.006 + 0.004 * normal(random));
    expect(forecast({ ...usual, values }).kind).toBe("exhausts");
  });

  it.each([
    ["flat", (i: number) => 0.5 + 0.02 * Math.sin(i)],
    ["a sawtooth", (i: number) => 0.3 + 0.01 * (i % 60)],
    ["garbage collection that reaches high", (i: number) => 0.2 + 0.07 * (i % 11)],
    ["falling", (i: number) => 0.9 - i * 0.001],
  ])("does not raise for %s", (_, value) => {
    for (let n = 130; n < 260; n += 7)
      expect(forecast({ ...usual, values: series(n, value) }).kind).not.toBe("exhausts");
  });

  it("knows a cache that is full on purpose from a disk that is full", () => {
    const values = series(120, (i) => Math.min(1, i / 60));
    expect(forecast({ ...usual, values, refills: true }).kind).toBe("holds");
    expect(forecast({ ...usual, values }).kind).toBe("exhausts");
  });

  it("tells the second run of a leak that ended in a crash", () => {
    const values = series(260, (i) => (i < 140 ? 0.3 + i * 0.005 : 0.3 + (i - 140) * 0.005));
    expect(forecast({ ...usual, values }).kind).toBe("exhausts");
  });

  it("cannot tell from too little, nothing, or holes", () => {
    expect(forecast({ ...usual, values: new Float64Array(0) }).kind).toBe("unknown");
    expect(forecast({ ...usual, values: series(20, (i) => i / 40) }).kind).toBe("unknown");
    expect(forecast({ ...usual, values: series(200, () => Number.NaN) }).kind).toBe("unknown");
  });

  it("covers what it promises, on autocorrelated series with a trend and a day", () => {
    for (const days of [0.25, 2.2]) {
      const share = coverageOf({ series: 60, days, coverage: 0.8, lead: 60 });
      expect(share).toBeGreaterThanOrEqual(0.72);
    }
  });

  it("gives yesterday's course where a day repeats", () => {
    const values = simulated(seededRandom(3), 2 * 1440 + 300, { slope: 0, season: 0.2, noise: 0.005 });
    expect(fitModel(values, 0.8)?.kind).toBe("season");
  });
});
