// Rules that cannot be evaluated: they are unknown, with the reason, and never silently inactive.
import { describe, expect, it } from "vitest";
import { createRules } from "../../src/detect/rules/engine.ts";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { countingTelemetry, gauge, rulesOf, second, storeWith } from "./helpers.ts";

const telemetry = silentTelemetry;

const high = rulesOf(`
groups:
  - name: g
    interval: 10s
    rules:
      - alert: High
        expr: m > 5
        for: 20s
        labels: { failure_mode: kv-cache-saturation, severity: "{{ $labels.tier }}" }
        annotations: { summary: "{{ $labels.entity }} is at {{ $value }}" }
`);

describe("a rule that cannot be evaluated", () => {
  it("is unknown with the error, is counted, keeps what it knew, and is tried again", async () => {
    const store = storeWith({ entity: "a" }, [9, 9, 9, 9, 9, 9]);
    let broken = false;
    const source: SeriesSource = {
      select: (matchers, range) =>
        broken ? Promise.reject(new Error("no connection")) : store.select(matchers, range),
    };
    const { telemetry: counting, counts } = countingTelemetry();
    const rules = createRules([high], { source, telemetry: counting });
    for (const at of [0, 10, 20]) await rules.evaluate(at * second);
    broken = true;
    expect(await rules.evaluate(30 * second)).toMatchObject([
      { state: "unknown", error: "no connection", entity: "a", activeAt: 0 },
    ]);
    expect(await rules.evaluate(40 * second)).toEqual([]);
    expect(counts.get("homeostat.detect.rule_failures alert")).toBe(2);
    broken = false;
    expect(await rules.evaluate(50 * second)).toMatchObject([{ state: "firing", activeAt: 0 }]);
    expect(rules.all()[0]).not.toHaveProperty("error");
  });

  it("speaks for itself when it has no alerts, and says when it works again", async () => {
    let broken = true;
    const source: SeriesSource = { select: () => (broken ? Promise.reject(new Error("down")) : []) };
    const rules = createRules([high], { source, telemetry });
    expect(await rules.evaluate(0)).toMatchObject([
      { rule: "High", state: "unknown", labels: { alertname: "High" }, failureMode: "kv-cache-saturation" },
    ]);
    broken = false;
    expect(await rules.evaluate(10 * second)).toMatchObject([{ rule: "High", state: "inactive", resolvedAt: 10_000 }]);
    expect(rules.all()).toEqual([]);
  });

  it.each([
    ["maxSeries", { maxSeries: 1 }],
    ["maxSamples", { maxSamples: 2 }],
    ["maxSteps", { maxSteps: 3 }],
  ] as const)("is one that would read too much, with the limit it passed: %s", async (limit, query) => {
    const source = storeWith({ entity: "a" }, [9, 9, 9, 9, 9, 9, 9]);
    gauge(source, { entity: "b" }, [9, 9, 9, 9, 9, 9, 9]);
    const file = rulesOf("groups: [{name: g, rules: [{alert: A, expr: 'max_over_time(m[1m:10s]) > 5'}]}]");
    const rules = createRules([file], { source, telemetry, query });
    expect(await rules.evaluate(60 * second)).toMatchObject([
      { rule: "A", state: "unknown", error: expect.stringContaining(`(${limit})`) },
    ]);
  });

  it("does not keep other rules from being evaluated", async () => {
    const source = storeWith({ entity: "a" }, [9]);
    const file = rulesOf(`
groups:
  - name: g
    limit: 1
    rules:
      - alert: Clash
        expr: m / on (entity) {__name__=~"m|n"}
      - alert: Fine
        expr: m
`);
    gauge(source, { entity: "a", x: "2" }, [9]);
    const rules = createRules([file], { source, telemetry });
    const alerts = await rules.evaluate(0);
    expect(alerts.find(({ rule }) => rule === "Clash")?.error).toContain("many-to-many matching not allowed");
    expect(alerts.find(({ rule }) => rule === "Fine")?.error).toContain("more than the group's limit of 1");
  });

  it("is one whose results become the same alert", async () => {
    const source = storeWith({ entity: "a" }, [9]);
    gauge(source, { entity: "b" }, [9]);
    const file = rulesOf("groups: [{name: g, rules: [{alert: A, expr: m, labels: {entity: all}}]}]");
    expect((await createRules([file], { source, telemetry }).evaluate(0))[0]?.error).toContain("same labelset");
  });
});
