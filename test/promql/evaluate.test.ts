// What queries mean: a table of small cases, each a sentence.
import { describe, expect, it } from "vitest";
import { byText } from "../../src/promql/order.ts";
import { ask, askRange, show, storeOf } from "./helpers.ts";

const minute = 60_000;

const fleet = storeOf(
  minute,
  'requests_total{replica="a", zone="x"} 0+60x20',
  'requests_total{replica="b", zone="x"} 0+120x20',
  'requests_total{replica="c", zone="y"} 0+30x9 0+30x10',
  'running{replica="a", zone="x"} 4x20',
  'running{replica="b", zone="x"} 8x20',
  'running{replica="c", zone="y"} 2x20',
  'limit{replica="a"} 10x20',
  'limit{replica="b"} 4x20',
  'info{zone="x", region="eu"} 1x20',
  'info{zone="y", region="us"} 1x20',
  'ends{replica="a"} 1 2 3 stale',
  "last 7",
  'gap_bucket{le="0.1"} 10x20',
  'gap_bucket{le="1"} 10x20',
  'gap_bucket{le="2"} 20x20',
  'gap_bucket{le="+Inf"} 20x20',
  'part{a="1"} NaNx20',
  'part{a="2"} 3x20',
  "first _ 7",
  'odd{replica="a"} NaN 1 Inf -Inf',
  'lat_bucket{le="0.1"} 0+10x20',
  'lat_bucket{le="1"} 0+30x20',
  'lat_bucket{le="+Inf"} 0+40x20',
);

const at = 20 * minute;

