// The life of alerts and recordings on event time.
import { describe, expect, it } from "vitest";
import { createRules } from "../../src/detect/rules/engine.ts";
import type { Alert } from "../../src/model/anomaly.ts";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { evaluateInstant } from "../../src/promql/evaluate.ts";
import { createScriptStore } from "../../src/promql/script/store.ts";
import { parsed } from "../promql/helpers.ts";
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

function brief(alerts: readonly Alert[]): string[] {
  return alerts.map(({ rule, state, value, labels }) => `${rule} ${labels["entity"] ?? "-"} ${state} ${value}`);
}

describe("an alert rule", () => {
  it("goes from pending to firing to inactive, and tells of changes only", async () => {
    const source = storeWith({ entity: "replica:a", tier: "page" }, [1, 9, 9, 9, 9, 1, 1]);
    const rules = createRules([high], { source, telemetry });
    const told: string[][] = [];
    for (let at = 0; at <= 60 * second; at += 10 * second) told.push(brief(await rules.evaluate(at)));
    expect(told).toEqual([
      [],
      ["High replica:a pending 9"],
      [],
      ["High replica:a firing 9"],
      [],
      ["High replica:a inactive 9"],
      [],
    ]);
    expect(rules.all()).toEqual([]);
  });

  it("names entity, failure mode, labels and annotations of what fires", async () => {
    const source = storeWith({ entity: "replica:a", tier: "page" }, [9, 9, 9]);
    const rules = createRules([high], { source, telemetry });
    for (const at of [0, 10, 20]) await rules.evaluate(at * second);
    expect(rules.all()).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        rule: "High",
        group: "g",
        state: "firing",
        labels: {
          alertname: "High",
          entity: "replica:a",
          tier: "page",
          severity: "page",
          failure_mode: "kv-cache-saturation",
        },
        annotations: { summary: "replica:a is at 9" },
        activeAt: 0,
        value: 9,
        failureMode: "kv-cache-saturation",
        entity: "replica:a",
      },
    ]);
  });

  it("starts over when the condition breaks while pending", async () => {
    const source = storeWith({ entity: "a" }, [9, 9, 1, 9, 9, 9]);
    const rules = createRules([high], { source, telemetry });
    const states: (string | undefined)[] = [];
    for (let at = 0; at <= 50 * second; at += 10 * second) {
      await rules.evaluate(at);
      states.push(rules.all()[0]?.state);
    }
    expect(states).toEqual(["pending", "pending", undefined, "pending", "pending", "firing"]);
  });

  it("keeps firing for as long as it says", async () => {
    const rule = rulesOf("groups: [{name: g, interval: 10s, rules: [{alert: A, expr: m > 5, keep_firing_for: 20s}]}]");
    const rules = createRules([rule], { source: storeWith({}, [9, 1, 1, 1, 9, 1, 9]), telemetry });
    const states: (string | undefined)[] = [];
    for (let at = 0; at <= 60 * second; at += 10 * second) {
      await rules.evaluate(at);
      states.push(rules.all()[0]?.state);
    }
    expect(states).toEqual(["firing", "firing", "firing", undefined, "firing", "firing", "firing"]);
  });

  it("has a stable id for the same labels, and another for others", async () => {
    const source = createScriptStore();
    gauge(source, { entity: "a", x: "1" }, [9]);
    gauge(source, { entity: "b", x: "1" }, [9]);
    const ids = async (): Promise<string[]> =>
      (await createRules([high], { source, telemetry }).evaluate(0)).map(({ id }) => id);
    const first = await ids();
    expect(new Set(first).size).toBe(2);
    expect(await ids()).toEqual(first);
  });

  it("is evaluated only when its group is due", async () => {
    let selects = 0;
    const source: SeriesSource = {
      select: () => {
        selects++;
        return [];
      },
    };
    const slow = rulesOf(
      "groups: [{name: s, interval: 1m, rules: [{alert: A, expr: m}]}, {name: d, rules: [{alert: B, expr: m}]}]",
    );
    const rules = createRules([slow], { source, telemetry, intervalMs: 30 * second });
    for (let at = 0; at <= 120 * second; at += 5 * second) await rules.evaluate(at);
    expect(selects).toBe(3 + 5);
  });
});

