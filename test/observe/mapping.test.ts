// Mapping files: every mistake is found, with its line, and no file brings the process down.
import { existsSync, readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMistake } from "../../src/model/yaml.ts";
import { loadMappings, parseMappings } from "../../src/observe/mapping.ts";
import { createResolver } from "../../src/observe/resolver.ts";
import { rawSeries } from "./raw.ts";

const corpus = "../shared/data/badinput/yaml_test_suite";

function mistakesOf(text: string): readonly string[] {
  return parseMappings([{ path: "x.yaml", text }]).mistakes.map(formatMistake);
}

describe("mapping files", () => {
  test("those that are shipped have no mistake", async () => {
    const { mappings, mistakes } = await loadMappings("rules/signals");
    expect(mistakes).toEqual([]);
    expect(mappings.map((mapping) => mapping.engine)).toContain("vllm");
  });

  test("every mistake is told with file and line", () => {
    const text = [
      "engine: vllm",
      'prefixes: ["vllm:"]',
      "colour: red",
      "signals:",
      "  ttft:",
      "    - { metric: a, read: p96 }",
      "  warp:",
      "    - { metric: a, read: last }",
      "  itl:",
      "    - metric: a",
      "      read: p95",
      "      scale: -1",
    ].join("\n");
    const mistakes = mistakesOf(text);
    expect(
      mistakes.map((mistake) => mistake.split(":").slice(0, 2).join(":")).toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual(["x.yaml:12", "x.yaml:3", "x.yaml:6", "x.yaml:8"]);
    expect(mistakes.join("\n")).toMatch(/colour/);
  });

  test("a file with a mistake spoils no other, and an engine is mapped in one file only", () => {
    const good = 'engine: a\nprefixes: ["a:"]\nsignals: {}\n';
    const set = parseMappings([
      { path: "1.yaml", text: "engine: [" },
      { path: "2.yaml", text: good },
      { path: "3.yaml", text: good },
    ]);
    expect(set.mappings.map((mapping) => mapping.engine)).toEqual(["a"]);
    expect(set.mistakes).toHaveLength(2);
    expect(set.mistakes[1]?.says).toContain("2.yaml already");
  });

  test("deep and large files are refused before the parser sees them", () => {
    expect(mistakesOf("[".repeat(40_000))[0]).toMatch(/nests deeper/);
    expect(mistakesOf("- ".repeat(20_000))[0]).toMatch(/nests deeper/);
    expect(mistakesOf(Array.from({ length: 400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"))[0]).toMatch(
      /nests deeper/,
    );
    expect(mistakesOf(`engine: ${"x".repeat(300_000)}`)[0]).toMatch(/longer than/);
  });

  test("any text gives mappings or mistakes, never an exception", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", ":", " ", "\n", "[", "{", "-", "&", "*", "!", '"', "|", "\t", "}") }),
        (text) => {
          const { mappings, mistakes } = parseMappings([{ path: "x.yaml", text }]);
          expect(mappings.length + mistakes.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  test.skipIf(!existsSync(corpus))(
    "a corpus of odd YAML gives mistakes, never an exception (needs ../shared/data/badinput)",
    async () => {
      const { readFile } = await import("node:fs/promises");
      for (const entry of readdirSync(corpus, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const text = await readFile(`${entry.parentPath}/${entry.name}`, "utf8");
        expect(parseMappings([{ path: entry.name, text }]).mappings).toEqual([]);
      }
    },
  );

  test("the format carries engines with other habits: label filters, sums of histograms, reciprocals, gauges for rates", () => {
    const text = `
engine: other
prefixes: ["nv_", "tgi_", "llamacpp:"]
signals:
  running:
    - { metric: trt_llm_request_metrics, read: last, where: { request_type: scheduled } }
  generated_tokens:
    - { metric: request_generated_tokens, read: rate_of_sum }
  itl:
    - { metric: predicted_tokens_seconds, read: last, invert: true }
`;
    const { mappings, mistakes } = parseMappings([{ path: "x.yaml", text }]);
    expect(mistakes).toEqual([]);
    const resolver = createResolver(mappings);
    const scheduled = rawSeries("nv_trt_llm_request_metrics", "gauge", { attributes: { request_type: "scheduled" } });
    const waiting = rawSeries("nv_trt_llm_request_metrics", "gauge", { attributes: { request_type: "waiting" } });
    expect(resolver.resolve(scheduled, "gauge")).toHaveLength(1);
    expect(resolver.resolve(waiting, "gauge")).toHaveLength(0);
    expect(resolver.resolve(rawSeries("tgi_request_generated_tokens", "histogram"), "histogram")).toHaveLength(1);
    expect(resolver.resolve(rawSeries("ray_llamacpp_predicted_tokens_seconds", "gauge"), "gauge")).toHaveLength(1);
  });

  test("a name that fits but a type that does not feeds nothing", async () => {
    const resolver = createResolver((await loadMappings("rules/signals")).mappings);
    expect(resolver.resolve(rawSeries("vllm:generation_tokens_total", "gauge"), "gauge")).toEqual([]);
    expect(resolver.engineOf("ray_vllm_new_thing")).toBe("vllm");
    expect(resolver.engineOf("up")).toBeUndefined();
  });
});
