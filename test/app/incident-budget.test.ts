// Error budget an incident took, over a whole service: by rules made of objectives, from stored metrics.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectApi } from "../../src/app/api-client.ts";
import { incident as command } from "../../src/app/commands/incident.ts";
import { budgetsOf } from "../../src/app/incident/budget.ts";
import type { Report } from "../../src/app/incident/report.ts";
import { generateSloRules } from "../../src/detect/rules/rule-file.ts";
import type { Incident } from "../../src/model/incident.ts";
import type { RuleView } from "../../src/model/rule-view.ts";
import type { SeriesView } from "../../src/model/series.ts";
import { now, openWorld } from "../show/kit.ts";
import { serviceIn, temporaryFolder } from "../support/service.ts";

const minute = 60_000;
const objectives = `slo:
  - name: calls
    description: Calls succeed
    objective: 99%
    window: 30d
    sli:
      bad: sum by (service_name, tenant) (rate(calls_total{code="error"}[$window]))
      total: sum by (service_name, tenant) (rate(calls_total[$window]))
`;
const folder = temporaryFolder();
const end = Math.floor(Date.now() / minute) * minute;
const at = (minutes: number): number => end + minutes * minute;
const broken = { from: at(-60), to: at(-50) };
let service: Awaited<ReturnType<typeof serviceIn>>;

const attributes = (labels: Record<string, string>) =>
  Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));