describe("recording rules", () => {
  const file = rulesOf(`
groups:
  - name: g
    interval: 10s
    rules:
      - record: fleet:m:sum
        expr: sum by (entity) (m)
        labels: { scope: fleet }
      - alert: Fleet
        expr: avg_over_time(fleet:m:sum[20s]) > 5
      - alert: Meta
        expr: ALERTS{alertname="Fleet", alertstate="firing"}
`);

  it("are read by the rules after them, with their history, as are ALERTS", async () => {
    const rules = createRules([file], { source: storeWith({ entity: "a" }, [1, 9, 9, 9]), telemetry });
    const told: string[][] = [];
    for (const at of [0, 10, 20, 30]) told.push(brief(await rules.evaluate(at * second)));
    expect(told).toEqual([[], [], ["Fleet a firing 9", "Meta a firing 1"], []]);
    const query = parsed("fleet:m:sum");
    const now = await evaluateInstant(query, 30 * second, rules.source);
    expect(now).toMatchObject({ samples: [{ labels: { entity: "a", scope: "fleet" }, value: 9 }] });
  });

  it("end a series that their result no longer has", async () => {
    const source = storeWith({ entity: "a" }, [1, undefined]);
    const rules = createRules([file], { source, telemetry });
    await rules.evaluate(0);
    await rules.evaluate(10 * second);
    const result = await evaluateInstant(parsed("fleet:m:sum"), 10 * second, rules.source);
    expect(result).toMatchObject({ kind: "vector", samples: [] });
  });

  it("keep a bounded number of series and count what finds no room", async () => {
    const source = createScriptStore();
    for (let i = 0; i < 5; i++) gauge(source, { entity: `e${i}` }, [1]);
    const { telemetry: counting, counts } = countingTelemetry();
    const only = rulesOf("groups: [{name: g, rules: [{record: r, expr: m}]}]");
    const rules = createRules([only], { source, telemetry: counting, recordedSeriesMax: 3 });
    await rules.evaluate(0);
    expect(counts.get("homeostat.detect.dropped recorded-series-limit")).toBe(2);
    expect(await evaluateInstant(parsed("count(r)"), 0, rules.source)).toMatchObject({ samples: [{ value: 3 }] });
  });

  it("keep their points for as long as asked, over many evaluations", async () => {
    const source = storeWith({ entity: "a" }, new Array<number>(400).fill(1));
    const only = rulesOf("groups: [{name: g, interval: 10s, rules: [{record: r, expr: m}]}]");
    const rules = createRules([only], { source, telemetry, retentionMs: 600 * second });
    for (let at = 0; at < 4000 * second; at += 10 * second) await rules.evaluate(at);
    const count = await evaluateInstant(parsed("count_over_time(r[10m])"), 3990 * second, rules.source);
    expect(count).toMatchObject({ samples: [{ value: 60 }] });
    const old = await evaluateInstant(parsed("count_over_time(r[1h])"), 3990 * second, rules.source);
    expect(old.kind === "vector" ? old.samples[0]!.value : 0).toBeLessThan(200);
  });
});

describe("a snapshot", () => {
  it("lets alerts go on as if nothing had happened", async () => {
    const source = storeWith({ entity: "a" }, [9, 9, 9, 9, 9, 1]);
    const through = createRules([high], { source, telemetry });
    let restarted = createRules([high], { source, telemetry });
    for (let at = 0; at <= 50 * second; at += 10 * second) {
      const expected = await through.evaluate(at);
      restarted = createRules([high], { source, telemetry }, restarted.snapshot());
      expect(await restarted.evaluate(at)).toEqual(expected);
      expect(restarted.all()).toEqual(through.all());
    }
  });

  it("keeps groups at their interval: what was just judged is not judged again", async () => {
    const slow = rulesOf("groups: [{name: g, interval: 1m, rules: [{alert: A, expr: m > 5}]}]");
    const source = storeWith({}, [9, 9, 9, 9, 9, 9, 9]);
    const before = createRules([slow], { source, telemetry });
    await before.evaluate(0);
    const after = createRules([slow], { source, telemetry }, before.snapshot());
    for (const [at, evaluatedAt] of [
      [30 * second, 0],
      [60 * second, 60 * second],
    ] as const) {
      await after.evaluate(at);
      expect(after.groups()[0]!.evaluatedAt).toBe(evaluatedAt);
    }
  });

  it("keeps what slow rules need: recorded series that are read far back", async () => {
    const slow = rulesOf(`groups:
  - name: g
    interval: 10s
    rules:
      - record: near
        expr: m * 2
      - record: far
        expr: m * 3
      - record: sum
        expr: sum_over_time(far[2h]) + avg_over_time(near[1m])
`);
    const source = storeWith({ entity: "a" }, [1, 2, undefined, 4, 5, 6]);
    const first = createRules([slow], { source, telemetry });
    for (const at of [0, 10, 20, 30]) await first.evaluate(at * second);
    const again = createRules([slow], { source, telemetry }, first.snapshot());
    const far = await evaluateInstant(parsed("sum_over_time(far[2h])"), 30 * second, again.source);
    expect(far).toMatchObject({ samples: [{ value: 21 }] });
    expect(await evaluateInstant(parsed("far"), 20 * second, again.source)).toMatchObject({ samples: [] });
    expect(await evaluateInstant(parsed("near"), 30 * second, again.source)).toMatchObject({ samples: [] });
    for (const at of [40, 50]) await again.evaluate(at * second);
    const sum = await evaluateInstant(parsed("sum_over_time(far[2h])"), 50 * second, again.source);
    expect(sum).toMatchObject({ samples: [{ value: 54 }] });
  });

  it("survives values JSON does not know", async () => {
    const always = rulesOf("groups: [{name: g, rules: [{alert: A, expr: m / 0}]}]");
    const rules = createRules([always], { source: storeWith({}, [1]), telemetry });
    await rules.evaluate(0);
    const again = createRules([always], { source: storeWith({}, [1]), telemetry }, rules.snapshot());
    expect(again.all()[0]?.value).toBe(Number.POSITIVE_INFINITY);
  });

  it("that cannot be read is counted and left aside", async () => {
    const { telemetry: counting, counts } = countingTelemetry();
    for (const text of ["{", "{}", '{"version":2}'])
      createRules([high], { source: storeWith({}, []), telemetry: counting }, text);
    expect(counts.get("homeostat.detect.dropped bad-rule-snapshot")).toBe(3);
  });
});
