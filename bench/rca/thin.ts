// The same scenario as if only a part of its requests had been made: fewer failures to see, noisier means.
import { quantileOf } from "../../src/math/quantile.ts";
import { normal, type Random, seededRandom } from "../../src/math/random.ts";
import { columnKey, type Scenario, type Table } from "./scenario.ts";

/**
 * Keeps each request with probability `share`. What a kept request's fate was is drawn without replacement; a mean latency
 * gets the noise it would have gained if all of its usual noise (MAD) came from the number of requests.
 */
export function thinned(scenario: Scenario, share: number, seed: number): Scenario {
  const random = seededRandom(seed);
  const usual = new Map<string, { readonly center: number; readonly deviation: number }>();
  for (const [key, column] of scenario.normal.columns) {
    const values = column.filter(Number.isFinite);
    const center = quantileOf(values.slice(), values.length, 0.5);
    const distances = values.map((value) => Math.abs(value - center));
    usual.set(key, { center, deviation: 1.4826 * quantileOf(distances, distances.length, 0.5) });
  }
  const thin = (table: Table): Table => {
    const kept = new Map<string, Float64Array>();
    for (const [key, column] of table.columns) {
      if (key.split("\t")[1] === "requests")
        kept.set(
          key,
          column.map((count) => draw(count, share, random)),
        );
    }
    const columns = new Map(kept);
    for (const [key, column] of table.columns) {
      const [entity, metric] = key.split("\t");
      const all = table.columns.get(columnKey(entity!, "requests", "Sum"));
      const some = kept.get(columnKey(entity!, "requests", "Sum"));
      if (metric === "requests" || all === undefined || some === undefined) continue;
      const { center, deviation } = usual.get(key) ?? { center: Number.NaN, deviation: Number.NaN };
      columns.set(
        key,
        column.map((value, row) => {
          if (!Number.isFinite(value) || some[row] === 0) return Number.NaN;
          if (metric === "availability") return availability(value, all[row]!, some[row]!, random);
          const noise = Number.isNaN(deviation) ? value / 10 : deviation * Math.max(1, value / center);
          return Math.max(value / 10, value + normal(random) * noise * Math.sqrt(1 / share - 1));
        }),
      );
    }
    return { times: table.times, columns };
  };
  return {
    ...scenario,
    normal: thin(scenario.normal),
    issues: scenario.issues.map((issue) => ({ ...issue, table: thin(issue.table) })),
  };
}

function availability(percent: number, all: number, kept: number, random: Random): number {
  let failed = Math.round((1 - percent / 100) * all);
  let keptFailed = 0;
  for (let i = 0; i < kept; i++) {
    if (random() * (all - i) >= failed) continue;
    failed--;
    keptFailed++;
  }
  return 100 * (1 - keptFailed / kept);
}

function draw(count: number, share: number, random: Random): number {
  let kept = 0;
  for (let i = 0; i < count; i++) if (random() < share) kept++;
  return kept;
}
