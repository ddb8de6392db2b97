// What is refused, by whom, and with what words.
import { describe, expect, it } from "vitest";
import type { SeriesSource } from "../../src/model/ports/series-source.ts";
import { quality } from "../../src/model/series.ts";
import { isQueryFailure, type QueryFailure } from "../../src/promql/errors.ts";
import { evaluateInstant, evaluateInstantSync, evaluateRange } from "../../src/promql/evaluate.ts";
import { parseQuery } from "../../src/promql/parse.ts";
import { ask, parsed, show, storeOf, viewOf } from "./helpers.ts";

function mistakes(text: string): string[] {
  const query = parseQuery(text);
  return "errors" in query ? query.errors.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

function failureOf(run: () => unknown): QueryFailure {
  try {
    run();
  } catch (error) {
    if (isQueryFailure(error)) return error;
    throw error;
  }
  throw new Error("did not fail");
}

describe("parsing", () => {
  it.each([
    ["rate(foo)", "1:6 argument 1 of rate must be a range vector, but it is an instant vector"],
    ["foo +\n  bar[5m]", "2:3 + needs scalars or instant vectors, but this is a range vector"],
    ["1 > 2", "1:3 a comparison of two scalars needs bool: > bool"],
    ["sum(1)", "1:5 what sum aggregates must be an instant vector, but it is a scalar"],
    ["foo and 1", "1:5 and works on instant vectors only, not on scalars"],
    ["foo + bool bar", "1:5 bool only goes with comparisons"],
    ["foo[0s]", "1:5 a duration must be greater than 0"],
    ["foo offset 1m offset 2m", "1:1 offset is given twice"],
    ["sum(foo) offset 1m", "1:1 offset only goes with a selector or a subquery"],
    ['{a=~".*"}', "1:1 a selector needs at least one matcher that does not match the empty string"],
    ['foo{__name__="bar"}', ""],
    ['foo{a="b}', "1:7 this string is not closed, or has an unknown escape"],
    ["frobnicate(foo)", "1:1 unknown function frobnicate"],
    ["foo / on (a) group_left (a) bar", '1:7 label "a" is in on and in the group clause'],
    ["rate(foo[5m]", "1:13 unexpected end of the query"],
    ["", "1:1 the query is empty"],
    ["clamp(foo, 1)", "1:1 clamp takes 3 arguments, not 2"],
  ])("%j: %s", (text, message) => {
    expect(mistakes(text)[0] ?? "").toContain(message);
  });

  it("reports every mistake of a query, each at its place", () => {
    expect(mistakes("rate(a) + sum(b[1m]) > on (x) limitk(1, c)")).toHaveLength(3);
  });

  it.each([
    ["limitk(1, a)", "limitk is not supported: it is experimental"],
    ["mad_over_time(a[5m])", "mad_over_time is not supported: it is experimental"],
    ["holt_winters(a[5m], 0.1, 0.1)", "Prometheus 3 renamed it to double_exponential_smoothing"],
    ["histogram_count(a)", "histogram_count is not supported: it works on native histograms only"],
    ["a[5m] anchored", "anchored is not supported"],
    ["a[5m + 1m]", "expressions for durations are experimental"],
    ['a{b=~"(?=c)"}', "lookaround is not in RE2"],
    ['a{b=~"(c)\\\\1"}', "backreferences are not in RE2"],
    ['a{b=~"(?>c)"}', "atomic groups are not in RE2"],
  ])("refuses %s by name", (text, message) => {
    const query = parseQuery(text);
    if (!("errors" in query)) throw new Error("was taken");
    expect(query.errors[0]).toMatchObject({ kind: "unsupported" });
    expect(query.errors[0]!.message).toContain(message);
  });

  it("refuses what is nested too deep or too long instead of overflowing the stack", () => {
    expect(mistakes("(".repeat(10_000))[0]).toContain("nested deeper");
    expect(mistakes(`${"-".repeat(5000)}1`)).toHaveLength(1);
    expect(mistakes(`a + ${"a + ".repeat(3000)}a`)).toHaveLength(1);
    expect(mistakes(`"${"x".repeat(70_000)}"`)[0]).toContain("characters");
  });
});

describe("evaluation", () => {
  const store = storeOf(
    60_000,
    'a{x="1", y="1"} 1x5',
    'a{x="1", y="2"} 2x5',
    'b{x="1"} 1x5',
    'c{x="1"} 1x5',
    'd{le="nonsense"} 1x5',
  );

  it.each([
    ["b / on (x) a", "many-to-many matching not allowed"],
    ["a / on (x) b", "many-to-one matching must be explicit"],
    ["a > on (x) b", "many-to-one matching must be explicit"],
    ['-{x="1", y=""}', "vector cannot contain metrics with the same labelset"],
    ['label_replace(a, "y", "", "", "")', "vector cannot contain metrics with the same labelset"],
    ["topk(NaN, a)", "Parameter value is NaN"],
    ['label_replace(a, "", "", "", "")', "invalid destination label name"],
  ])("%s fails: %s", (text, message) => {
    const failure = failureOf(() => ask(store, 0, text));
    expect(failure.reason).toBe("query");
    expect(failure.message).toContain(message);
  });

  it("names the limit that is passed", async () => {
    expect(failureOf(() => ask(store, 0, "a", { maxSeries: 1 })).limit).toBe("maxSeries");
    expect(failureOf(() => ask(store, 300_000, "sum_over_time(a[5m])", { maxSamples: 9 })).limit).toBe("maxSamples");
    expect(failureOf(() => ask(store, 0, "max_over_time(a[1d:1s])")).limit).toBe("maxSteps");
    const long = evaluateRange(parsed("a"), { from: 0, to: 1e9 }, 1, store);
    await expect(long).rejects.toMatchObject({ reason: "limit", limit: "maxSteps" });
  });

  it("counts a limit exactly: what just fits passes", () => {
    expect(show(ask(store, 300_000, "count_over_time(b[5m])", { maxSamples: 5, maxSeries: 1 }))).toEqual(['{x="1"} 5']);
  });

  it("warns of buckets it cannot read and of quantiles out of range, with the place", () => {
    expect(ask(store, 0, "histogram_quantile(2, d)").warnings.map(({ message }) => message)).toEqual([
      "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)",
      'PromQL warning: bucket label "le" is missing or has a malformed value of "nonsense" for metric name "d" (1:23)',
    ]);
  });

  it("advises when a rate is taken of what is named like a gauge", () => {
    expect(ask(store, 300_000, "rate(b[5m])").warnings).toMatchObject([{ level: "info" }]);
  });
});

describe("sources", () => {
  const series = viewOf(
    { __name__: "a", entity: "replica:r" },
    [1000, 2000, 3000],
    [1, Number.NaN, 3],
    [0, quality.MISSING, 0],
  );
  const later: SeriesSource = { select: async () => [series] };
  const now: SeriesSource = { select: () => [series] };

  it("may answer later, or at once", async () => {
    expect(show(await evaluateInstant(parsed("a"), 3000, later))).toEqual(['a{entity="replica:r"} 3']);
    expect(show(evaluateInstantSync(parsed("a"), 3000, now))).toEqual(['a{entity="replica:r"} 3']);
    expect(failureOf(() => evaluateInstantSync(parsed("a"), 3000, later)).reason).toBe("source");
  });

  it("are read before anything else can run when they answer at once", () => {
    const order: string[] = [];
    const source: SeriesSource = {
      select() {
        order.push("select");
        return [series];
      },
    };
    const promise = evaluateInstant(parsed("a"), 3000, source);
    order.push("after");
    expect(order).toEqual(["select", "after"]);
    return promise;
  });

  it("have gaps that are no samples", () => {
    expect(show(evaluateInstantSync(parsed("a"), 2500, now))).toEqual(['a{entity="replica:r"} 1']);
    expect(show(evaluateInstantSync(parsed("count_over_time(a[1m])"), 3000, now))).toEqual(['{entity="replica:r"} 2']);
  });

  it("have an end, though the step it is told at has no value", () => {
    const flags = [0, 0, quality.MISSING | quality.STALE];
    const ended = viewOf({ __name__: "a", entity: "replica:r" }, [1000, 2000, 3000], [1, 2, Number.NaN], flags);
    const source: SeriesSource = { select: () => [ended] };
    expect(show(evaluateInstantSync(parsed("a"), 2500, source))).toEqual(['a{entity="replica:r"} 2']);
    expect(show(evaluateInstantSync(parsed("a"), 3500, source))).toEqual([]);
  });

  it("are asked for the time a query needs, subqueries, offset and @ included", () => {
    const asked: string[] = [];
    const source: SeriesSource = {
      select(_, { from, to }) {
        asked.push(`${from}..${to}`);
        return [];
      },
    };
    evaluateInstantSync(
      parsed("a + rate(a[1m] offset 1m) + max_over_time(rate(a[1m])[5m:] @ 1000)"),
      2_000_000,
      source,
    );
    expect(asked).toEqual(["1700000..2000001", "1880000..1940001", "640000..1000001"]);
  });

  it("pass their errors on", async () => {
    const broken: SeriesSource = { select: () => Promise.reject(new Error("no connection")) };
    await expect(evaluateInstant(parsed("a"), 0, broken)).rejects.toThrow("no connection");
  });
});
