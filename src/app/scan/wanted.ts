// Which metrics thinking needs: those that feed a canonical signal, and those that a rule or a failure mode asks for.
import type { RawSeries } from "../../model/ports/telemetry-reader.ts";
import { signalOfMetric } from "../../model/signal.ts";
import { createResolver } from "../../observe/resolver.ts";
import type { SelectorExpr } from "../../promql/ast.ts";
import { compileMatchers } from "../../promql/matcher.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { Knowledge } from "../knowledge.ts";
import type { ScanMetric } from "./source.ts";

/** `made`: what Homeostat itself makes of others' metrics, which it must not read back. */
export type Want = "wanted" | "unwanted" | "made";

const madeNames = /^(ALERTS|ALERTS_FOR_STATE)$/;
const canonicalBucket = /_bucket$/;

export function createWants({ mappings, ruleFiles, modes, recorded }: Knowledge): (metric: ScanMetric) => Want {
  const resolver = createResolver(mappings);
  const rules = ruleFiles.flatMap(({ groups }) => groups.flatMap((group) => group.rules));
  const specs = modes.flatMap(({ symptoms, discriminators }) => [...symptoms, ...discriminators]);
  const asked = specs.flatMap(({ source }) => (source.kind === "expr" ? selectorsIn(source.expr) : []));
  const selectors = [...rules.flatMap(({ expr }) => expr.selectors), ...asked];
  const exact = new Set<string>();
  const patterns: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  for (const { matchers } of selectors) {
    const byName = matchers.filter(({ name }) => name === "__name__");
    const [only] = byName;
    if (only?.op === "=") exact.add(only.value);
    else if (byName.length > 0) patterns.push(compileMatchers(byName));
  }
  const feeds = (metric: string): boolean =>
    resolver.restlessOf(metric) !== undefined ||
    (["gauge", "counter", "histogram"] as const).some(
      (behaviour) => resolver.mayFeed({ ...blank, metric }, behaviour).length > 0,
    );
  const isMade = (name: string): boolean =>
    madeNames.test(name) ||
    recorded.has(name) ||
    signalOfMetric(name) !== undefined ||
    signalOfMetric(name.replace(canonicalBucket, ":p95")) !== undefined;

  return ({ metric, names }) => {
    if (names.some(isMade)) return "made";
    const asks = names.some((name) => exact.has(name) || patterns.some((matches) => matches({ __name__: name })));
    return asks || feeds(metric) ? "wanted" : "unwanted";
  };
}

function selectorsIn(expr: string): readonly SelectorExpr[] {
  const parsed = parseQuery(expr);
  return "errors" in parsed ? [] : parsed.selectors;
}

const blank: RawSeries = {
  hash: "",
  metric: "",
  kind: "gauge",
  unit: "",
  cumulative: true,
  monotonic: false,
  service: "",
  resource: {},
  attributes: {},
  bounds: [],
};
