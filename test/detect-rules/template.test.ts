// Templates in labels and annotations.
import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../src/detect/rules/template.ts";

function render(source: string, value = 0.987654, labels = { entity: "replica:a" }): string {
  const template = compileTemplate(source);
  if ("error" in template) throw new Error(template.error);
  return template.render({ value, labels });
}

describe("a template", () => {
  it.each([
    ["plain text, even { braces }", 1, "plain text, even { braces }"],
    ["{{ $labels.entity }}/{{ $labels.none }}/{{$value}}", 2, "replica:a//2"],
    ["{{ .Labels.entity }} {{ .Value }}", 2, "replica:a 2"],
    ["{{ $value }}", 1_000_000, "1e+06"],
    ["{{ $value }}", 123_456.5, "123456.5"],
    ["{{ $value }}", 0.00001, "1e-05"],
    ["{{ $value }}", Number.POSITIVE_INFINITY, "+Inf"],
    ["{{ humanize $value }}", 1_234_567, "1.235M"],
    ["{{ $value | humanize }}", 0.00321, "3.21m"],
    ["{{ $value | humanize }}", 0, "0"],
    ["{{ $value | humanizePercentage }}", 0.98765, "98.77%"],
    ["{{ $value | humanizeDuration }}", 93_784, "1d 2h 3m 4s"],
    ["{{ $value | humanizeDuration }}", 61, "1m 1s"],
    ["{{ $value | humanizeDuration }}", 4.75, "4.75s"],
    ["{{ $value | humanizeDuration }}", 0.0123, "12.3ms"],
    ['{{ printf "%.2f" $value }}', 0.987654, "0.99"],
    ['{{ $value | printf "%.1f%%" }}', 12.34, "12.3%"],
    ['{{ printf "%s at %v" $labels.entity $value }}', 3, "replica:a at 3"],
    ['{{ printf "%.3g" $value }}', 1234.5, "1.23e+03"],
    ["a {{- $value -}} b", 1, "a1b"],
    ["{{/* a comment */}}x", 1, "x"],
  ])("%j with %d", (source, value, text) => {
    expect(render(source, value)).toBe(text);
  });

  it.each([
    ["{{ query `up` }}", "query is not supported"],
    ["{{ if $value }}x{{ end }}", "if is not supported"],
    ["{{ range $labels }}{{ end }}", "range is not supported"],
    ["{{ $externalLabels.x }}", "$externalLabels.x is not supported"],
    ["{{ $value | title }}", "title is not supported"],
    ['{{ printf "%d" $value }}', "%d is not supported in printf"],
    ['{{ printf "%f" }}', "1 verbs and 0 values"],
    ["{{ humanize }}", "humanize takes one value"],
    ["{{ $value", 'has no "}}"'],
    ["{{ }}", "an empty"],
    ["{{ constructor }}", "constructor is not supported"],
  ])("refuses %s: %s", (source, why) => {
    expect(compileTemplate(source)).toMatchObject({ error: expect.stringContaining(why) });
  });
});
