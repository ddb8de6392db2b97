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
    // Halves go to the even digit, as in Go.
    ['{{ printf "%.1f %.0f" $value $value }}', 0.25, "0.2 0"],
    ['{{ printf "%.1f" $value }}', -0.75, "-0.8"],
    ["{{ humanize $value }}", 1.0625, "1.062"],
    ["a {{- $value -}} b", 1, "a1b"],
    ["{{/* a comment */}}x", 1, "x"],
  ])("%j with %d", (source, value, text) => {
    expect(render(source, value)).toBe(text);
  });

  it.each([
    ["{{ $labels }}", "map[entity:replica:a tier:page]"],
    ["{{ if gt $value 0.5 }}high{{ else }}low{{ end }}", "high"],
    ['{{ if eq $labels.tier "ticket" }}a{{ else if eq $labels.tier "page" "wake" }}b{{ else }}c{{ end }}', "b"],
    ["{{ if $labels.none }}x{{ end }}{{ with $labels.tier }}[{{ . }}]{{ end }}", "[page]"],
    ["{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "entity=replica:a;tier=page;"],
    ['{{ range query "m" }}{{ .Labels.pod }}:{{ .Value }} {{ end }}', "a:1 b:2 "],
    ['{{ range query "none" }}x{{ else }}nothing{{ end }}', "nothing"],
    ['{{ with query "m" }}{{ . | first | value | humanize }}{{ end }}', "1"],
    ["{{ with printf \"m{a='%s'}\" $labels.tier | query }}{{ (index . 1).Value }}{{ end }}", "2"],
    ['{{ query "m" | sortByLabel "pod" | first | label "pod" }}', "a"],
    ['{{ range $i, $e := query "m" }}{{ $i }}{{ end }}', "01"],
    ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"],
    ["{{ $externalLabels.cluster }} {{ .ExternalLabels.none }} {{ externalURL }}", "eu  http://h/p"],
    ['{{ reReplaceAll "replica:(.*)" "$1!" $labels.entity }} {{ "a.b.c" | reReplaceAll "[.]" "" }}', "a! abc"],
    ['{{ match "^rep" $labels.entity }} {{ toUpper "x" }} {{ title "ab cd" }}', "true X Ab Cd"],
    [
      '{{ humanize1024 1536 }} {{ humanizeTimestamp 0.25 }} {{ parseDuration "1h" }}',
      "1.5ki 1970-01-01 00:00:00.25 +0000 UTC 3600",
    ],
    ['{{ "43200" | humanizeDuration }} {{ humanizePercentage 0.5 }}', "12h 0m 0s 50%"],
    ['{{ printf "%d %5.1f|%-4s|%05.1f|%q|%x" (len $labels) 2.25 "ab" 1.5 "q" 255 }}', '2   2.2|ab  |001.5|"q"|ff'],
    [
      '{{ printf "%d" $value }} {{ printf "%s" }} {{ printf "a" 1 }}',
      "%!d(float64=0.987654) %!s(MISSING) a%!(EXTRA int=1)",
    ],
    [
      '{{ stripPort "h:9100" }} {{ stripDomain "h.example.org:9100" }} {{ stripDomain "10.0.0.1:1" }}',
      "h h:9100 10.0.0.1:1",
    ],
    ['{{ "}}" }}{{ `{{` }}', "}}{{"],
    ["{{ first $labels.none }}", "<error expanding template:  has no elements>"],
    ["{{ humanize $labels.tier }}", '<error expanding template: "page" is no number>'],
  ])("%s gives %s", (source, text) => {
    const template = compileTemplate(source);
    if ("error" in template) throw new Error(template.error);
    const samples = [1, 2].map((value) => ({ labels: { pod: value === 1 ? "a" : "b" }, value }));
    const query = (asked: string) => (asked === "none" ? [] : samples);
    const facts = { externalLabels: { cluster: "eu" }, externalUrl: "http://h/p", query };
    expect(template.render({ value: 0.987654, labels: { tier: "page", entity: "replica:a" }, ...facts })).toBe(text);
  });

  it.each([
    ["{{ if $value }}x", "has no {{ end }}"],
    ["{{ end }}", "closes nothing"],
    ["{{ $x }}", "$x is not known here"],
    ["{{ with $y := 1 }}{{ end }}{{ $y }}", "$y is not known here"],
    ['{{ template "x" }}', "template is not supported"],
    ["{{ $value | shout }}", "shout is not supported"],
    ["{{ humanize }}", "humanize takes one value, not 0"],
    ['{{ "a" | label }}', "label takes two values, not 1"],
    ["{{ $value", 'has no "}}"'],
    ["{{ }}", "an empty"],
    ["{{ constructor }}", "constructor is not supported"],
    ["{{ $value 1 }}", "is no function"],
    ["{{ ($value }}", "parenthesis"],
    ["{{ # }}", "# is not supported"],
    ['{{ "\\y" }}', "is no escape"],
    ["{{ if $value }}".repeat(60), "nested deeper"],
  ])("refuses %s: %s", (source, why) => {
    expect(compileTemplate(source)).toMatchObject({ error: expect.stringContaining(why) });
  });

  it("without anything to query says so in its text", () => {
    expect(render('{{ query "m" | first | value }}')).toBe(
      "<error expanding template: there is nothing here to query>",
    );
  });

  it("takes bounded time and room", () => {
    const loop = `${"{{ range $labels }}".repeat(40)}x${"{{ end }}".repeat(40)}`;
    expect(render(loop, 1, { entity: "a", b: "c" } as { entity: string })).toContain("more than 100000 steps");
  });
});
