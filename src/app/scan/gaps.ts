// Diagnoses that cannot be made, because what would show them is not there: by mode, with what is missing and who gives it.
import { priorOfNone } from "../../diagnose/rank.ts";
import type { FailureMode, SymptomSpec } from "../../model/failure-mode.ts";
import { catalogue, signalOfMetric, signals } from "../../model/signal.ts";
import type { SignalMapping } from "../../observe/mapping.ts";
import type { Expr, SelectorExpr } from "../../promql/ast.ts";
import { compileMatchers } from "../../promql/matcher.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { Knowledge } from "../knowledge.ts";

export interface MissingSignal {
  /** What people call it. */
  readonly signal: string;
  /** Who gives it, as `exporter: metric`; empty where a rule's own metric is meant. */
  readonly from: readonly string[];
}

export interface ImpossibleDiagnosis {
  readonly failureMode: string;
  readonly code: string;
  readonly title: string;
  /** Highest probability it could have with all that can be seen. */
  readonly atBest: number;
  /** What would show most, strongest first. */
  readonly missing: readonly MissingSignal[];
}

export interface Visible {
  /** Names of metrics, as queries know them. */
  readonly names: ReadonlySet<string>;
  /** Ids of canonical signals. */
  readonly signals: ReadonlySet<string>;
  readonly engines: ReadonlySet<string>;
  readonly logs: boolean;
}

/** Metrics that no exporter has, for Homeostat makes them of what it is sent or asks itself. */
const madeHere: readonly (readonly [RegExp, string])[] = [
  [/^homeostat_probe_/, "probes of a running Homeostat"],
  [/^homeostat_feedback_/, "POST /api/v1/feedback of a running Homeostat"],
  [/^(homeostat_(text|retrieval)_|traces_span_metrics_)/, "OTLP traces to a running Homeostat"],
];
/** A cause below is not the likeliest, whatever else there is. */
const namedFrom = 0.5;
const missingMax = 4;
const sourcesMax = 3;

/**
 * By the odds of the catalogue: a mode is impossible if it stays below one half with every symptom that can be seen, present. Blind to
 * labels: a metric that is there counts for all selections of it.
 */
export function impossible(
  { modes, mappings, ruleFiles }: Pick<Knowledge, "modes" | "mappings" | "ruleFiles">,
  visible: Visible,
): readonly ImpossibleDiagnosis[] {
  const none = priorOfNone(modes);
  const records = new Map<string, Expr[]>();
  for (const rule of ruleFiles.flatMap(({ groups }) => groups.flatMap((group) => group.rules)))
    if (rule.kind === "record") records.set(rule.name, [...(records.get(rule.name) ?? []), rule.expr.root]);
  const missingOf = createMissing(visible, records);

  return modes.flatMap((mode): readonly ImpossibleDiagnosis[] => {
    const missing = mode.symptoms.map((spec) => ({ spec, lacks: missingOf(spec) }));
    const logOdds = missing.reduce(
      (sum, { spec, lacks }) => sum + (lacks.length === 0 ? Math.log(spec.present) : 0),
      0,
    );
    const weight = mode.prior * Math.exp(logOdds);
    const nothing = missing.every(({ lacks }) => lacks.length > 0);
    const atBest = nothing ? 0 : weight / (none + weight);
    if (atBest >= namedFrom) return [];
    return [{ ...named(mode), atBest, missing: tellMissing(missing, mappings, visible.engines) }];
  });
}

function named({ id, code, title }: FailureMode) {
  return { failureMode: id, code, title };
}

type Lack =
  | { readonly kind: "signal"; readonly id: string }
  | { readonly kind: "metric"; readonly name: string }
  | { readonly kind: "changes" | "code" | "logs" | "requests" };

