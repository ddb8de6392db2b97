// The scenarios that ship: all can be read, no failure mode is left out, enough of them have nothing wrong.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatMistake } from "../../src/model/yaml.ts";
import { parseScenario, type ScenarioFile } from "../../src/simulate/scenario-file.ts";

/** Modes of the catalogue that no kind of fault shows, and why. */
const notShown: Readonly<Record<string, string>> = {
  "FM-19": "simulated engines have no data-parallel ranks: one engine label each",
};

const root = join(import.meta.dirname, "../..");
const files = yamlIn("test/gauntlet");
const read = files.map(({ name, text }) => ({ name, text, parsed: parseScenario(name, text) }));
const scenarios = read.flatMap(({ name, parsed }) => (parsed.ok ? [{ name, value: parsed.value }] : []));
const catalogue = yamlIn("rules/failure-modes").map(({ text }) => {
  const mode = parse(text) as { id: string; code: string; discriminators?: readonly { against: string }[] };
  return { ...mode, against: (mode.discriminators ?? []).map(({ against }) => against) };
});
const modes = catalogue.map(({ code }) => code);

describe("the shipped scenarios", () => {
  test("can be read without a mistake", () => {
    expect(read.flatMap(({ parsed }) => (parsed.ok ? [] : parsed.mistakes.map(formatMistake)))).toEqual([]);
    expect(files.length).toBeGreaterThanOrEqual(120);
  });

  test("tell their story in the first line, and are named as their file", () => {
    const silent = read.filter(({ text }) => !/^# [A-Z].{20,}[.]\n/.test(text)).map(({ name }) => name);
    expect(silent).toEqual([]);
    const other = scenarios.filter(({ name, value }) => name !== `${value.scenario.id}.yaml`).map(({ name }) => name);
    expect(other).toEqual([]);
    const misnamed = scenarios.filter(({ name, value }) => !name.startsWith(prefixOf(value))).map(({ name }) => name);
    expect(misnamed).toEqual([]);
  });

  test("are all different", () => {
    expect(new Set(scenarios.map(({ value }) => value.scenario.id)).size).toBe(scenarios.length);
    expect(new Set(scenarios.map(({ value }) => value.scenario.seed)).size).toBe(scenarios.length);
  });

  test("show every failure mode that the simulator can show", () => {
    const shown = new Set(scenarios.map(({ value }) => value.truth.mode.slice(0, 5)));
    expect(modes.filter((code) => !shown.has(code))).toEqual(modes.filter((code) => code in notShown));
    expect([...shown].filter((code) => code !== "NONE" && !modes.includes(code))).toEqual([]);
  });

  test("show, for every mode of the catalogue, one that it must lose to a look-alike", () => {
    const shown = new Set(scenarios.map(({ value }) => value.truth.mode.slice(0, 5)));
    const codes = new Map(catalogue.map(({ id, code }) => [id, code]));
    const unknown = catalogue.flatMap(({ against }) => against.filter((id) => !codes.has(id)));
    expect(unknown).toEqual([]);
    const untried = catalogue
      .filter(({ code, against }) => !against.some((id) => codes.get(id) !== code && shown.has(codes.get(id)!)))
      .map(({ id }) => id);
    expect(untried).toEqual([]);
    expect(catalogue).toHaveLength(55);
  });

  test("have nothing wrong in three of ten, and say so", () => {
    const well = scenarios.filter(({ value }) => value.truth.mode === "NONE");
    expect(well.length / scenarios.length).toBeGreaterThanOrEqual(0.3);
    expect(well.filter(({ value }) => value.faults.length > 0).map(({ name }) => name)).toEqual([]);
  });

  test("mix faults with what is none in a quarter of the rest", () => {
    const sick = scenarios.filter(({ value }) => value.truth.mode !== "NONE");
    const mixed = sick.filter(({ value }) => value.scenario.faults.length > value.faults.length);
    expect(mixed.length / sick.length).toBeGreaterThanOrEqual(0.25);
  });

  test("leave time to learn what is usual, and time to find what is not", () => {
    const faulty = scenarios.filter(({ value }) => value.truth.onset !== null);
    const hasty = faulty.filter(({ value }) => value.truth.onset! < 600_000 || value.truth.onset! > 900_000);
    expect(hasty.map(({ name }) => name)).toEqual([]);
    const short = faulty.filter(({ value }) => value.durationMs - value.truth.onset! < 900_000);
    expect(short.map(({ name }) => name)).toEqual([]);
    const early = faulty.filter(({ value }) => value.scenario.faults[0]!.atMs !== value.truth.onset!);
    expect(early.map(({ name }) => name)).toEqual([]);
  });

  test("say what a fault is in, how it acts, and which repairs help and harm", () => {
    const untold = scenarios
      .filter(({ value }) => value.truth.mode !== "NONE")
      .filter(({ value: { truth } }) => {
        const { root: at, causal_path: path, acceptable_actions: help, harmful_actions: harm, recovery } = truth;
        const both = help.some(({ action }) => harm.includes(action));
        return at.component === null || path.length < 2 || help.length === 0 || both || recovery === null;
      })
      .map(({ name }) => name);
    expect(untold).toEqual([]);
  });
});

function yamlIn(folder: string) {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".yaml"));
  return names.map((name) => ({ name, text: readFileSync(join(root, folder, name), "utf8") }));
}

function prefixOf({ truth }: ScenarioFile): string {
  return truth.mode === "NONE" ? "none-" : `${truth.mode.toLowerCase()}-`;
}