const cases: readonly (readonly [says: string, query: string, result: readonly string[]])[] = [
  ["rate is per second and has no name", 'rate(requests_total{replica="a"}[5m])', ['{replica="a", zone="x"} 1']],
  ["a range is open on the left", 'count_over_time(running{replica="a"}[2m])', ['{replica="a", zone="x"} 2']],
  [
    "a counter that restarts goes on from zero",
    'increase(requests_total{replica="c"}[20m] @ 1200)',
    ['{replica="c", zone="y"} 568.421052632'],
  ],
  [
    "an edge further off than 1.1 sample distances is reached half a distance only",
    'increase(requests_total{replica="a"}[5m] @ 1269)',
    ['{replica="a", zone="x"} 261'],
  ],
  ["a sample as old as the lookback is out", "last @ 300 or first @ 360", []],
  ["a sample hardly younger is in", "last @ 299.999", ["last 7"]],
  [
    "group_left takes away a label that the one side lacks",
    'running{replica="c"} * on (zone) group_left (replica) info',
    ['{zone="y"} 2'],
  ],
  [
    "a quantile at the edge of an empty bucket is where the observations end",
    "histogram_quantile(0.5, gap_bucket)",
    ["{} 0.1"],
  ],
  ["NaN is neither among the top nor the bottom", "topk(1, part) + bottomk(1, part)", ['{a="2"} 6']],
  ["absent does not say a label that is pinned twice", 'absent(nothing{a="b", a="c", d="e"})', ['{d="e"} 1']],
  ["offset looks back", 'requests_total{replica="a"} offset 10m', ['requests_total{replica="a", zone="x"} 600']],
  [
    "a negative offset looks ahead",
    'requests_total{replica="a"} offset -5m @ 300',
    ['requests_total{replica="a", zone="x"} 600'],
  ],
  [
    "@ end() of an instant query is its instant",
    'requests_total{replica="a"} @ end()',
    ['requests_total{replica="a", zone="x"} 1200'],
  ],
  ["a stale series is gone at once", "ends @ 180", []],
  ["a stale marker is no sample of a range", "count_over_time(ends[10m] @ 200)", ['{replica="a"} 3']],
  ["sum by keeps only the labels named", "sum by (zone) (running)", ['{zone="x"} 12', '{zone="y"} 2']],
  [
    "sum without drops the labels named and the name",
    "sum without (replica) (running)",
    ['{zone="x"} 12', '{zone="y"} 2'],
  ],
  [
    "avg, min, max, count and group",
    "avg(running) + min(running) * 100 + max(running) * 1000 + count(running) * 1e5 + group(running)",
    ["{} 308205.666667"],
  ],
  ["stdvar is the population's", "stdvar(running)", ["{} 6.22222222222"]],
  ["quantile is linear between neighbours", "quantile(0.75, running)", ["{} 6"]],
  ["topk keeps names and labels", "topk(1, running)", ['running{replica="b", zone="x"} 8']],
  [
    "bottomk by group",
    "bottomk by (zone) (1, running)",
    ['running{replica="a", zone="x"} 4', 'running{replica="c", zone="y"} 2'],
  ],
  [
    "count_values makes the value a label",
    'count_values by (zone) ("n", running)',
    ['{n="2", zone="y"} 1', '{n="4", zone="x"} 1', '{n="8", zone="x"} 1'],
  ],
  ["one to one matching ignores the name", "running / on (replica) limit", ['{replica="a"} 0.4', '{replica="b"} 2']],
  ["a comparison filters and keeps the left value and name", "running > on (replica) limit", ['{replica="b"} 8']],
  [
    "bool gives 0 and 1 without a name",
    "running > bool 3",
    ['{replica="a", zone="x"} 1', '{replica="b", zone="x"} 1', '{replica="c", zone="y"} 0'],
  ],
  [
    "group_left takes labels from the one side",
    'running * on (zone) group_left (region) info{zone="y"}',
    ['{region="us", replica="c", zone="y"} 2'],
  ],
  [
    "group_right is its mirror",
    'info{zone="y"} * on (zone) group_right (region) running',
    ['{region="us", replica="c", zone="y"} 2'],
  ],
  [
    "and keeps the left side",
    "running and on (replica) limit > 3",
    ['running{replica="a", zone="x"} 4', 'running{replica="b", zone="x"} 8'],
  ],
  ["unless is what and leaves", "running unless on (replica) limit", ['running{replica="c", zone="y"} 2']],
  [
    "or adds what the left side lacks",
    'limit{replica="a"} or on (replica) running',
    ['limit{replica="a"} 10', 'running{replica="b", zone="x"} 8', 'running{replica="c", zone="y"} 2'],
  ],
  ["power binds tighter than a sign and to the right", "-2 ^ 2 ^ 0.5 * 0 - 2 ^ 3 ^ 2", ["-512"]],
  ["a number with a trailing dot", "3. / 2", ["1.5"]],
  ["hexadecimal in either case, and underscores", "0X1f + 0x1F + 1_000", ["1062"]],
  ["an empty matching clause may stand beside a scalar", "3 ^ ignoring () vector(2)", ["{} 9"]],
  [
    "an infinite bound wins over NaN, as in Go",
    "clamp_min(vector(NaN), Inf) - clamp_max(vector(NaN), -Inf)",
    ["{} Infinity"],
  ],
  ["a duration is a number of seconds", "5m + 0x10", ["316"]],
  [
    "a subquery steps on multiples of its step",
    'max_over_time(rate(requests_total{replica="b"}[2m])[10m:3m])',
    ['{replica="b", zone="x"} 2'],
  ],
  [
    "a subquery over a subquery",
    'count_over_time(max_over_time(running{replica="a"}[3m:1m])[4m:2m])',
    ['{replica="a", zone="x"} 2'],
  ],
  ["deriv is least squares", 'deriv(requests_total{replica="a"}[10m])', ['{replica="a", zone="x"} 1']],
  [
    "predict_linear goes on in a line",
    'predict_linear(requests_total{replica="a"}[10m], 60)',
    ['{replica="a", zone="x"} 1260'],
  ],
  ["irate takes the last two samples", 'irate(requests_total{replica="b"}[10m])', ['{replica="b", zone="x"} 2']],
  [
    "changes and resets",
    'resets(requests_total{replica="c"}[20m]) * 100 + changes(running{replica="c"}[20m])',
    ['{replica="c", zone="y"} 100'],
  ],
  ["min_over_time passes NaN by", "min_over_time(odd[20m])", ['{replica="a"} -Infinity']],
  ["last_over_time keeps the name", "last_over_time(ends[30m])", ['ends{replica="a"} 3']],
  ["histogram_quantile is linear in the bucket", "histogram_quantile(0.5, rate(lat_bucket[5m]))", ["{} 0.55"]],
  [
    "histogram_quantile in the last bucket is the bound before",
    "histogram_quantile(0.9, rate(lat_bucket[5m]))",
    ["{} 1"],
  ],
  ["histogram_fraction counts between two values", "histogram_fraction(0, 0.1, rate(lat_bucket[5m]))", ["{} 0.25"]],
  [
    "label_replace expands groups",
    'label_replace(running{replica="a"}, "n", "$2-$1", "zone", "(.)(.*)")',
    ['running{n="-x", replica="a", zone="x"} 4'],
  ],
  [
    "label_join joins",
    'label_join(running{replica="a"}, "id", "/", "zone", "replica")',
    ['running{id="x/a", replica="a", zone="x"} 4'],
  ],
  ["absent says what its selector pins", 'absent(nothing{a="b", c=~"d"})', ['{a="b"} 1']],
  ["absent_over_time of what is there is empty", "absent_over_time(running[5m])", []],
  ["scalar and vector", 'vector(scalar(running{replica="a"}) + 1)', ["{} 5"]],
  [
    "clamp bounds both ways",
    "clamp(running, 3, 5)",
    ['{replica="a", zone="x"} 4', '{replica="b", zone="x"} 5', '{replica="c", zone="y"} 3'],
  ],
  ["round to a multiple", "round(vector(2.35), 0.5)", ["{} 2.5"]],
  [
    "dates are UTC",
    "year(vector(951782400)) * 1e4 + month(vector(951782400)) * 100 + day_of_month(vector(951782400))",
    ["{} 20000229"],
  ],
  [
    "days_in_month and day_of_year",
    "days_in_month(vector(951782400)) * 1000 + day_of_year(vector(951782400))",
    ["{} 29060"],
  ],
  ["timestamp is the sample's own", "timestamp(ends @ 150)", ['{replica="a"} 120']],
  [
    "a regular expression is anchored",
    '{__name__=~"run.*", replica=~"a|c"}',
    ['running{replica="a", zone="x"} 4', 'running{replica="c", zone="y"} 2'],
  ],
  ["a name in quotes", '{"running", replica!~"a|b"}', ['running{replica="c", zone="y"} 2']],
];