/** What a symptom lacks to be seen; empty: nothing. */
function createMissing(visible: Visible, records: ReadonlyMap<string, readonly Expr[]>) {
  const under = new Set<string>();

  function ofSelector({ matchers }: SelectorExpr): readonly Lack[] {
    const byName = matchers.filter(({ name }) => name === "__name__");
    const [only] = byName;
    if (only?.op === "=") return ofName(only.value);
    const accepts = compileMatchers(byName);
    if ([...visible.names].some((name) => accepts({ __name__: name }))) return [];
    const canonical = catalogue.filter(({ metric }) => accepts({ __name__: metric }));
    if (canonical.some(({ id }) => visible.signals.has(id))) return [];
    const [first] = canonical;
    return [first === undefined ? { kind: "metric", name: only?.value ?? "" } : { kind: "signal", id: first.id }];
  }

  function ofName(name: string): readonly Lack[] {
    const signal = signalOfMetric(name) ?? signalOfMetric(name.replace(/_bucket$/, ":p95"));
    if (signal !== undefined) return visible.signals.has(signal.id) ? [] : [{ kind: "signal", id: signal.id }];
    const recorded = records.get(name);
    if (recorded === undefined || under.has(name)) return visible.names.has(name) ? [] : [{ kind: "metric", name }];
    under.add(name);
    const lacks = fewest(recorded.map(ofExpr));
    under.delete(name);
    return lacks;
  }

  function ofExpr(expr: Expr): readonly Lack[] {
    switch (expr.kind) {
      case "number":
      case "string":
        return [];
      case "selector":
        return ofSelector(expr);
      case "call":
        // Absence shows by itself.
        return expr.name.startsWith("absent") ? [] : expr.args.flatMap(ofExpr);
      case "binary":
        if (expr.op === "or") return fewest([ofExpr(expr.left), ofExpr(expr.right)]);
        return expr.op === "unless" ? ofExpr(expr.left) : [...ofExpr(expr.left), ...ofExpr(expr.right)];
      case "aggregate":
      case "subquery":
      case "negate":
        return ofExpr(expr.expr);
    }
  }

  return ({ source }: SymptomSpec): readonly Lack[] => {
    switch (source.kind) {
      case "change":
        return [{ kind: "changes" }];
      case "code":
      case "requests":
        return [{ kind: source.kind }];
      case "log":
        return visible.logs ? [] : [{ kind: "logs" }];
      case "anomaly": {
        const any = source.signal === "joint" && signals.some(({ id }) => visible.signals.has(id));
        return any || visible.signals.has(source.signal) ? [] : [{ kind: "signal", id: source.signal }];
      }
      case "expr": {
        const parsed = parseQuery(source.expr);
        return "errors" in parsed ? [] : ofExpr(parsed.root);
      }
    }
  };
}

function fewest(ways: readonly (readonly Lack[])[]): readonly Lack[] {
  return ways.reduce((best, way) => (way.length < best.length ? way : best), ways[0] ?? []);
}

function tellMissing(
  all: readonly { readonly spec: SymptomSpec; readonly lacks: readonly Lack[] }[],
  mappings: readonly SignalMapping[],
  engines: ReadonlySet<string>,
): readonly MissingSignal[] {
  const told = new Map<string, MissingSignal>();
  for (const { lacks } of all.toSorted((a, b) => b.spec.present - a.spec.present))
    for (const lack of lacks) {
      const one = tell(lack, mappings, engines);
      if (told.size < missingMax || told.has(one.signal)) told.set(one.signal, one);
    }
  return [...told.values()];
}

function tell(lack: Lack, mappings: readonly SignalMapping[], engines: ReadonlySet<string>): MissingSignal {
  switch (lack.kind) {
    case "changes":
      return {
        signal: "changes (deploys, configuration, scaling)",
        from: ["POST /api/v1/changes of a running Homeostat"],
      };
    case "code":
      return { signal: "commits that touched what fails", from: ["code.repositories of a running Homeostat"] };
    case "requests":
      return { signal: "spans of requests", from: ["OTLP traces to a running Homeostat"] };
    case "logs":
      return { signal: "log records", from: ["OTLP logs to a running Homeostat", "otel_logs of a --clickhouse"] };
    case "metric":
      return { signal: lack.name, from: madeHere.flatMap(([made, how]) => (made.test(lack.name) ? [how] : [])) };
    case "signal": {
      const signal = catalogue.find(({ id }) => id === lack.id);
      const giving = mappings.filter((mapping) => mapping.signals[lack.id] !== undefined);
      // An engine's own signals come from the engine that is there; what nodes and GPUs tell comes from any exporter.
      const here = giving.filter(({ engine }) => engines.has(engine));
      const from = (here.length > 0 ? here : giving).slice(0, sourcesMax).map(({ engine, prefixes, signals: by }) => {
        const name = by[lack.id]?.[0]?.names[0] ?? "";
        return `${engine}: ${prefixes[0] ?? ""}${name}`;
      });
      return { signal: signal?.title ?? lack.id, from };
    }
  }
}
