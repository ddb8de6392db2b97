// Sides of a comparison by the series that are theirs: of two tenants whose telemetry says the same of itself.
import { expect, test } from "vitest";
import { createComparing } from "../../src/app/comparing.ts";
import { Config } from "../../src/app/config-schema.ts";
import { loadKnowledge } from "../../src/app/knowledge.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { TelemetryHistory } from "../../src/model/ports/telemetry-history.ts";
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";

const from = 1_800_000_000_000;
const range = { from, to: from + 20 * 60_000 };
const metric = "vllm:generation_tokens_total";

const owned = (hash: string, tenant: string): RawSeries => ({
  ...{ hash, metric, kind: "sum", unit: "", cumulative: true, monotonic: true, bounds: [], tenant },
  ...{ service: "chat", resource: { "service.instance.id": "vllm-0" }, attributes: {} },
});

const stored: TelemetryHistory = {
  metrics: async () => [{ metric, kind: "sum", unit: "" }],
  series: async (metrics) => (metrics.includes(metric) ? [owned("1", "default"), owned("acme:2", "acme")] : []),
  countPoints: async () => 100,
  async *points(series) {
    for (const { hash } of series)
      yield Array.from(
        { length: 80 },
        (_, i): RawPoint => ({
          ...{ hash, at: from + i * 15_000, start: 0, value: 1000 * i, count: 0, buckets: [], flags: 0 },
        }),
      );
  },
};

test("a side that names a tenant is made of that tenant's series alone", async () => {
  const compare = createComparing(
    { stepMs: 15_000, rateWindowMs: 60_000, mappings: loadKnowledge(Config.parse({})).mappings },
    {
      requests: { requests: async () => ({ requests: [], totalA: 0, totalB: 0, ofBoth: 0 }) },
      history: stored,
      changes: { add: async () => {}, within: async () => [] },
    },
    { probes: { select: () => [] }, entities: () => [], telemetry: silentTelemetry },
  );
  const found = await compare({ a: "tenant=default", b: "tenant=acme", range });
  expect(found).toMatchObject({ a: { replicas: ["vllm-0"] }, b: { replicas: ["acme~vllm-0"] } });
  const both = await compare({ a: "service=chat", b: "tenant=acme,service=chat", range });
  expect(both).toMatchObject({ a: { replicas: ["acme~vllm-0", "vllm-0"] }, b: { replicas: ["acme~vllm-0"] } });
});
