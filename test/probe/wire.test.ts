// Probes against engines on the wire, sound and broken: what each comes to, and what is sent.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/math/random.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createProbes, type Probes, type ProbesOptions } from "../../src/probe/probes.ts";
import { loadProbes, type ProbeSpec } from "../../src/probe/spec.ts";
import { factsOf } from "../../src/receive/privacy/text-facts.ts";
import { json, type Say, startEngine } from "../support/fake-engine.ts";
import { root, until } from "../support/service.ts";

const plenty = { share: 0, floorPerDay: 1e9 };
const t0 = Date.UTC(2026, 10, 30);

function specs(...texts: readonly string[]): readonly ProbeSpec[] {
  const { probes, mistakes } = loadProbes(texts.map((text, i) => ({ name: `${i}.yaml`, text })));
  expect(mistakes).toEqual([]);
  return probes;
}

const shippedProbe = (name: string): string => readFileSync(join(root, "rules", "probes", `${name}.yaml`), "utf8");

function open(options: Partial<ProbesOptions>): Probes & { readonly samples: MadeSample[] } {
  const samples: MadeSample[] = [];
  const probes = createProbes(
    { probes: [], targets: [], manifests: [], budget: plenty, ...options },
    {
      sink: { put: (some) => void samples.push(...some) },
      entities: () => [],
      readFacts: factsOf,
      random: seededRandom(7),
      telemetry: silentTelemetry,
      tell: () => {},
    },
  );
  return { ...probes, samples };
}

/** Knows everything the shipped probes ask. */
const sound: Say = ({ prompt, body }) => {
  if (body["max_tokens"] === 1) return " 2";
  if (prompt.includes("12 + 30")) return "42";
  if (prompt.includes("17 + 26")) return "43";
  if (prompt.includes("capital of France")) return "Paris.";
  if (prompt.includes("1, 2, 3, 4, 5, 6,")) return " 7";
  if (prompt.includes("into German"))
    return "Der Zug zum Flughafen fährt um neun Uhr morgens ab, und wer zu spät kommt, muss auf den nächsten warten, der eine Stunde später kommt.";
  if (prompt.includes("JSON")) return '```json\n{"city": "Rome", "population": 2750000}\n```';
  if (prompt.includes("eggs")) return "40";
  if (prompt.includes("sky is blue"))
    return "The light of the sun is made of all colours. The air scatters the blue part of it more than the red. That is why we see blue from all over the sky during the day.";
  if (prompt.includes("mouse")) return "Mice";
  if (prompt.includes("river")) return "A slow green river flows through the old town.";
  if (prompt.includes("library")) return "A film that is three days late costs one euro and fifty cents.";
  return "I was told no code.";
};

