// Probes of a gauntlet: they ask the simulated engines on virtual time, see what only they can see, and cost what they may.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { play } from "../../src/app/gauntlet/play.ts";
import { createProbing, withTargets } from "../../src/app/gauntlet/probing.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createProbes } from "../../src/probe/probes.ts";
import type { ProbeResult } from "../../src/probe/result.ts";
import { loadProbes } from "../../src/probe/spec.ts";
import { factsOf } from "../../src/receive/privacy/text-facts.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createSimulation, type Simulation } from "../../src/simulate/simulation.ts";
import { root } from "../support/service.ts";

const startAt = Date.UTC(2026, 0, 14, 12);
const stepMs = 5000;

const scenarioIn = (file: string) => {
  const parsed = parseScenario(file, readFileSync(join(root, "test/gauntlet", file), "utf8"));
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ says }) => says).join("; "));
  return parsed.value;
};

/** The shipped probes over so many minutes of a scenario. */
async function probed(file: string, minutes: number, meddle: (simulation: Simulation) => void = () => {}) {
  const folder = join(root, "rules/probes");
  const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const simulation = createSimulation({ ...scenarioIn(file).scenario, faults: [] }, { startAt });
  const { targets, ...ways } = createProbing(simulation);
  const results: ProbeResult[] = [];
  await using probes = createProbes(
    {
      probes: loadProbes(files).probes,
      targets,
      manifests: [],
      budget: { share: 0.001, floorPerDay: 10_000 * targets.length },
    },
    {
      ...ways,
      sink: { put: () => {} },
      entities: () => [],
      readFacts: factsOf,
      telemetry: silentTelemetry,
      tell: (result) => void results.push(result),
    },
  );
  const served = (): number =>
    simulation.observe().replicas.reduce((sum, { stats }) => sum + stats.promptTokens + stats.generationTokens, 0);
  for (let atMs = stepMs; atMs <= minutes * 60_000; atMs += stepMs) {
    simulation.advance(atMs);
    if (atMs === 60_000) meddle(simulation);
    await new Promise(setImmediate);
    if (atMs % 15_000 === 0) probes.step(startAt + atMs, served() / (atMs / 1000));
  }
  const said = (outcome: string, probe: string) =>
    results.filter((result) => result.outcome === outcome && result.probe === probe);
  return { results, said, served: served(), spent: probes.status().budget.spent };
}

test("a sound fleet, busy or with a long queue, passes whatever it is asked, for less than a thousandth of its tokens", async () => {
  for (const file of ["none-quiet-busy.yaml", "none-burst-long-context.yaml"]) {
    const { results, said, served, spent } = await probed(file, 16);
    expect(results.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    for (const probe of ["liveness", "known_answer", "golden", "cross_request", "determinism"])
      expect(said("passed", probe).length, probe).toBeGreaterThan(2);
    expect(spent).toBeGreaterThan(0);
    expect(spent / served).toBeLessThan(0.001);
    // Answers take the engines' time, not that of the step they are read in.
    expect(results.some(({ seconds }) => seconds > 0 && seconds < stepMs / 1000)).toBe(true);
  }
}, 60_000);

test("one replica that computes wrongly, leaks or hangs fails the probe that is made for it, and no other replica does", async () => {
  const ill = await probed("none-quiet-h100.yaml", 16, ({ fleet }) => {
    fleet.replicas[0]!.condition.miscomputedShare = 0.6;
    fleet.replicas[1]!.condition.foreignShare = 0.7;
    fleet.replicas[2]!.engine.setHung(true, fleet.nowMs);
  });
  const whom = (probe: string): readonly string[] => [
    ...new Set(ill.said("failed", probe).map(({ entity }) => entity)),
  ];
  expect(whom("known_answer")).toContain("replica:vllm-0");
  expect(whom("known_answer")).not.toContain("replica:vllm-3");
  expect(whom("cross_request")).toEqual(["replica:vllm-1"]);
  expect(whom("liveness")).toEqual(["replica:vllm-2"]);
  expect(new Set(ill.said("failed", "liveness").map(({ reason }) => reason))).toEqual(new Set(["timeout"]));
  // Once it let a question wait for all its time, the others of the same run are not asked.
  const late = ill.said("unanswered", "known_answer").filter(({ reason }) => reason === "timeout");
  expect(new Set(late.map(({ entity, case: one }) => `${entity} ${one}`))).toEqual(new Set(["replica:vllm-2 sum"]));
  expect(ill.said("failed", "liveness").every(({ seconds }) => seconds === 120)).toBe(true);
}, 60_000);

test("settings that name their own targets keep them", () => {
  const probing = createProbing(createSimulation(scenarioIn("none-quiet-h100.yaml").scenario, { startAt }));
  expect(withTargets({}, probing)).toMatchObject({ probes: { targets: [{ instance: "vllm-0" }, {}, {}, {}] } });
  expect(withTargets({ probes: { targets: [] } }, probing)).toEqual({ probes: { targets: [] } });
});

test("a GPU that computes wrongly is found and named by its replica, and by nobody without probes", async () => {
  const file = scenarioIn("fm-39-wrong-sums.yaml");
  const order = { folder: "", through: "memory" } as const;
  const { score, story } = await play(file, { ...order, settings: {} });
  expect(score, story.join("\n")).toMatchObject({ detected: true, top1: true, location: true, falseIncidents: 0 });
  const short = { ...file, durationMs: 1_500_000 };
  expect((await play(short, { ...order, settings: { probes: { targets: [] } } })).score.detected).toBe(false);
}, 180_000);
