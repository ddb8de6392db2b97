// Rule files: what is taken, and how every mistake is told.
import { describe, expect, it } from "vitest";
import { formatMistake, parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import { rulesOf } from "./helpers.ts";

function mistakesOf(text: string): string[] {
  return parseRuleFile("f.yaml", text).mistakes.map(formatMistake);
}

describe("a rule file", () => {
  it("may use everything Prometheus has for alerts and recordings", () => {
    const file = rulesOf(`
groups:
  - name: g
    interval: 30s
    limit: 10
    query_offset: 5s
    labels: { team: serving }
    rules:
      - record: job:m:sum
        expr: sum by (job) (m)
        labels: { kind: total }
      - alert: High
        expr: job:m:sum > 5
        for: 1m
        keep_firing_for: 1m30s
        labels: { severity: page, team: other }
        annotations: { summary: "{{ $value }}" }
`);
    const [group] = file.groups;
    expect(group).toMatchObject({ name: "g", intervalMs: 30_000, limit: 10, offsetMs: 5000 });
    expect(group!.rules[0]).toMatchObject({
      kind: "record",
      name: "job:m:sum",
      labels: { team: "serving", kind: "total" },
    });
    expect(group!.rules[1]).toMatchObject({
      kind: "alert",
      name: "High",
      forMs: 60_000,
      keepFiringForMs: 90_000,
      line: 12,
    });
    expect(group!.rules[1]!.labels).toMatchObject({ severity: { source: "page" }, team: { source: "other" } });
  });

  it("may be empty", () => {
    expect(parseRuleFile("f.yaml", "")).toEqual({ file: { name: "f.yaml", groups: [] }, refused: 0, mistakes: [] });
    expect(parseRuleFile("f.yaml", "groups: []").mistakes).toEqual([]);
  });

  it("may be a PrometheusRule of the Prometheus Operator", () => {
    const wrapped = (expr: string): string =>
      `apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec:\n  groups:\n  - name: g\n    partial_response_strategy: warn\n    rules:\n    - {alert: A, expr: '${expr}'}\n`;
    expect(rulesOf(wrapped("m > 1")).groups[0]?.rules.map(({ name }) => name)).toEqual(["A"]);
    expect(mistakesOf(wrapped("rate(m)"))[0]).toMatch(/^f\.yaml:9:\d+: expr: argument 1 of rate/);
    expect(mistakesOf("kind: PrometheusRule\nmetadata: {}")[0]).toContain("a rule file must be a map");
  });

  it("tells all its mistakes, each with its place and its remedy", () => {
    const text = `groups:
  - name: g
    intervall: 30s
    rules:
      - alert: A
        expr: rate(m)
        for: soon
      - expr: m
      - record: bad{name}
        expr: m
        for: 5m
      - alert: B
        expr: |
          m >
            limitk(1, m)
      - alert: C
        expr: m
        annotations:
          summary: "{{ shout \\"m\\" }}"
      - alert: D
        expr: m[5m]
        labels:
          __name__: X
  - name: g
`;
    expect(mistakesOf(text)).toEqual([
      'f.yaml:3:5: a group has no key "intervall"; remove it; known are name, interval, limit, query_offset, labels, partial_response_strategy, rules',
      "f.yaml:6:20: expr: argument 1 of rate must be a range vector, but it is an instant vector; correct the expression",
      'f.yaml:7:14: for: "soon" is no duration; write it like 90s, 5m or 1h30m',
      "f.yaml:8:9: the rule is neither alert nor record; give exactly one of alert and record",
      'f.yaml:9:17: "bad{name}" is no metric name; use letters, digits, _ and :, as in level:metric:operation, and give labels under labels',
      "f.yaml:11:9: a recording rule takes no for; remove for, or make the rule an alert",
      expect.stringContaining("f.yaml:15:13: expr: limitk is not supported: it is experimental in Prometheus"),
      expect.stringContaining(
        "f.yaml:19:20: annotation summary: shout is not supported in {{ }}; supported are $value",
      ),
      "f.yaml:21:15: expr is a range vector; a rule needs an instant vector or a scalar",
      'f.yaml:23:11: "__name__" cannot be set as label; use letters, digits and _, not __name__',
      'f.yaml:24:11: two groups are named "g"; rename one of them',
    ]);
  });

  it("may use what YAML has: anchors, merges, null, JSON, several documents", () => {
    const text = `groups:
  - name: g
    labels: ~
    rules:
      - &first
        alert: A
        expr: &expr m > 1
        for: null
        labels: &labels { severity: ticket }
        annotations: ~
      - alert: B
        expr: *expr
        labels: { <<: *labels, team: x }
      - <<: *first
        alert: C
---
{"groups": [{"name": "h", "rules": [{"record": "one", "expr": 1, "labels": {"n": 1, "on": true}}]}]}
---
groups: [{name: g, rules: []}]
`;
    const { file, mistakes } = parseRuleFile("f.yaml", text);
    expect(mistakes.map(formatMistake)).toEqual(['f.yaml:19:17: two groups are named "g"; rename one of them']);
    const [g, h] = file!.groups;
    expect(g!.rules.map(({ name, expr }) => [name, expr.text])).toEqual([
      ["A", "m > 1"],
      ["B", "m > 1"],
      ["C", "m > 1"],
    ]);
    expect(g!.rules[1]!.labels).toMatchObject({ severity: { source: "ticket" }, team: { source: "x" } });
    expect(g!.rules[2]!.labels).toMatchObject({ severity: { source: "ticket" } });
    expect(h!.rules[0]).toMatchObject({ kind: "record", name: "one", labels: { n: "1", on: "true" } });
  });

  it("tells mistakes of a later document by its own lines, and keeps the others", () => {
    const { file, mistakes } = parseRuleFile(
      "f.yaml",
      "groups: [{name: a, rules: [{alert: A, expr: m}]}]\n---\ngroups:\n- name: b\n  rules:\n  - alert: B\n    expr: rate(m)\n",
    );
    expect(mistakes).toMatchObject([{ line: 7, column: 16 }]);
    expect(file?.groups.flatMap(({ rules }) => rules.map(({ name }) => name))).toEqual(["A"]);
  });

  it("may name labels as Prometheus 3 lets it, and set alertname, which the rule's name wins over", () => {
    const file = rulesOf(
      "groups: [{name: g, rules: [{alert: A, expr: m, labels: {app.kubernetes.io/name: x, alertname: B}, annotations: {a-b: y}}]}]",
    );
    expect(Object.keys(file.groups[0]!.rules[0]!.labels)).toEqual(["app.kubernetes.io/name", "alertname"]);
  });

  it("keeps the rules that are right", () => {
    const { file, mistakes } = parseRuleFile(
      "f.yaml",
      "groups: [{name: g, rules: [{alert: A, expr: rate(m)}, {alert: B, expr: m}]}]",
    );
    expect(mistakes).toHaveLength(1);
    expect(file?.groups[0]?.rules.map(({ name }) => name)).toEqual(["B"]);
  });

  it("finds a place inside folded text", () => {
    const text =
      "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: >-\n          m >\n          rate(m)\n";
    expect(mistakesOf(text)[0]).toContain("f.yaml:7:16: expr: argument 1 of rate");
  });

  it("is refused where the YAML cannot be read, with the place", () => {
    const { file, mistakes } = parseRuleFile("f.yaml", "groups:\n  - name: 'g\n    rules: [");
    expect(file).toBeUndefined();
    expect(mistakes[0]).toMatchObject({ line: 3 });
    expect(mistakesOf("groups:\n  - name: a\n    name: b\n")[0]).toContain("f.yaml:3:5");
    expect(mistakesOf("- a\n- b")[0]).toContain("a rule file must be a map");
  });

  it.each([
    ["too long", `# ${"x".repeat(3_000_000)}`, "longer than 2048 kB"],
    ["a deep list", "[".repeat(40_000), "nests deeper than 64"],
    ["a deep map", "{a: ".repeat(20_000), "nests deeper than 64"],
    ["a deep block", "- ".repeat(20_000), "nests deeper than 64"],
    ["brackets hidden behind quotes", "[a'[".repeat(10_000), "nests deeper than 64"],
  ])("is refused before it can hurt: %s", (_, text, message) => {
    expect(mistakesOf(text)[0]).toContain(message);
  });

  it("does not expand aliases without end", () => {
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`);
    const text = ["a0: &a0 x", ...levels].join("\n");
    expect(mistakesOf(text)[0]).toContain("alias");
  });
});
