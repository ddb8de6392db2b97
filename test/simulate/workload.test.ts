// Arrivals and lengths against the parameters they are drawn from, and against the published trace when it is there.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/simulate/random.ts";
import { conversation } from "../../src/simulate/scenario.ts";
import { createArrivals, drawLength } from "../../src/simulate/workload.ts";

const trace = join(import.meta.dirname, "../../../shared/data/traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv");

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))]!;
}

describe("the load", () => {
  test("lengths have the quantiles asked for", () => {
    const random = createRandom(7, "test");
    const drawn = Array.from({ length: 40_000 }, () => drawLength(conversation.prompt, random));
    for (const [name, q] of [
      ["p10", 0.1],
      ["p50", 0.5],
      ["p90", 0.9],
      ["p99", 0.99],
    ] as const) {
      expect(quantile(drawn, q) / conversation.prompt[name]).toBeCloseTo(1, 1);
    }
    expect(Math.max(...drawn.slice(0, 1000))).toBeLessThanOrEqual(conversation.prompt.max);
  });

  test.each([0.5, 1.09, 2])("arrivals come at the rate and with a coefficient of variation of %f", (cv) => {
    const arrivals = createArrivals({ ...conversation, cv, diurnal: 0 }, 4, 3);
    const gaps: number[] = [];
    for (let i = 0, before = 0; i < 40_000; i++) {
      gaps.push(arrivals.nextAt - before);
      before = arrivals.nextAt;
      arrivals.take();
    }
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(mean / (1000 / (4 * conversation.ratePerReplica))).toBeCloseTo(1, 1);
    expect(Math.sqrt(variance) / mean / cv).toBeCloseTo(1, 1);
  });

  test("the rate follows the hour of the day", () => {
    const arrivals = createArrivals({ ...conversation, diurnal: 0.5 }, 1, 3);
    const perHour = new Float64Array(24);
    while (arrivals.nextAt < 86_400_000) {
      perHour[Math.floor(arrivals.nextAt / 3_600_000)]! += 1;
      arrivals.take();
    }
    expect(perHour[6]! / perHour[18]!).toBeGreaterThan(2.5);
  });

  test.skipIf(!existsSync(trace))("quantiles agree with the trace (needs ../shared/data/traces)", () => {
    const rows = readFileSync(trace, "utf8").trim().split("\n").slice(1);
    const column = (i: number): number[] => rows.map((row) => Number(row.split(",")[i]));
    for (const [lengths, i] of [
      [conversation.prompt, 1],
      [conversation.output, 2],
    ] as const) {
      expect(quantile(column(i), 0.5)).toBe(lengths.p50);
      expect(quantile(column(i), 0.99)).toBe(lengths.p99);
      const random = createRandom(1, "trace");
      const drawn = Array.from({ length: 40_000 }, () => drawLength(lengths, random));
      const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
      expect(Math.abs(mean(drawn) / mean(column(i)) - 1)).toBeLessThan(0.15);
    }
  });
});
