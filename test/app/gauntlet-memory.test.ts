// A gauntlet in memory must hear what the real service hears: the same telemetry through both, compared.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createLogBook } from "../../src/app/gauntlet/memory/log-book.ts";
import { createMetricPages } from "../../src/app/gauntlet/memory/metric-pages.ts";
import { createSpanGroups } from "../../src/app/gauntlet/memory/span-groups.ts";
import { play } from "../../src/app/gauntlet/play.ts";
import { type SpanGroup, textCounters } from "../../src/model/ports/span-reader.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createShipper } from "../../src/simulate/ship.ts";
import { createSimulation } from "../../src/simulate/simulation.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const scenarioIn = (file: string, change: (text: string) => string = (text) => text) => {
  const parsed = parseScenario(file, change(readFileSync(`test/gauntlet/${file}`, "utf8")));
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ says }) => says).join("; "));
  return parsed.value;
};

test("spans, points and log records are told as the store tells them", { timeout: 180_000 }, async () => {
  using folder = temporaryFolder();
  // Nobody else reads: what a series is, is told once.
  await using service = await serviceIn(folder.path, { observe: { tick: "0 0 0 1 1 *" } });
  // Garbled answers, so that facts of texts differ from each other.
  const { scenario } = scenarioIn("fm-22-garbled-canary.yaml", (text) =>
    text.replaceAll(/at: \d+s/g, "at: 10s").replace("0.16", "0.9"),
  );
  const startAt = Math.floor(Date.now() / 60_000) * 60_000 - 300_000;
  const { recorded } = createSimulation(scenario, { startAt }).advance(240_000);
  const shipper = createShipper({ endpoint: service.otlpUrl, telemetry: silentTelemetry, attemptsMax: 3 });
  await shipper.ship(recorded);
  await shipper.stop();
  await service.store.flushed();
  const [pages, spans, logs] = [createMetricPages(), createSpanGroups(), createLogBook()];
  for (const { data } of recorded.metrics) pages.add(data);
  spans.add(recorded.spans);
  logs.add(recorded.logs);

  const stored: SpanGroup[] = [];
  let cursor = "";
  await until(async () => {
    const page = await service.store.spans.spansAfter(cursor, 0, 5000);
    cursor = page.cursor;
    stored.push(...page.groups);
    return stored.reduce((sum, { count }) => sum + count, 0) >= recorded.spans.length;
  });
  const { groups } = await spans.spansAfter("", 0, 5000);
  const [told, known] = [comparable(groups), comparable(stored)];
  expect([...told.keys()].toSorted(byText)).toEqual([...known.keys()].toSorted(byText));
  // Durations are stored to the nanosecond, and added up in another order.
  for (const [key, numbers] of told)
    for (const [i, number] of numbers.entries()) expect(number, `${key} ${i}`).toBeCloseTo(known.get(key)![i]!, 4);
  // Else the comparison would say little.
  const garbled = Object.keys(textCounters).indexOf("outputGarbled");
  expect(groups.some(({ texts }) => texts[garbled]! > 0)).toBe(true);

  const mine = await pages.metricsAfter("", 0);
  const theirs = await service.store.reader.metricsAfter("", 0);
  const simulated = theirs.series.filter(({ metric }) => !metric.startsWith("homeostat"));
  const names = (series: readonly { metric: string; kind: string; service: string; attributes: object }[]) =>
    [...new Set(series.map(({ metric, kind, service }) => `${metric} ${kind} ${service}`))].toSorted(byText);
  expect(names(mine.series)).toEqual(names(simulated));
  expect(mine.series.length).toBe(simulated.length);
  const hashes = new Set(simulated.map(({ hash }) => hash));
  expect(mine.points.length).toBe(theirs.points.filter(({ hash }) => hashes.has(hash)).length);

  const read = await logs.logsAfter("", 0);
  const kept = await service.store.logReader.logsAfter("", 0);
  expect([...read.bodies].toSorted(byText)).toEqual([...kept.bodies].toSorted(byText));
});

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** What is counted of each group, by all that it has in common; a group may be told in several parts. */
function comparable(groups: readonly SpanGroup[]): ReadonlyMap<string, readonly number[]> {
  const merged = new Map<string, number[]>();
  for (const {
    count,
    seconds,
    buckets,
    firstTokens,
    inputTokens,
    outputTokens,
    cachedTokens,
    costUsd,
    texts,
    lengthRatios,
    ...same
  } of groups) {
    const numbers = [
      count,
      seconds,
      ...buckets,
      firstTokens.count,
      firstTokens.seconds,
      inputTokens,
      outputTokens,
      cachedTokens,
    ];
    numbers.push(costUsd, ...texts, lengthRatios.count);
    const key = JSON.stringify(Object.entries(same).toSorted(([a], [b]) => byText(a, b)));
    const before = merged.get(key);
    merged.set(key, before === undefined ? numbers : numbers.map((each, i) => each + before[i]!));
  }
  return merged;
}

test("a hang is found and named as the real service does", { timeout: 60_000 }, async () => {
  const scenario = scenarioIn("fm-05-engine-hang.yaml");
  const { score, story } = await play(
    { ...scenario, durationMs: (scenario.truth.onset ?? 0) + 180_000 },
    { folder: "", settings: {}, through: "memory" },
  );
  expect(score).toMatchObject({ detected: true, top1: true, location: true, falseIncidents: 0 });
  expect(score.ttdMs).toBeLessThanOrEqual(120_000);
  expect(story.join("\n")).toMatch(/restart-replica of replica:vllm-\d proposed/);
});
