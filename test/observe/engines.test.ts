// Pages of engines and exporters, by version: what each becomes in the one language, and that nothing is left unexplained.
import { describe, expect, test } from "vitest";
import { METRIC_NAME } from "../../src/model/labels.ts";
import { quality } from "../../src/model/series.ts";
import { signalOf } from "../../src/model/signal.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { pages } from "./expected.ts";
import { hostPages } from "./expected-hosts.ts";
import type { Expected } from "./expected-page.ts";
import { familiesOf, inPieces, twoScrapes } from "./pages.ts";
import { framesOf, setUp, t0 } from "./set-up.ts";

const { mappings } = await loadMappings("rules/signals");
const apartMs = 20_000;
/** Of these nearly everything has a canonical name; of what they run on, much has nothing to do with serving. */
const llmEngines = ["vllm", "sglang", "tgi", "tensorrt-llm", "llamacpp"];

async function headAfter(file: string, job: string, sent?: typeof inPieces) {
  const { head, reader } = setUp({ mappings, maxSeries: 20_000, rateWindowMs: apartMs });
  const { series, points } = twoScrapes(familiesOf(file), job, t0 + apartMs, apartMs, sent);
  await framesOf(head, reader, series, points, t0 + apartMs);
  return head;
}

function valuesOf(head: Awaited<ReturnType<typeof headAfter>>, entity: string): Record<string, number> {
  const range = { from: t0 + apartMs, to: t0 + apartMs + 1 };
  const found: Record<string, number> = {};
  for (const { entity: id } of [{ entity }]) {
    for (const view of head.select([{ name: "entity", op: "=", value: id }], range)) {
      const name = view.labels[METRIC_NAME] ?? "";
      const bad = quality.MISSING | quality.OUT_OF_RANGE | quality.SUSPECT;
      if (view.labels["job"] === undefined && ((view.quality?.[0] ?? 0) & bad) === 0) found[name] = view.values[0]!;
    }
  }
  return found;
}

function expectAll(head: Awaited<ReturnType<typeof headAfter>>, expected: Expected, file: string): void {
  for (const [entity, signals] of Object.entries(expected)) {
    const values = valuesOf(head, entity);
    for (const [id, value] of Object.entries(signals)) {
      expect(values[signalOf(id).metric], `${file} ${entity} ${id}`).toBeCloseTo(value, 6);
    }
  }
}

describe.each([...pages, ...hostPages])("$file", ({ file, engine, expected }) => {
  const job = engine;

  test("becomes the canonical series with the right values", async () => {
    const head = await headAfter(file, job);
    expectAll(head, expected, file);
  });

  test("is mapped, or left out with a reason, for 95 % of its metrics and more", async () => {
    const head = await headAfter(file, job);
    const own = head.coverage().filter((one) => one.engine !== "");
    const known = own.reduce((sum, one) => sum + one.mapped.length + one.leftOut.length, 0);
    const unknown = own.flatMap((one) => one.unmapped);
    expect(known / (known + unknown.length), unknown.join(" ")).toBeGreaterThanOrEqual(0.95);
    const mapped = own.find((one) => one.engine === engine);
    expect(mapped?.mapped.length).toBeGreaterThan(0);
    if (mapped === undefined || !llmEngines.includes(engine)) return;
    const all = mapped.mapped.length + mapped.leftOut.length + mapped.unmapped.length;
    expect(mapped.mapped.length / all, mapped.leftOut.map(({ metric }) => metric).join(" ")).toBeGreaterThanOrEqual(
      0.95,
    );
  });

  test("says the same when it comes by remote write, in pieces and without types", async () => {
    const head = await headAfter(file, job, inPieces);
    expectAll(head, expected, file);
  });
});
