// Comparisons without spans, of GPUs and of probes; and what is said where labels are missing.
import { describe, expect, test } from "vitest";
import { type CompareDeps, cannot, compare } from "../../src/compare/compare.ts";
import { passes } from "../../src/compare/side.ts";
import { seededRandom } from "../../src/math/random.ts";
import type { Comparison } from "../../src/model/comparison.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { StoredRequest } from "../../src/model/ports/request-history.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { SeriesView } from "../../src/model/series.ts";

const from = 1_800_000_000_000;
const minutes = 40;
const range = { from, to: from + minutes * 60_000 };
const random = seededRandom(5);

interface Made {
  readonly view: SeriesView;
  readonly resource: Readonly<Record<string, string>>;
  readonly tenant?: string;
}

/** A point every 15 s, a little noisy. */
function made(metric: string, replica: string, resource: Made["resource"], value: number, more = {}): Made {
  const length = minutes * 4;
  const times = Float64Array.from({ length }, (_, i) => from + i * 15_000);
  const values = Float64Array.from({ length }, () => value * (0.98 + 0.04 * random()));
  return {
    view: { labels: { __name__: metric, entity: `replica:${replica}`, ...more }, length, times, values },
    resource,
  };
}

function sourceOf(all: readonly Made[]): CompareDeps["series"] {
  return ({ tests, tenants } = { tests: [] }) => ({
    select: (matchers) =>
      all
        .filter(
          ({ resource, tenant = "default" }) => tenants?.includes(tenant) !== false && passes(tests, {}, resource),
        )
        .map(({ view }) => view)
        .filter(({ labels }) => matchers.every(({ name, value }) => labels[name] === value)),
  });
}

function gpu(index: number, node: string, model: string): Entity {
  const id = `gpu:${node}/${index}`;
  return { id, kind: "gpu", name: id, parent: `node:${node}`, labels: { model }, place: { node } };
}

function replica(name: string, node: string): Entity {
  return { id: `replica:${name}`, kind: "replica", name, labels: {}, place: { node } };
}

const engines = ["r0", "r1"].flatMap((name, i) => {
  const resource = { "service.version": i === 0 ? "1" : "2", "k8s.node.name": `n${i}`, "service.instance.id": name };
  return [
    made("llm:requests_running", name, resource, 12),
    made("llm:generated_tokens:rate", name, resource, i === 0 ? 1000 : 1600),
    made("llm:ttft_seconds:p95", name, resource, i === 0 ? 0.2 : 0.3),
    made("llm:itl_seconds:p95", name, resource, 0.02),
    made("llm:prompt_length_tokens:mean", name, resource, 900),
    made("llm:output_length_tokens:mean", name, resource, i === 0 ? 200 : 120),
  ];
});
const machines = [
  replica("r0", "n0"),
  replica("r1", "n1"),
  gpu(0, "n0", "NVIDIA H100"),
  gpu(0, "n1", "NVIDIA A100"),
  gpu(1, "n1", "NVIDIA A100"),
];

async function run(a: string, b: string, more: Partial<CompareDeps> = {}): Promise<Comparison> {
  const answer = await compare(
    { a, b, range },
    {
      requests: { requests: async () => ({ requests: [], totalA: 0, totalB: 0, ofBoth: 0 }) },
      series: sourceOf(engines),
      probes: { select: () => [] },
      entities: () => machines,
      changes: { add: async () => {}, within: async () => [] },
      telemetry: silentTelemetry,
      ...more,
    },
  );
  if (cannot(answer)) throw new Error(answer.mistakes.map(({ detail }) => detail).join("; "));
  return answer;
}

const measureOf = (found: Comparison, id: string) => found.measures.find(({ measure }) => measure === id)!;

describe("without spans", () => {
  test("metrics tell, per GPU, and another output length is neither good nor bad", async () => {
    const found = await run("version=1", "version=2");
    expect(measureOf(found, "ttft")).toMatchObject({ verdict: "worse", source: "metrics" });
    expect(measureOf(found, "itl").verdict).toBe("same");
    expect(measureOf(found, "output_length").verdict).toBe("different");
    // 1600 tokens of two GPUs are 800 each.
    const tokens = measureOf(found, "tokens_per_gpu");
    expect(tokens.verdict).toBe("worse");
    expect(tokens.effect).toBeCloseTo(-0.2, 1);
    expect(found.verdict).toBe("worse");
    expect(found.notes.join()).toContain("Probe score: nothing tells of it for either side");
  });

  test("GPUs are sides by part of their model's name", async () => {
    const found = await run("gpu=h100", "gpu=A100");
    expect(measureOf(found, "ttft").verdict).toBe("worse");
    expect(found.a.replicas).toEqual(["r0"]);
    await expect(run("gpu=B200", "gpu=A100")).rejects.toThrow("known are NVIDIA A100, NVIDIA H100");
  });

  test("tenants are sides by whose metrics they are", async () => {
    const owned = engines.map((one, i) => (i < engines.length / 2 ? one : { ...one, tenant: "acme" }));
    const found = await run("tenant=default", "tenant=acme", { series: sourceOf(owned) });
    expect([found.a.replicas, found.b.replicas]).toEqual([["r0"], ["r1"]]);
    expect(measureOf(found, "ttft").verdict).toBe("worse");
  });
});