/** A call a second; while it is broken a share of them fails. */
async function sendCalls(name: string, tenant: string, failing: number): Promise<void> {
  const points = { ok: [] as object[], error: [] as object[] };
  let [ok, error] = [0, 0];
  for (let i = -180; i <= 0; i++) {
    const isBroken = at(i) > broken.from && at(i) <= broken.to;
    ok += isBroken ? 60 * (1 - failing) : 60;
    error += isBroken ? 60 * failing : 0;
    const times = { timeUnixNano: `${at(i)}000000`, startTimeUnixNano: `${at(-181)}000000` };
    points.ok.push({ ...times, asDouble: ok, attributes: attributes({ code: "ok", tenant }) });
    points.error.push({ ...times, asDouble: error, attributes: attributes({ code: "error", tenant }) });
  }
  const sum = { dataPoints: [...points.ok, ...points.error], isMonotonic: true, aggregationTemporality: 2 };
  const scopeMetrics = [{ metrics: [{ name: "calls_total", sum }] }];
  const resource = { attributes: attributes({ "service.name": name }) };
  const answer = await fetch(`${service.otlpUrl}/v1/metrics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics }] }),
  });
  expect(answer.status).toBe(200);
}

const file = join(folder.path, "calls.rules.yaml");
beforeAll(async () => {
  const made = generateSloRules("calls.slo.yaml", objectives);
  if ("mistakes" in made) throw new Error("the objectives have mistakes");
  writeFileSync(file, made.text);
  service = await serviceIn(join(folder.path, "data"), { rules: { packs: [], files: [file] } });
  await sendCalls("shop", "acme", 0.5);
  await sendCalls("blog", "acme", 0);
  await service.store.flushed();
}, 120_000);
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

test("an incident tells what each product lost, in minutes and of its budget", async () => {
  const one: Incident = {
    ...{
      id: "0123456789abcdef",
      state: "resolved",
      severity: "critical",
      title: "Calls fail",
      entities: ["service:shop"],
    },
    ...{ symptoms: [], onset: broken.from, openedAt: broken.from, updatedAt: broken.to, resolvedAt: broken.to },
  };
  await service.store.records.put("incidents", [one]);
  const run = async (...more: string[]): Promise<string> => {
    const lines: string[] = [];
    const io = { out: (line: string) => void lines.push(line), err: () => {} };
    expect(await command.run([one.id, ...more, "--url", service.apiUrl], io)).toBe(0);
    return lines.join("\n");
  };
  const { budgets, budgetsMissing } = JSON.parse(await run("--json")) as Report;
  expect(budgetsMissing).toEqual([]);
  expect(budgets.map(({ product }) => product)).toEqual(["tenant acme, service shop", "tenant acme, service blog"]);
  // Half of ten minutes; 1 % of 30 days are 432 minutes.
  expect(budgets[0]!.badMinutes).toBeGreaterThan(4.7);
  expect(budgets[0]!.badMinutes).toBeLessThan(5.3);
  expect(budgets[0]!.budgetMinutes).toBeCloseTo(432);
  expect(budgets[0]!.lostShare).toBeCloseTo(budgets[0]!.badMinutes / 432);
  expect(budgets[1]!.badMinutes).toBe(0);
  expect(await run()).toMatch(
    /^error budget: tenant acme, service shop lost \d\.\d minutes of 432 \(1\.\d % of the budget\) of calls$/m,
  );
  expect(await run("--markdown")).toContain("Error budget: tenant acme, service shop lost");
});

test("says why nothing is known: no objective, or nothing on record", async () => {
  const long = { from: at(-60 * 24 * 20), to: at(-60 * 24 * 20 + 10) };
  const { budgets, missing } = await budgetsOf(connectApi({ url: service.apiUrl }), long, end);
  expect(budgets).toEqual([]);
  expect(missing).toEqual(["nothing is on record of calls in this time"]);
  const world = await openWorld();
  try {
    const none = await budgetsOf(connectApi({ url: world.show.url }), long, end);
    expect(none.missing[0]).toMatch(/^no objective is configured/);
  } finally {
    await world.show[Symbol.asyncDispose]();
  }
});

test("what rules recorded goes before what can be worked out, and a part of the time is told as a part", async () => {
  const rule = (name: string, query: string): RuleView => ({
    ...{ kind: "record", name, query, forMs: 0, keepFiringForMs: 0, labels: { slo: "s" }, annotations: {} },
    ...{ alerts: [], health: "ok" },
  });
  const rules = [rule("slo:bad:rate5m", "vector(7)"), rule("slo:total:rate5m", "vector(7)")];
  const group = { name: "g", file: "f", intervalMs: minute, limit: 0, evaluatedAt: now, rules };
  const from = now - 60 * minute;
  /** Recorded from `since` on: a tenth of ten a second is bad. */
  const recorded = (name: string, value: number, since: number): SeriesView => {
    const times = Float64Array.from({ length: Math.floor((now - since) / minute) + 1 }, (_, i) => since + i * minute);
    const values = new Float64Array(times.length).fill(value);
    return { labels: { __name__: name, slo: "s", model_name: "m" }, length: times.length, times, values };
  };
  for (const [since, covered] of [
    [from - 60 * minute, true],
    [now - 10 * minute, false],
  ] as const) {
    const all = [recorded("slo:bad:rate5m", 1, since), recorded("slo:total:rate5m", 10, since)];
    const source = {
      select: (matchers: readonly { readonly name: string; readonly value: string }[]) =>
        all.filter(({ labels }) => matchers.every(({ name, value }) => labels[name] === value)),
      labelSets: async () => [],
    };
    const world = await openWorld({
      deps: { prometheus: { source, limits: {}, rules: () => [group], metadata: async () => [] } },
    });
    try {
      const found = await budgetsOf(connectApi({ url: world.show.url }), { from, to: now - 10 * minute }, now);
      if (covered) {
        expect(found.missing).toEqual([]);
        expect(found.budgets).toMatchObject([{ slo: "s", product: "model m" }]);
        expect(found.budgets[0]!.badMinutes).toBeCloseTo(5.6, 0);
        expect(found.budgets[0]!.budgetMinutes).toBeUndefined();
      } else {
        // All the expressions work out is everything bad: it covers the time, so it goes before.
        expect(found.budgets[0]!.badMinutes).toBeGreaterThan(50);
      }
    } finally {
      await world.show[Symbol.asyncDispose]();
    }
  }
});
