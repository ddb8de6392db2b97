// Which attributes carry a trouble of requests: planted carriers are found by name, and none is found where there is none.
import { expect, test } from "vitest";
import { attributeReport } from "../../../src/diagnose/attributes/carriers.ts";
import { sentencesOf } from "../../../src/diagnose/attributes/says.ts";
import { tableOf } from "../../../src/diagnose/attributes/table.ts";
import type { RequestTrouble } from "../../../src/model/request-attributes.ts";
import { makeRequests, type Plant, sampleOf } from "./made-requests.ts";

const onset = Date.UTC(2026, 10, 30, 12, 3);
const minute = 60_000;

function report(seed: number, plant?: Plant, counts: readonly [before: number, during: number] = [3000, 600]) {
  const before = { from: onset - 30 * minute, to: onset };
  const during = { from: onset, to: onset + 6 * minute };
  const made = [
    makeRequests({ count: counts[0], ...before, seed: 2 * seed }),
    makeRequests({ count: counts[1], ...during, seed: 2 * seed + 1 }, plant),
  ] as const;
  const placeOf = (replica: string, kind: string) => (kind === "gpu" ? `GPU-${replica.slice(-1)}` : undefined);
  const table = tableOf({ sample: sampleOf(made[0]), ...before }, { sample: sampleOf(made[1]), ...during }, placeOf);
  return attributeReport(table, during, before);
}

const slower =
  (factor: number, share = 1): Plant =>
  (request, random) => {
    if (random() < share) request.seconds *= factor;
  };
const failing =
  (share: number): Plant =>
  (request, random) => {
    if (random() < share) request.failed = true;
  };

const of = (made: ReturnType<typeof report>, trouble: RequestTrouble) =>
  made.troubles.find((one) => one.trouble === trouble);
const said = (made: ReturnType<typeof report>, trouble: RequestTrouble) =>
  of(made, trouble)?.carriers.map(({ values }) =>
    values.map(({ attribute, value }) => `${attribute} ${value}`).join(" and "),
  );

test("a tenant whose requests got slow is named, with its share now and before", () => {
  const made = report(1, (request) => {
    if (request.said.tenant === "acme") request.seconds *= 4;
  });
  const slow = of(made, "slow")!;
  expect(said(made, "slow")).toEqual(["tenant acme"]);
  expect(slow.carriers[0]!.share).toBeGreaterThan(0.7);
  expect(slow.carriers[0]!.explains).toBeGreaterThan(0.9);
  expect(slow.carriers[0]!.says).toMatch(
    /^\d+ % of the slow requests \(over .+ s\) since 12:03 UTC are of tenant acme \(\d+ % before\)$/,
  );
  expect(slow.even).toEqual(expect.arrayContaining(["model", "replica", "route", "prompt_length"]));
});

test("long prompts are always the slow ones: they are named only if that got worse", () => {
  const alike = report(2, slower(3));
  expect(of(alike, "slow")!.rate).toBeGreaterThan(0.3);
  expect(said(alike, "slow")).toEqual([]);
  expect(sentencesOf(alike).join()).toMatch(/the slow requests .* are spread evenly over .*prompt length/);
  const worse = report(3, (request) => {
    if (request.inputTokens > 4096) request.seconds *= 6;
  });
  expect(said(worse, "slow")).toContain("prompt_length 4k to 16k tokens");
});

test("values of the very same requests are told together, also those that are new", () => {
  const made = report(4, (request, random) => {
    if (request.said.replica !== "vllm-3") return;
    request.said.version = "0.10.1";
    if (random() < 0.6) request.failed = true;
  });
  const [first, ...more] = of(made, "failed")!.carriers;
  expect(more).toEqual([]);
  const all = [...first!.values, ...first!.alike].map(({ attribute, value }) => `${attribute} ${value}`);
  expect(all).toEqual(["version 0.10.1", "node node-3", "gpu GPU-3", "replica vllm-3"]);
});

test("two values that it takes together are told as a pair", () => {
  const made = report(5, (request) => {
    if (request.said.tenant === "acme" && request.said.model === "llama-70b") request.seconds *= 6;
  });
  expect(said(made, "slow")).toEqual(["tenant acme and model llama-70b"]);
});

test("a tenant that sends more is one of traffic, not of slowness", () => {
  const made = report(
    6,
    (request, random) => {
      if (random() < 0.7) request.said.tenant = "delta";
    },
    [3000, 1800],
  );
  expect(said(made, "traffic")).toEqual(["tenant delta"]);
  expect(of(made, "slow")).toBeUndefined();
});

test("a value that few share is never named", () => {
  const made = report(7, (request, random) => {
    // Each of them another: nobody can be told from the rest.
    if (random() < 0.3) Object.assign(request.said, { tenant: `person-${Math.floor(random() * 1e6)}` });
    if (request.said.tenant?.startsWith("person")) request.failed = true;
  });
  expect(of(made, "failed")!.rate).toBeGreaterThan(0.2);
  expect(JSON.stringify(made)).not.toContain("person-");
});

test("without a carrier none is told: at most one of 200 incidents in which all requests changed alike", () => {
  const plants: readonly Plant[] = [slower(3), slower(3, 0.2), failing(0.3), failing(0.06)];
  let carried = 0;
  for (let i = 0; i < 200; i++) {
    const { troubles } = report(100 + i, plants[i % plants.length], [1500, 400]);
    if (troubles.some(({ carriers }) => carriers.length > 0)) carried++;
  }
  expect(carried).toBeLessThanOrEqual(1);
});

test("too few requests before, or none, give no answer rather than a guess", () => {
  expect(report(8, failing(1), [40, 600]).troubles).toEqual([]);
  expect(report(9, undefined, [3000, 0]).troubles).toEqual([]);
});