test("a sound engine passes every probe that ships, one request at a time, marked and greedy", async () => {
  await using engine = await startEngine(sound);
  const names = ["liveness", "known-answer", "golden", "determinism", "cross-request"];
  await using probes = open({
    probes: specs(...names.map(shippedProbe)),
    targets: [{ url: engine.url, service: "chat" }],
  });
  const results = await probes.run(t0);
  expect(results.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  expect(results).toHaveLength(10);
  expect(new Set(results.map(({ model }) => model))).toEqual(new Set(["tiny"]));
  expect(engine.openMax()).toBe(1);
  for (const { body, headers } of engine.seen) {
    expect(body).toMatchObject({ user: "homeostat-probe", temperature: 0, stream: false, model: "tiny" });
    expect(headers["x-homeostat-probe"]).toBe(/homeostat\.probe=(\w+)/.exec(String(headers["baggage"]))?.[1]);
  }
  expect(engine.seen.filter(({ path }) => path === "/v1/completions").map(({ body }) => body["max_tokens"])).toEqual([
    1,
  ]);
});

const liveness = `
id: liveness
says: lives
kind: answers
api: completions
maxTokens: 1
timeout: 300ms
unanswered: fails
cases: [{ id: one, prompt: "1" }]`;

const drip: Say = () => (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const timer = setInterval(() => response.write(" "), 20);
  response.once("close", () => clearInterval(timer));
};

test.each<[string, Say, string, string]>([
  ["hangs", () => () => {}, "failed", "timeout"],
  ["drips for ever", drip, "failed", "timeout"],
  ["answers 500", () => (response) => json(response, { error: "boom" }, 500), "failed", "server-error"],
  ["answers garbage", () => (response) => void response.end("\u0000\u0001<html>"), "failed", "garbage"],
  ["answers an empty body", () => (response) => void response.end(), "failed", "garbage"],
  ["answers other JSON", () => (response) => json(response, { choices: "none" }), "failed", "garbage"],
  ["answers null", () => (response) => json(response, null), "failed", "garbage"],
  ["answers a choice of numbers", () => (response) => json(response, { choices: [{ text: 7 }] }), "failed", "garbage"],
  ["answers with 3 MiB", () => (response) => void response.end("x".repeat(3 << 20)), "failed", "too-large"],
  ["hangs up at once", () => (response) => void response.destroy(), "failed", "connection"],
  [
    "hangs up in the middle",
    () => (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
    },
    "failed",
    "connection",
  ],
  ["is busy", () => (response) => json(response, {}, 429), "unanswered", "busy"],
  ["knows no such model", () => (response) => json(response, {}, 404), "unanswered", "refused"],
])("an engine that %s", async (_what, say, outcome, reason) => {
  await using engine = await startEngine(say);
  const targets = [{ url: engine.url, service: "chat", model: "tiny" }];
  await using probes = open({
    probes: specs(liveness, liveness.replace("id: liveness", "id: known_answer").replace("fails", "unknown")),
    targets,
  });
  const results = await probes.run(t0);
  expect(results[0]).toMatchObject({ probe: "liveness", outcome, reason });
  // A probe of answers learns nothing from silence: it must not look like a wrong answer.
  expect(results[1]).toMatchObject({ probe: "known_answer", outcome: "unanswered", reason });
});

test("a redirect is not followed", async () => {
  await using other = await startEngine(sound);
  await using engine = await startEngine(() => (response) => {
    response.writeHead(307, { location: `${other.url}/v1/completions` });
    response.end();
  });
  await using probes = open({ probes: specs(liveness), targets: [{ url: engine.url, model: "tiny" }] });
  expect(await probes.run(t0)).toMatchObject([{ outcome: "unanswered", reason: "redirect" }]);
  expect(other.seen).toEqual([]);
});

test("nobody listens", async () => {
  const engine = await startEngine(sound);
  await engine[Symbol.asyncDispose]();
  await using probes = open({ probes: specs(liveness), targets: [{ url: engine.url, model: "tiny" }] });
  expect(await probes.run(t0)).toMatchObject([{ outcome: "failed", reason: "connection" }]);
});

test("a cache that mixes requests up fails determinism and gives the secret away", async () => {
  let before = "";
  await using engine = await startEngine(({ prompt }) => {
    const answer = before === "" ? "A film costs one euro and fifty cents then." : `You said: ${before}`;
    before = prompt.slice(-80);
    return answer;
  });
  const targets = [{ url: engine.url, model: "tiny" }];
  await using probes = open({ probes: specs(shippedProbe("determinism"), shippedProbe("cross-request")), targets });
  const results = await probes.run(t0);
  expect(results).toMatchObject([
    { probe: "determinism", outcome: "failed", reason: "differs" },
    { probe: "cross_request", outcome: "failed", reason: "leak" },
  ]);
  // Neither the secret nor anything that was said is told.
  const code = /vault is ([0-9a-f]{12})/.exec(engine.seen.map(({ prompt }) => prompt).join("\n"))?.[1];
  expect(code).toMatch(/^[0-9a-f]{12}$/);
  expect(JSON.stringify([results, probes.status()])).not.toContain(code);
});

test("the second tenant asks with a key of its own", async () => {
  await using engine = await startEngine(sound);
  const keys = { authorization: "Bearer a", otherAuthorization: "Bearer b" };
  const targets = [{ url: engine.url, model: "tiny", ...keys, extra: { think: false, user: "nobody" } }];
  await using probes = open({ probes: specs(shippedProbe("cross-request")), targets });
  await probes.run(t0);
  expect(engine.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer a", "Bearer b"]);
  expect(engine.seen[0]?.body).toMatchObject({ think: false, user: "homeostat-probe" });
});

test("series begin at zero, count wrong answers once, and say nothing of silence", async () => {
  let answer = "wrong";
  await using engine = await startEngine(() => (answer === "" ? (response) => json(response, {}, 500) : answer));
  const probe = `{ id: known_answer, says: x, kind: answers, every: 1m, cases: [{ id: a, prompt: q, checks: { exact: right } }] }`;
  const targets = [{ url: engine.url, instance: "vllm-0", service: "chat", model: "tiny" }];
  await using probes = open({ probes: specs(probe), targets });
  const failures = (): number[] =>
    probes.samples.flatMap((sample) =>
      sample.metric === "homeostat_probe_failures_total" && sample.kind === "count" ? [sample.value] : [],
    );
  const success = (): number | undefined => {
    const last = probes.samples.findLast(({ metric }) => metric === "probe_success");
    return last?.kind === "level" ? last.value : undefined;
  };
  await probes.run(t0);
  probes.step(t0, undefined);
  probes.step(t0 + 15_000, undefined);
  probes.step(t0 + 30_000, undefined);
  expect(failures()).toEqual([0, 1, 0]);
  expect(success()).toBe(0);
  expect(probes.samples[0]).toMatchObject({
    resource: { "service.name": "chat", "service.instance.id": "vllm-0" },
    attributes: { probe: "known_answer", gen_ai_request_model: "tiny" },
  });
  answer = "right";
  await until(async () => (await probes.run(t0 + 31_000)).length > 0);
  probes.step(t0 + 45_000, undefined);
  expect(success()).toBe(1);
  answer = "";
  await until(async () => (await probes.run(t0 + 46_000)).length > 0);
  probes.samples.length = 0;
  probes.step(t0 + 31_000 + 150_001, undefined);
  expect(success()).toBeUndefined();
  expect(failures()).toEqual([0]);
});

test("a replica nobody knows the service of gets no series rather than a wrong parent", async () => {
  await using engine = await startEngine(sound);
  await using probes = open({ probes: specs(liveness), targets: [{ url: engine.url, model: "tiny" }] });
  await probes.run(t0);
  probes.step(t0, undefined);
  expect(probes.samples).toEqual([]);
});

test("a probe that hangs is not started twice, and is broken off at the end", async () => {
  await using engine = await startEngine(() => () => {});
  const slow = liveness.replace("timeout: 300ms", "timeout: 10m\nevery: 1s");
  {
    await using probes = open({ probes: specs(slow), targets: [{ url: engine.url, model: "tiny" }] });
    for (let second = 0; second < 120; second++) probes.step(t0 + second * 1000, undefined);
    await until(async () => engine.seen.length > 0);
    for (let second = 120; second < 140; second++) probes.step(t0 + second * 1000, undefined);
    expect(probes.status().results).toEqual([]);
  }
  expect(engine.seen).toHaveLength(1);
});

test("the budget holds back what costs, and essential probes last longest", async () => {
  await using engine = await startEngine(sound);
  const targets = [{ url: engine.url, model: "tiny" }];
  // 12 tokens an hour: 24 at the start.
  await using probes = open({
    probes: specs(shippedProbe("golden"), shippedProbe("liveness")),
    targets,
    budget: { share: 0.001, floorPerDay: 288 },
  });
  const results = await probes.run(t0);
  expect(
    results.filter(({ probe }) => probe === "golden").map(({ outcome, reason }) => `${outcome} ${reason}`),
  ).toEqual(Array.from({ length: 4 }, () => "skipped budget"));
  expect(results.find(({ probe }) => probe === "liveness")?.outcome).toBe("passed");
  const { spent, left } = probes.status().budget;
  expect(spent).toBe(2);
  expect(left).toBe(22);
});

test("a canary that errs is told from the control beside it, and its series says so", async () => {
  let errs = true;
  await using canary = await startEngine((seen) => (errs ? "I do not know." : sound(seen)));
  await using control = await startEngine(sound);
  const targets = [
    { url: canary.url, instance: "new", service: "chat", model: "m", pool: "canary" as const },
    { url: control.url, instance: "old", service: "chat", model: "m", pool: "control" as const },
  ];
  await using probes = open({ probes: specs(shippedProbe("canary")), targets });
  const pValue = (measure: string): number | undefined => {
    probes.samples.length = 0;
    probes.step(t0, undefined);
    const found = probes.samples.find(({ attributes }) => attributes["measure"] === measure);
    return found?.kind === "level" && found.metric === "probe_canary_p_value" ? found.value : undefined;
  };
  const first = await probes.run(t0);
  expect(first.map(({ entity, outcome }) => `${entity} ${outcome}`).toSorted()).toEqual([
    ...Array.from({ length: 3 }, () => "replica:new failed"),
    ...Array.from({ length: 3 }, () => "replica:old passed"),
  ]);
  expect(pValue("quality")).toBeGreaterThan(0.01);
  for (let i = 0; i < 4; i++) await probes.run(t0);
  expect(pValue("quality")).toBeLessThan(0.01);
  errs = false;
  expect(probes.status().canaries.find(({ measure }) => measure === "quality")).toMatchObject({
    isWorse: true,
    worse: 15,
    better: 0,
  });
});

test("what may be spent follows what is served", async () => {
  await using engine = await startEngine(sound);
  const targets = [{ url: engine.url, model: "tiny" }];
  await using probes = open({ probes: [], targets, budget: { share: 0.001, floorPerDay: 0 } });
  for (let minute = 0; minute <= 60; minute++) probes.step(t0 + minute * 60_000, 1000);
  // An hour at 1000 tokens a second, and a thousandth of it.
  expect(probes.status().budget).toMatchObject({ served: 3_600_000, spent: 0 });
  expect(probes.status().budget.left).toBeCloseTo(3600, 6);
  // A day without telemetry allows nothing more, and a fleet that was busy for long saves up a quarter of a day.
  for (let hour = 2; hour <= 24; hour++) probes.step(t0 + hour * 3_600_000, undefined);
  expect(probes.status().budget.left).toBeCloseTo(3600, 6);
  for (let hour = 25; hour <= 99; hour++) probes.step(t0 + hour * 3_600_000, 1000);
  expect(probes.status().budget.left).toBeCloseTo(21_600, 6);
});
