// Service level objectives as users write them: from YAML to checked objectives, or every mistake with its place.
import type { DurationMs } from "../../model/time.ts";
import { parseDuration } from "../../model/time.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { YamlFile, YamlMistake, YamlPath } from "./yaml.ts";

/** What is measured. Expressions hold `$window` where a range goes, as in `rate(requests_total[$window])`. */
export interface Slo {
  readonly name: string;
  readonly description: string;
  /** Share of good events that is promised, between 0 and 1. */
  readonly objective: number;
  /** Over which time it is promised. */
  readonly windowMs: DurationMs;
  readonly windowText: string;
  /** Rate of bad events, and of all; both with the same labels. */
  readonly bad: string;
  readonly total: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What to do first. */
  readonly runbook: string;
  /** Fewer events than this in the long window are no evidence. */
  readonly minEvents: number;
}

type Fields = Readonly<Record<string, unknown>>;

interface Reading {
  readonly yaml: YamlFile;
  readonly mistakes: YamlMistake[];
}

const day = 86_400_000;
const slosMax = 200;

/** `path` leads to the list. What is faulty is left out. */
export function readSlos(yaml: YamlFile, path: YamlPath, value: unknown): { slos: Slo[]; mistakes: YamlMistake[] } {
  const reading: Reading = { yaml, mistakes: [] };
  if (!Array.isArray(value)) {
    tell(reading, path, "slo must be a list", 'begin each objective with "- name: …"');
    return { slos: [], mistakes: reading.mistakes };
  }
  if (value.length > slosMax) tell(reading, path, `the file has more than ${slosMax} objectives`, "split it");
  const names = new Set<string>();
  const slos = value.slice(0, slosMax).flatMap((each, i) => readSlo(reading, [...path, i], each, names) ?? []);
  return { slos, mistakes: reading.mistakes };
}

const keys = ["name", "description", "objective", "window", "sli", "labels", "runbook", "min_events"];

function readSlo(outer: Reading, path: YamlPath, value: unknown, names: Set<string>): Slo | undefined {
  const reading: Reading = { yaml: outer.yaml, mistakes: [] };
  const fields = mapAt(reading, path, value, keys);
  const name = textOf(fields["name"]);
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    tell(reading, [...path, "name"], `the name is ${JSON.stringify(name)}`, "write a slug such as chat-availability");
  } else if (names.has(name))
    tell(reading, [...path, "name"], `two objectives are named ${name}`, "rename one of them");
  names.add(name);
  const objective = objectiveOf(reading, [...path, "objective"], textOf(fields["objective"]));
  const windowText = textOf(fields["window"]) || "30d";
  const windowMs = parseDuration(windowText) ?? 0;
  if (windowMs < day || windowMs > 90 * day) {
    tell(reading, [...path, "window"], `the window is ${windowText}`, "write one between 1d and 90d, such as 30d");
  }
  const minText = textOf(fields["min_events"]) || "20";
  if (!/^\d{1,9}$/.test(minText)) tell(reading, [...path, "min_events"], `${minText} is no count`, "write 20, say");
  const labels = labelsOf(reading, [...path, "labels"], fields["labels"]);
  const sli = sliOf(reading, [...path, "sli"], fields["sli"]);
  outer.mistakes.push(...reading.mistakes);
  if (reading.mistakes.length > 0 || sli === undefined) return undefined;
  return {
    name,
    description: textOf(fields["description"]) || name,
    objective,
    windowMs,
    windowText,
    ...sli,
    labels,
    runbook: textOf(fields["runbook"]),
    minEvents: Number(minText),
  };
}

/** `99.9%` or `0.999`. */
function objectiveOf(reading: Reading, path: YamlPath, text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const number = parts === null ? Number.NaN : Number(parts[1]);
  // Rounded, since 99.9 / 100 is not quite 0.999.
  const objective = parts?.[2] === "%" ? Number((number / 100).toPrecision(12)) : number;
  if (objective > 0 && objective < 1) return objective;
  tell(
    reading,
    path,
    `the objective is ${JSON.stringify(text)}`,
    "write a share such as 99.9% or 0.999; 100% leaves no budget",
  );
  return Number.NaN;
}

function sliOf(reading: Reading, path: YamlPath, value: unknown): Pick<Slo, "bad" | "total"> | undefined {
  const fields = mapAt(reading, path, value, ["bad", "good", "total", "latency"]);
  if (fields["latency"] !== undefined) return latencyOf(reading, [...path, "latency"], fields["latency"]);
  const total = exprOf(reading, [...path, "total"], textOf(fields["total"]));
  const key = fields["bad"] === undefined ? "good" : "bad";
  const part = exprOf(reading, [...path, key], textOf(fields[key]));
  if (fields["bad"] !== undefined && fields["good"] !== undefined) {
    tell(reading, [...path, "good"], "the sli has both bad and good", "keep one of them");
  }
  if (total === undefined || part === undefined) return undefined;
  // Where nothing is bad (or good) there may be no series of it yet, which is a rate of zero.
  const filled = `(\n  ${indented(part)}\n) or (\n  ${indented(total)}\n) * 0`;
  return {
    total,
    bad:
      key === "bad"
        ? filled
        : `clamp_min(\n  (\n    ${indented(total, 4)}\n  )\n    -\n  (\n    ${indented(filled, 4)}\n  ),\n  0\n)`,
  };
}

