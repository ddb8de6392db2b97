// Series whose truth is known: AR(1), a trend and a day.
import { fitModel } from "../../src/detect/forecast/forecast.ts";
import { normal, type Random, seededRandom } from "../../src/math/random.ts";

/** One value a minute. `noise`: innovations of an AR(1) with coefficient 0.9. */
export function simulated(
  random: Random,
  n: number,
  { slope, season, noise }: { readonly slope: number; readonly season: number; readonly noise: number },
): Float64Array {
  const phase = 2 * Math.PI * random();
  let around = 0;
  return Float64Array.from({ length: n }, (_, i) => {
    around = 0.9 * around + noise * normal(random);
    return 0.3 + slope * i + season * Math.sin((2 * Math.PI * i) / 1440 + phase) + around;
  });
}

/** Share of values `lead` minutes ahead that were within the interval. */
export function coverageOf(of: { series: number; days: number; coverage: number; lead: number }): number {
  const random = seededRandom(42);
  let within = 0;
  for (let k = 0; k < of.series; k++) {
    const n = Math.round(of.days * 1440);
    const shape = { slope: 0.0005 * random(), season: 0.15 * random(), noise: 0.01 };
    const values = simulated(random, n + of.lead, shape);
    const model = fitModel(values.subarray(0, n), of.coverage);
    if (model === undefined) throw new Error("no model");
    if (Math.abs(values[n + of.lead - 1]! - model.expected(of.lead)) <= model.halfWidth(of.lead)) within++;
  }
  return within / of.series;
}
