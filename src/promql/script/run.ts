// Runs test scripts against the evaluator. Cases that need native histograms or refused functions are found by what they
// touch and set aside; everything else passes or fails.
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { ParsedQuery } from "../ast.ts";
import type { QueryOptions, QueryResult, Warning } from "../evaluate.ts";
import { evaluateInstant, evaluateRange } from "../evaluate.ts";
import { formatMetric } from "../metric.ts";
import { parseQuery } from "../parse.ts";
import { compareInstant, compareRange } from "./compare.ts";
import type { Expectation, ScriptCase, ScriptCommand } from "./parse.ts";
import { parseScript } from "./parse.ts";
import type { ScriptStore } from "./store.ts";
import { createScriptStore } from "./store.ts";

export interface CaseReport {
  /** `file:line query`. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

/** Every case of a script, in order. A command that cannot be read is a failed case. */
export async function runScript(file: string, text: string): Promise<CaseReport[]> {
  const reports: CaseReport[] = [];
  let store = createScriptStore();
  for (const command of parseScript(text)) {
    if (command.kind === "unreadable") {
      const reason = `cannot be read: ${command.why}`;
      reports.push({ name: `${file}:${command.line} ${command.text}`, outcome: "failed", reason });
    } else if (command.kind === "clear") store = createScriptStore();
    else if (command.kind === "load") load(store, command);
    else reports.push({ name: `${file}:${command.line} ${command.query}`, ...(await runCase(command, store)) });
  }
  return reports;
}

function load(store: ScriptStore, command: ScriptCommand & { kind: "load" }): void {
  for (const { labels, points } of command.series) {
    points.forEach((point, i) => {
      store.add(labels, i * command.stepMs, point);
      if (command.withHistograms && point.kind === "value") {
        const base = histogramOf(labels);
        if (base !== undefined) store.add(base, i * command.stepMs, { kind: "histogram" });
      }
    });
  }
}

/** The native histogram that goes with a classic series. */
function histogramOf(labels: Labels): Labels | undefined {
  const { __name__: name = "", le: _, ...rest } = labels;
  const base = name.replace(/_(bucket|count|sum)$/, "");
  return base === name ? undefined : { ...rest, __name__: base };
}

type Outcome = Omit<CaseReport, "name">;

async function runCase(test: ScriptCase, store: ScriptStore): Promise<Outcome> {
  if (test.expected.some(({ points }) => points.some((point) => point.kind === "histogram"))) {
    return { outcome: "skipped", reason: "expects native histograms" };
  }
  const parsed = parseQuery(test.query);
  if ("errors" in parsed) {
    const refused = parsed.errors.find(
      (error) => error.kind === "unsupported" && !error.message.startsWith("regular expression"),
    );
    if (refused !== undefined) return { outcome: "skipped", reason: refused.message };
    return judgeFailure(test, parsed.errors[0]!.message);
  }
  store.metHistograms();
  const outcome = (await check(test, parsed, store)) ?? passed;
  // What the views leave out would have taken part.
  if (store.metHistograms()) return { outcome: "skipped", reason: "touches native histograms" };
  if (outcome.outcome === "passed") return outcome;
  // The original runs its scripts with this experimental feature on.
  const delayed = (await check(test, parsed, store, { delayedNames: true })) ?? passed;
  return delayed.outcome === "passed" ? { outcome: "skipped", reason: "needs delayed removal of names" } : outcome;
}

const passed: Outcome = { outcome: "passed" };

async function check(
  test: ScriptCase,
  query: ParsedQuery,
  store: ScriptStore,
  options: QueryOptions = {},
): Promise<Outcome | undefined> {
  let result: QueryResult;
  try {
    result = test.instant
      ? await evaluateInstant(query, test.from, store, options)
      : await evaluateRange(query, { from: test.from, to: test.to }, test.stepMs, store, options);
  } catch (error) {
    return judgeFailure(test, error instanceof Error ? error.message : String(error));
  }
  if (test.expectations.some(({ what }) => what === "fail")) return failed("expected a failure, but got a result");
  const wrong =
    (test.instant ? compareInstant(test, result) : compareRange(test, result)) ??
    judgeWarnings(test.expectations, result.warnings) ??
    (await checkAsRange(test, query, store, options, result));
  return wrong === undefined ? undefined : failed(wrong);
}

function failed(reason: string): Outcome {
  return { outcome: "failed", reason };
}

function judgeFailure(test: ScriptCase, message: string): Outcome {
  const expected = test.expectations.find(({ what }) => what === "fail");
  if (expected === undefined) return failed(`failed: ${message}`);
  return fits(expected, message) ? { outcome: "passed" } : failed(`expected another failure, got: ${message}`);
}

function fits({ message }: Expectation, text: string): boolean {
  return message === undefined || (typeof message === "string" ? message === text : message.test(text));
}

function judgeWarnings(expectations: readonly Expectation[], warnings: readonly Warning[]): string | undefined {
  for (const [level, want, none] of [
    ["warning", "warn", "no_warn"],
    ["info", "info", "no_info"],
  ] as const) {
    const got = warnings.filter((warning) => warning.level === level).map((warning) => warning.message);
    const wanted = expectations.filter(({ what }) => what === want);
    if (got.length > 0 && expectations.some(({ what }) => what === none)) return `unexpected ${level}: ${got[0]}`;
    const missing = wanted.find((expectation) => !got.some((message) => fits(expectation, message)));
    if (missing !== undefined) return `expected a ${level} ${missing.message ?? ""}, got: ${got.join(" | ") || "none"}`;
    const surplus =
      wanted.length > 0 ? got.find((message) => !wanted.some((expectation) => fits(expectation, message))) : undefined;
    if (surplus !== undefined) return `unexpected ${level}: ${surplus}`;
  }
  return undefined;
}

/** An instant query must say the same as the middle step of a range query around it. */
async function checkAsRange(
  test: ScriptCase,
  query: ParsedQuery,
  store: ScriptStore,
  options: QueryOptions,
  instant: QueryResult,
): Promise<string | undefined> {
  if (!test.instant || (instant.kind !== "vector" && instant.kind !== "scalar") || /\b(start|end)\(\)/.test(test.query))
    return undefined;
  const minute = 60_000;
  const result = await evaluateRange(
    query,
    { from: test.from - minute, to: test.from + minute },
    minute,
    store,
    options,
  );
  if (result.kind !== "matrix") return "a range query gave no matrix";
  const wanted = instant.kind === "scalar" ? [{ labels: {}, value: instant.value }] : instant.samples;
  const middle = new Map<string, number>();
  for (const { labels, times, values } of result.series) {
    const i = times.indexOf(test.from);
    if (i >= 0) middle.set(labelsKey(labels), values[i]!);
  }
  if (middle.size !== wanted.length) return `as a range query it gives ${middle.size} series, not ${wanted.length}`;
  const odd = wanted.find(({ labels, value }) => !Object.is(middle.get(labelsKey(labels)), value));
  return odd === undefined
    ? undefined
    : `as a range query ${formatMetric(odd.labels)} is ${middle.get(labelsKey(odd.labels))}, not ${odd.value}`;
}
