// Pages as exporters print them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExposition } from "../../src/receive/prometheus/exposition.ts";

const limits = { samplesMax: 1000, labelsMax: 8, labelBytesMax: 64 };
const parse = (text: string) => parseExposition(text, limits);

describe("a page of metrics", () => {
  test("becomes families with their types, helps and samples", () => {
    const page = parse(
      [
        "# HELP vllm:num_requests_running Number of requests.\\nNow.",
        "# TYPE vllm:num_requests_running gauge",
        'vllm:num_requests_running{engine="0",model_name="a \\"b\\" \\\\ c"} 3.0',
        "",
        "# TYPE vllm:num_preemptions_total counter",
        'vllm:num_preemptions_total{engine="0"} 1.7e+01 1700000000123',
        "# TYPE vllm:num_preemptions_created gauge",
        "vllm:num_preemptions_created 1.7e9",
      ].join("\r\n"),
    );
    expect(page.badLines).toBe(0);
    expect(page.families.map((f) => [f.name, f.type, f.samples.length])).toEqual([
      ["vllm:num_requests_running", "gauge", 1],
      ["vllm:num_preemptions_total", "counter", 1],
      ["vllm:num_preemptions_created", "gauge", 1],
    ]);
    expect(page.families[0]?.help).toBe("Number of requests.\nNow.");
    expect(page.families[0]?.samples[0]?.labels).toEqual([
      ["engine", "0"],
      ["model_name", 'a "b" \\ c'],
    ]);
    expect(page.families[1]?.samples[0]).toMatchObject({ value: 17, timestampMs: 1_700_000_000_123 });
  });

  test("histograms gather their buckets, even one whose name ends in _total", () => {
    const page = parse(
      '# TYPE vllm:iteration_tokens_total histogram\nvllm:iteration_tokens_total_bucket{le="1"} 2\nvllm:iteration_tokens_total_bucket{le="+Inf"} 3\nvllm:iteration_tokens_total_sum 9\nvllm:iteration_tokens_total_count 3\n',
    );
    expect(page.families).toHaveLength(1);
    expect(page.families[0]).toMatchObject({ name: "vllm:iteration_tokens_total", type: "histogram" });
    expect(page.families[0]?.samples).toHaveLength(4);
  });

  test("OpenMetrics: units, exemplars, seconds as time, _total of a counter family, and EOF", () => {
    const page = parse(
      '# TYPE x counter\n# UNIT x seconds\nx_total{a="b"} 1 1700000000.5 # {trace_id="t"} 0.5\n# EOF\nnot read at all\n',
    );
    expect(page).toMatchObject({ badLines: 0, samples: 1 });
    expect(page.families[0]).toMatchObject({
      name: "x",
      unit: "seconds",
      samples: [{ name: "x_total", timestampMs: 1_700_000_000_500 }],
    });
  });

  test.each(["NaN", "+Inf", "-Inf", "1e-3", ".5", "5.", "0x1", "--1", "1_000", ""])(
    "the value %s is read as Go reads it, or refused",
    (word) => {
      const accepted = ["NaN", "+Inf", "-Inf", "1e-3", ".5", "5."].includes(word);
      expect(parse(`x ${word}\n`).samples).toBe(accepted ? 1 : 0);
    },
  );

  test("a bad line is named and spoils nothing beside it", () => {
    const page = parse(`good 1\nbad{a="b 2\n{} 3\nbad 1 2 3\nlong{a="${"x".repeat(65)}"} 1\nalso_good 2\n`);
    expect(page.families.map((f) => f.name)).toEqual(["good", "also_good"]);
    expect(page.badLines).toBe(4);
    expect(page.problems[0]).toBe("line 2: has a label value without its closing quote");
  });

  test("no page is too long: what exceeds the limit is counted", () => {
    const page = parse("x 1\n".repeat(1500));
    expect(page).toMatchObject({ samples: 1000, badLines: 500 });
    expect(page.problems).toHaveLength(5);
  });

  test("never throws, whatever the page", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => void parse(text)));
    const pieces = fc.constantFrom(
      "x",
      "{",
      "}",
      '"',
      "\\",
      "=",
      ",",
      " ",
      "\n",
      "1",
      "#",
      "# TYPE x histogram\n",
      "le",
      "_bucket",
      "NaN",
    );
    fc.assert(fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => void parse(parts.join(""))));
  });
});