function latencyOf(reading: Reading, path: YamlPath, value: unknown): Pick<Slo, "bad" | "total"> | undefined {
  const fields = mapAt(reading, path, value, ["histogram", "where", "threshold", "by"]);
  const metric = textOf(fields["histogram"]);
  if (!/^[A-Za-z_:][A-Za-z0-9_:]*$/.test(metric) || metric.endsWith("_bucket")) {
    tell(
      reading,
      [...path, "histogram"],
      `${JSON.stringify(metric)} is no histogram`,
      "write its name without _bucket",
    );
  }
  const threshold = textOf(fields["threshold"]);
  if (!/^\d+(\.\d+)?$/.test(threshold)) {
    tell(
      reading,
      [...path, "threshold"],
      `the threshold is ${JSON.stringify(threshold)}`,
      "write a bucket bound in the histogram's own unit, such as 2.5",
    );
  }
  const by = Array.isArray(fields["by"]) ? fields["by"].map(textOf) : [];
  const where = textOf(fields["where"])
    .replace(/^\{|,?\s*\}$/g, "")
    .trim();
  const matchers = (more: string): string => [where, more].filter((part) => part !== "").join(", ");
  const grouping = by.length === 0 ? "" : ` by (${by.join(", ")})`;
  // Exporters write the same bound as 2 and as 2.0.
  const bound = threshold.includes(".") ? `le="${threshold}"` : `le=~"${threshold}([.]0)?"`;
  const total = `sum${grouping} (rate(${metric}_count{${matchers("")}}[$window]))`;
  const good = `sum${grouping} (rate(${metric}_bucket{${matchers(bound)}}[$window]))`;
  const checked = exprOf(reading, [...path, "where"], good) === undefined ? undefined : total;
  return checked === undefined ? undefined : { total, bad: `clamp_min(${total} - ${good}, 0)` };
}

function exprOf(reading: Reading, path: YamlPath, text: string): string | undefined {
  if (text === "") {
    tell(reading, path, `the sli has no ${String(path.at(-1))}`, "write PromQL with [$window] for the range");
    return undefined;
  }
  if (!text.includes("[$window]")) {
    tell(reading, path, "the expression has no [$window]", "write it where the range goes: rate(x_total[$window])");
    return undefined;
  }
  // As long as the placeholder, so that places stay right.
  const query = parseQuery(text.replaceAll("$window", "5m     "));
  if ("errors" in query) {
    for (const { line, column, message } of query.errors) {
      const place = reading.yaml.inside(path, { line, column });
      reading.mistakes.push({ ...place, what: message, mend: "correct the expression" });
    }
    return undefined;
  }
  if (query.type === "vector") return text;
  tell(reading, path, `the expression is a ${query.type}`, "an sli needs instant vectors");
  return undefined;
}

function labelsOf(reading: Reading, path: YamlPath, value: unknown): Record<string, string> {
  if (value === undefined || value === "") return {};
  const labels: Record<string, string> = {};
  for (const [name, text] of Object.entries(mapAt(reading, path, value))) {
    if (/^[A-Za-z_]\w*$/.test(name) && typeof text === "string") labels[name] = text;
    else
      tell(
        reading,
        [...path, name],
        `${JSON.stringify(name)} cannot be a label`,
        "use letters, digits and _, and a text",
      );
  }
  return labels;
}

function mapAt(reading: Reading, path: YamlPath, value: unknown, known?: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    tell(
      reading,
      path,
      "this must be a map of keys and values",
      known === undefined ? "write name: text" : `known keys are ${known.join(", ")}`,
    );
    return {};
  }
  for (const key of known === undefined ? [] : Object.keys(value)) {
    if (!known!.includes(key)) {
      const place = reading.yaml.atKey(path, key);
      reading.mistakes.push({
        ...place,
        what: `unknown key ${JSON.stringify(key)}`,
        mend: `known keys are ${known!.join(", ")}`,
      });
    }
  }
  return value as Fields;
}

function tell(reading: Reading, path: YamlPath, what: string, mend: string): void {
  reading.mistakes.push({ ...reading.yaml.at(path), what, mend });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

function indented(text: string, by = 2): string {
  return text.replaceAll("\n", `\n${" ".repeat(by)}`);
}
