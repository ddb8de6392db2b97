// Which rule packs a service loads, with and without a word about it in the configuration.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Config } from "../../src/app/config-schema.ts";
import { loadKnowledge } from "../../src/app/knowledge.ts";
import { root } from "../support/service.ts";

const loaded = (rules?: { packs: string[] }): readonly string[] => {
  const { ruleFiles, mistakes } = loadKnowledge(Config.parse({ dataDirectory: "unused", ...(rules && { rules }) }));
  expect(mistakes).toEqual([]);
  return ruleFiles.map(({ name }) => name.replace(/^.*[/]/, "").replace(".rules.yaml", ""));
};

test("every pack that ships is on but the objectives, which are the user's to set", () => {
  const shipped = readdirSync(join(root, "rules", "packs")).flatMap(
    (name) => name.match(/^(.*)\.rules\.yaml$/)?.[1] ?? [],
  );
  expect(loaded().toSorted()).toEqual(shipped.filter((name) => name !== "slo").toSorted());
});

test("packs can be chosen, and `all` goes with the objectives without loading a pack twice", () => {
  expect(loaded({ packs: ["vllm", "node"] })).toEqual(["vllm", "node"]);
  const all = loaded({ packs: ["vllm", "all", "slo"] });
  expect(all).toContain("slo");
  expect(new Set(all).size).toBe(all.length);
});

describe("fitted odds", () => {
  const folder = mkdtempSync(join(tmpdir(), "homeostat-odds-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const load = (odds?: string) =>
    loadKnowledge(Config.parse({ dataDirectory: "unused", diagnose: odds === undefined ? {} : { odds } }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test("are laid over the catalogue where a file is named, and over nothing that says something else by now", () => {
    const [mode] = load().modes;
    const [first, second] = mode!.symptoms;
    const entry = (from: number, absent: number) => ({ from: [from, absent], to: [7.5, absent] });
    const own = {
      [first!.id]: entry(first!.present, first!.absent),
      [second!.id]: entry(second!.present + 1, second!.absent),
    };
    const { modes, mistakes } = load(file("odds.json", JSON.stringify({ version: 1, odds: { [mode!.id]: own } })));
    expect(mistakes).toEqual([]);
    expect(modes[0]!.symptoms[0]!.present).toBe(7.5);
    expect(modes[0]!.symptoms[1]).toEqual(second);
    expect(modes.slice(1)).toEqual(load().modes.slice(1));
  });

  test("a file that is none is a mistake that says what to do", () => {
    for (const path of [file("none.json", "{}"), join(folder, "missing.json")])
      expect(load(path).mistakes.map(({ says }) => says)).toEqual([expect.stringContaining("homeostat fit --out")]);
  });
});
