// Which rule packs a service loads, with and without a word about it in the configuration.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Config } from "../../src/app/config-schema.ts";
import { loadKnowledge } from "../../src/app/knowledge.ts";
import { readOddsTable } from "../../src/diagnose/fitted-odds.ts";
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
  const modes = (fittedOdds: boolean) =>
    loadKnowledge(Config.parse({ dataDirectory: "unused", diagnose: { fittedOdds } })).modes;
  const ratios = (list: ReturnType<typeof modes>) =>
    new Map<string, readonly number[]>(
      list.flatMap(({ id, symptoms, discriminators }) =>
        [...symptoms, ...discriminators].map((spec) => [`${id} ${spec.id}`, [spec.present, spec.absent]] as const),
      ),
    );

  test("are in force unless they are switched off, and move nothing else", () => {
    const [written, fitted] = [ratios(modes(false)), ratios(modes(true))];
    const moved = [...written].filter(([name, odds]) => String(fitted.get(name)) !== String(odds));
    expect(moved.length).toBeGreaterThan(50);
    expect([...fitted.keys()]).toEqual([...written.keys()]);
  });

  test("are of the catalogue as it is: whoever edits many ratios fits them anew", () => {
    const written = ratios(modes(false));
    const table = readOddsTable(readFileSync(join(root, "models", "odds.json"), "utf8"))!;
    const entries = Object.entries(table).flatMap(([mode, own]) =>
      Object.entries(own).map(([id, { from }]) => ({ name: `${mode} ${id}`, from })),
    );
    const stale = entries.filter(({ name, from }) => String(written.get(name)) !== String(from));
    expect(stale.length / entries.length, stale.map(({ name }) => name).join(", ")).toBeLessThan(0.1);
  });
});
