// Rules and series for rule tests.

import { formatMistake, parseRuleFile, type RuleFile } from "../../src/detect/rules/rule-file.ts";
import type { Labels } from "../../src/model/labels.ts";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createScriptStore, type ScriptStore } from "../../src/promql/script/store.ts";

export const second = 1000;

/** A file without mistakes. */
export function rulesOf(text: string, name = "test.rules.yaml"): RuleFile {
  const { file, mistakes } = parseRuleFile(name, text);
  if (file === undefined || mistakes.length > 0) throw new Error(mistakes.map(formatMistake).join("\n"));
  return file;
}

/** A gauge named `m` with a value every 10 s; `undefined` = no sample. */
export function gauge(store: ScriptStore, labels: Labels, values: readonly (number | undefined)[], from = 0): void {
  values.forEach((value, i) => {
    store.add(
      { __name__: "m", ...labels },
      from + i * 10 * second,
      value === undefined ? { kind: "stale" } : { kind: "value", value },
    );
  });
}

export function storeWith(labels: Labels, values: readonly (number | undefined)[]): ScriptStore {
  const store = createScriptStore();
  gauge(store, labels, values);
  return store;
}

/** Counts what is counted. */
export function countingTelemetry(): { readonly telemetry: Telemetry; readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const count = (name: string, amount = 1, attributes: Labels = {}): void => {
    const key = [name, ...Object.values(attributes)].join(" ");
    counts.set(key, (counts.get(key) ?? 0) + amount);
  };
  return { telemetry: { ...silentTelemetry, count }, counts };
}
