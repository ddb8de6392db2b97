// Which rule packs a service loads, with and without a word about it in the configuration.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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