describe("instant queries", () => {
  it.each(cases)("%s: %s", (_, query, result) => {
    expect(show(ask(fleet, at, query))).toEqual([...result].sort(byText));
  });

  it("gives a range vector as its points", () => {
    expect(show(ask(fleet, 2 * minute, 'running{replica="a"}[2m]'))).toEqual([
      'running{replica="a", zone="x"} 4@60 4@120',
    ]);
  });

  it("sorts, NaN last both ways", () => {
    const store = storeOf(minute, 'v{a="1"} 2', 'v{a="2"} NaN', 'v{a="3"} 1');
    const order = (query: string): string[] => {
      const result = ask(store, 0, query);
      return result.kind === "vector" ? result.samples.map(({ labels }) => labels["a"]!) : [];
    };
    expect(order("sort(v)")).toEqual(["3", "1", "2"]);
    expect(order("sort_desc(v)")).toEqual(["1", "3", "2"]);
  });
});

describe("names that are lost", () => {
  const later = { delayedNames: true };

  it("go at once, or with the result where that is asked for", () => {
    const query =
      'label_replace(rate({__name__=~"requests_total|running", replica="a"}[5m]), "of", "$1", "__name__", "(.*)")';
    expect(() => ask(fleet, at, query)).toThrow("same labelset");
    expect(show(ask(fleet, at, query, later))).toEqual([
      '{of="requests_total", replica="a", zone="x"} 1',
      '{of="running", replica="a", zone="x"} 0',
    ]);
  });

  it("are no names of the result, and make no two elements alike", () => {
    expect(show(ask(fleet, at, 'sum by (__name__) (rate(requests_total{zone="x"}[5m]))', later))).toEqual(["{} 3"]);
    expect(show(ask(fleet, at, 'sum by (__name__) (running{zone="x"})', later))).toEqual(["running 12"]);
    expect(show(ask(fleet, at, '-running{replica="a"}', later))).toEqual(['{replica="a", zone="x"} -4']);
    expect(() => ask(fleet, at, '-{replica="a", zone="x"}', later)).toThrow("same labelset");
  });

  it("come back where label_replace gives a new one", () => {
    const query = 'label_replace(rate(requests_total{replica="a"}[5m]), "__name__", "per_second", "", "")';
    expect(show(ask(fleet, at, query, later))).toEqual(['per_second{replica="a", zone="x"} 1']);
  });
});

describe("range queries", () => {
  it("evaluate at both ends and at every step", async () => {
    expect(await askRange(fleet, 0, 4 * minute, 2 * minute, "sum(running)")).toEqual(["{} 14@0 14@120 14@240"]);
  });

  it("leave out steps without a value", async () => {
    expect(await askRange(fleet, 0, 4 * minute, minute, "ends")).toEqual(['ends{replica="a"} 1@0 2@60 3@120']);
  });

  it("pin start() and end() to the whole range", async () => {
    expect(await askRange(fleet, minute, 3 * minute, minute, "ends @ start() + ends @ end()")).toEqual([]);
    expect(await askRange(fleet, minute, 2 * minute, minute, "ends @ end() - ends @ start()")).toEqual([
      '{replica="a"} 1@60 1@120',
    ]);
  });

  it("agree with instant queries at every step", async () => {
    const query = "max_over_time(sum by (zone) (rate(requests_total[3m]))[5m:1m])";
    const lines = await askRange(fleet, 6 * minute, 12 * minute, minute, query);
    for (let i = 6; i <= 12; i++) {
      for (const line of show(ask(fleet, i * minute, query))) {
        const [labels, value] = line.split(" ");
        expect(lines.find((each) => each.startsWith(labels!))).toContain(` ${value}@${i * 60}`);
      }
    }
  });
});