test("where metrics do not carry the label, a replica's time counts for whose requests it had", async () => {
  const bare = engines.map(({ view }) => ({ view, resource: {} }));
  const requests = ["r0", "r1"].flatMap((name, i) =>
    Array.from({ length: 400 }, (_, place): StoredRequest => {
      const seconds = 2 + random() / 10;
      return {
        ...{ isB: i === 1, at: from + place * 6000, seconds, ttftSeconds: 0.1, decodeSeconds: seconds - 0.1 },
        ...{
          inputTokens: 500 + place,
          outputTokens: 100,
          byEngine: true,
          replica: name,
          model: i === 0 ? "m" : "m-fp8",
        },
        ...{ node: `n${i}`, version: String(i + 1) },
      };
    }),
  );
  const found = await run("version=1", "version=2", {
    series: sourceOf(bare),
    requests: { requests: async () => ({ requests, totalA: 400, totalB: 400, ofBoth: 3 }) },
    changes: {
      add: async () => {},
      within: async () => [
        { id: "c", at: from, kind: "config", target: "deployment:d", summary: "max_num_seqs 64 -> 256" },
        { id: "d", at: from, kind: "deploy", target: "deployment:d", summary: "version 2" },
      ],
    },
  });
  expect(measureOf(found, "tokens_per_gpu").effect).toBeCloseTo(-0.2, 1);
  expect(found.notes.join("\n")).not.toContain("not known");
  expect(measureOf(found, "ttft").verdict).toBe("same");
  expect(found.notes.join("\n")).toContain("do not say which side they are of");
  expect(found.notes.join("\n")).toContain("3 requests are of both sides");
  const said = found.confounders.join("\n");
  expect(said).toContain("different models: A has m, B has m-fp8");
  expect(said).toContain("different gpus: A has NVIDIA H100, B has NVIDIA A100");
  expect(said).toContain("A is r0 alone");
  // The upgrade is what is asked about; the setting is not.
  expect(said).toContain("changed meanwhile: max_num_seqs 64 -> 256");
  expect(said).not.toContain("version 2");

  // Each replica is known to both sides, with minutes on one.
  const blind = await run("version=1", "version=2", {
    series: sourceOf(bare),
    requests: { requests: async () => ({ requests, totalA: 400, totalB: 400, ofBoth: 0 }) },
    entities: () => [],
  });
  expect(blind.notes.join("\n")).toContain("GPUs of 2 replicas are not known");
});

describe("probes", () => {
  const scored = (replicaName: string, share: number): SeriesView => {
    const { view } = made("probe_quality_score", replicaName, {}, 1, { probe: "golden" });
    return { ...view, values: view.values.map(() => (random() < share ? 1 : 0)) };
  };
  const probesOf = (all: readonly SeriesView[]): CompareDeps["probes"] => ({
    select: (_, { from: since, to }) =>
      all.map((view) => {
        const inside = view.times.map((at) => (at >= since && at < to ? 1 : 0)).reduce((sum, one) => sum + one, 0);
        return { ...view, length: inside, times: view.times.slice(-inside), values: view.values.slice(-inside) };
      }),
  });

  test("that fail more on one side make it worse, by the last half hour", async () => {
    const found = await run("node=n0", "node=n1", { probes: probesOf([scored("r0", 1), scored("r1", 0.4)]) });
    const one = measureOf(found, "probes");
    expect(one.verdict).toBe("worse");
    expect(one.effect).toBeLessThan(-0.3);
    expect(one.a.minutes).toBeLessThanOrEqual(31);
    expect(found.notes.join()).toContain("probe scores are those of the last half hour");
  });

  test("are of the side that is asked for under that name, not of one whose value is alike", async () => {
    const within = (name: string, deployment: string, namespace: string): Entity => ({
      ...{ id: `replica:${name}`, kind: "replica", name, labels: { namespace }, place: { deployment } },
    });
    // The deployment of one is called as the namespace of the other.
    const entities = () => [within("r0", "shop", "chat"), within("r1", "chat", "shop")];
    const found = await run("namespace=chat", "namespace=shop", {
      ...{ entities, probes: probesOf([scored("r0", 1), scored("r1", 0.4)]) },
    });
    expect(measureOf(found, "probes").verdict).toBe("worse");
  });

  test("are of the tenant whose replica was probed", async () => {
    const entities = () => [replica("r0", "n0"), replica("acme~r0", "n0")];
    const probes = probesOf([scored("r0", 1), scored("acme~r0", 0.4)]);
    const one = measureOf(await run("tenant=default", "tenant=acme", { entities, probes }), "probes");
    expect(one.verdict).toBe("worse");
    const both = await run("tenant=default,replica=r0", "tenant=acme,replica=r0", { entities, probes });
    expect(measureOf(both, "probes").verdict).toBe("worse");
  });
});
