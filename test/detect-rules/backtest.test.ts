// Alerts over a stretch of history.
import { describe, expect, it } from "vitest";
import { backtest, needsBefore, selectedMetrics } from "../../src/detect/rules/backtest.ts";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { rulesOf, second, storeWith } from "./helpers.ts";

const telemetry = silentTelemetry;
const deps = { telemetry, intervalMs: 10 * second };

describe("a backtest", () => {
  it("tells each firing with its times, also one that still lasts", async () => {
    const file = rulesOf("groups: [{name: g, interval: 10s, rules: [{alert: High, expr: m > 5, for: 20s}]}]");
    const source = storeWith({ entity: "a" }, [1, 9, 9, 9, 9, 1, 1, 9, 1, 9, 9, 9]);
    const { firings, failures } = await backtest([file], { from: 0, to: 110 * second }, { ...deps, source });
    expect(failures).toEqual([]);
    expect(firings.map(({ alert, pendingAt, firedAt, endedAt }) => [alert, pendingAt, firedAt, endedAt])).toEqual([
      ["High", 10_000, 30_000, 50_000],
      ["High", 90_000, 110_000, undefined],
    ]);
  });

  it("warms recorded series up, and leaves out what ended before the range", async () => {
    const file = rulesOf(`groups:
  - name: g
    interval: 10s
    rules:
      - record: busy
        expr: m > bool 5
      - alert: LongBusy
        expr: sum_over_time(busy[1m]) >= 3
      - alert: Early
        expr: m == 7
`);
    expect(needsBefore([file])).toEqual({ readMs: 360_000, warmUpMs: 60_000 });
    const source = storeWith({ entity: "a" }, [7, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const { firings } = await backtest([file], { from: 40 * second, to: 110 * second }, { ...deps, source });
    expect(firings.map(({ alert, firedAt, endedAt }) => [alert, firedAt, endedAt])).toEqual([
      ["LongBusy", 20_000, 60_000],
    ]);
  });

  it("counts what could not be evaluated, and ends no alert for it", async () => {
    const store = storeWith({ entity: "a" }, [9, 9, 9, 9]);
    const source: SeriesSource = {
      select(matchers, range) {
        if (range.to > 15 * second && range.to < 25 * second) throw new Error("disk");
        return store.select(matchers, range);
      },
    };
    const file = rulesOf("groups: [{name: g, interval: 10s, rules: [{alert: High, expr: m > 5}]}]");
    const result = await backtest([file], { from: 0, to: 30 * second }, { ...deps, source });
    expect(result.failures).toEqual([{ rule: "High", times: 1, error: "disk" }]);
    expect(result.firings).toMatchObject([{ firedAt: 0, endedAt: undefined }]);
  });

  it("knows which series its rules select, unless one selects by pattern", () => {
    const exact = rulesOf("groups: [{name: g, rules: [{alert: A, expr: 'rate(a_bucket[5m]) > sum(b)'}]}]");
    expect([...selectedMetrics([exact])!]).toEqual(["a_bucket", "b"]);
    expect(selectedMetrics([rulesOf("groups: [{name: g, rules: [{alert: A, expr: '{job=\"x\"}'}]}]")])).toBeUndefined();
  });
});
