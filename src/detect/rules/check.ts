// Checks the parsed YAML of a rule file against what Prometheus takes and what can be evaluated here.
import type { DurationMs } from "../../model/time.ts";
import { parseDuration } from "../../model/time.ts";
import type { ParsedQuery } from "../../promql/ast.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { Rule, RuleGroup } from "./rule.ts";
import type { Template } from "./template.ts";
import { compileTemplate } from "./template.ts";
import type { Position, YamlFile, YamlPath } from "./yaml.ts";

type Tell = (place: Position, what: string, mend: string) => void;
type Fields = Readonly<Record<string, unknown>>;

interface Checking {
  readonly yaml: YamlFile;
  readonly tell: Tell;
}

/** Most rules in one file: more are cheaper to hold apart. */
const rulesMax = 5000;

/**
 * Undefined if the document is no rule file at all. `refused` counts the rules that were left out; `names` are those of groups in
 * the documents before it, and gets its own.
 */
export function checkGroups(
  yaml: YamlFile,
  tell: Tell,
  names: Set<string>,
): { groups: RuleGroup[]; refused: number } | undefined {
  const checking: Checking = { yaml, tell };
  // An empty file is a valid one, as it is for Prometheus.
  if (isNothing(yaml.value)) return { groups: [], refused: 0 };
  const { path, value: holder } = holderOf(yaml.value);
  const root = fieldsOf(checking, path, holder, ["groups", "slo"], "a rule file");
  if (root === undefined) return undefined;
  const at = [...path, "groups"];
  const groups = listOf(checking, at, root["groups"]);
  let left = rulesMax;
  let refused = 0;
  const kept = groups.flatMap((value, i) => {
    const group = checkGroup(checking, [...at, i], value, names);
    if (group === undefined) return [];
    refused += listOf({ yaml, tell() {} }, at, (value as Fields)["rules"]).length - group.rules.length;
    left -= group.rules.length;
    if (left >= 0) return [group];
    refused += group.rules.length;
    tell(yaml.at([...at, i]), `the file has more than ${rulesMax} rules`, "split it into several files");
    return [];
  });
  return { groups: kept, refused };
}

/** What holds the groups: the file itself, or the `spec` of a PrometheusRule, as the Prometheus Operator takes it. */
function holderOf(value: unknown): { readonly path: YamlPath; readonly value: unknown } {
  if (typeof value === "object" && value !== null && "kind" in value && value.kind === "PrometheusRule") {
    return { path: ["spec"], value: "spec" in value ? value.spec : undefined };
  }
  return { path: [], value };
}

/** `partial_response_strategy` is for Thanos alone, and of no effect here. */
const groupKeys = ["name", "interval", "limit", "query_offset", "labels", "partial_response_strategy", "rules"];

function checkGroup(checking: Checking, path: YamlPath, value: unknown, names: Set<string>): RuleGroup | undefined {
  const fields = fieldsOf(checking, path, value, groupKeys, "a group");
  if (fields === undefined) return undefined;
  const name = stringOf(checking, path, fields, "name");
  if (name === "")
    checking.tell(checking.yaml.at(path), "the group has no name", "add name: <a name unique in this file>");
  else if (names.has(name)) {
    checking.tell(
      checking.yaml.at([...path, "name"]),
      `two groups are named ${JSON.stringify(name)}`,
      "rename one of them",
    );
  }
  names.add(name);
  const labels = templatesOf(checking, [...path, "labels"], fields["labels"]);
  const seen = new Set<string>();
  const rules = listOf(checking, [...path, "rules"], fields["rules"]).flatMap((rule, i) => {
    const checked = checkRule(checking, [...path, "rules", i], rule, labels);
    if (checked === undefined) return [];
    const shown =
      checked.kind === "alert"
        ? Object.entries(checked.labels).map(([key, { source }]) => [key, source])
        : Object.entries(checked.labels);
    const identity = JSON.stringify([checked.kind, checked.name, checked.expr.text, shown]);
    if (seen.has(identity)) {
      checking.tell(
        checking.yaml.at([...path, "rules", i]),
        `${checked.name} stands here twice with the same expression and labels`,
        "remove one",
      );
      return [];
    }
    seen.add(identity);
    return [checked];
  });
  const intervalMs = durationOf(checking, path, fields, "interval");
  return {
    name,
    intervalMs: intervalMs === 0 ? undefined : intervalMs,
    limit: countOf(checking, path, fields, "limit"),
    offsetMs: durationOf(checking, path, fields, "query_offset") ?? 0,
    rules,
  };
}

const ruleKeys = ["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"];

function checkRule(
  checking: Checking,
  path: YamlPath,
  value: unknown,
  groupLabels: Readonly<Record<string, Template>>,
): Rule | undefined {
  let wrong = false;
  // Everything below goes on after a mistake, so that all are told; a rule with any is left out.
  const own: Checking = {
    yaml: checking.yaml,
    tell(place, what, mend) {
      wrong = true;
      checking.tell(place, what, mend);
    },
  };
  const fields = fieldsOf(own, path, value, ruleKeys, "a rule");
  if (fields === undefined) return undefined;
  const { yaml } = own;
  const alert = stringOf(own, path, fields, "alert");
  const record = stringOf(own, path, fields, "record");
  if ((alert === "") === (record === "")) {
    own.tell(
      yaml.at(path),
      alert === "" ? "the rule is neither alert nor record" : "the rule is both alert and record",
      "give exactly one of alert and record",
    );
  }
  const expr = queryOf(own, path, fields);
  const forMs = durationOf(own, path, fields, "for") ?? 0;
  const keepFiringForMs = durationOf(own, path, fields, "keep_firing_for") ?? 0;
  const labels = { ...groupLabels, ...templatesOf(own, [...path, "labels"], fields["labels"]) };
  const annotations = templatesOf(own, [...path, "annotations"], fields["annotations"]);
  if (alert === "" && record !== "") {
    for (const key of ["for", "keep_firing_for", "annotations"]) {
      if (!isNothing(fields[key]))
        own.tell(yaml.atKey(path, key), `a recording rule takes no ${key}`, `remove ${key}, or make the rule an alert`);
    }
    if (/[{}]/.test(record)) {
      own.tell(
        yaml.at([...path, "record"]),
        `${JSON.stringify(record)} is no metric name`,
        "use letters, digits, _ and :, as in level:metric:operation, and give labels under labels",
      );
    }
  }
  if (wrong || expr === undefined) return undefined;
  const { line } = yaml.at(path);
  if (alert !== "") return { kind: "alert", name: alert, expr, forMs, keepFiringForMs, labels, annotations, line };
  const written = Object.fromEntries(Object.entries(labels).map(([key, { source }]) => [key, source]));
  return { kind: "record", name: record, expr, labels: written, line };
}

function queryOf(checking: Checking, path: YamlPath, fields: Fields): ParsedQuery | undefined {
  const text = stringOf(checking, path, fields, "expr");
  const at = [...path, "expr"];
  if (text === "") {
    checking.tell(checking.yaml.at(path), "the rule has no expr", "add expr: <a PromQL expression>");
    return undefined;
  }
  const query = parseQuery(text);
  if ("errors" in query) {
    for (const error of query.errors) {
      const place = checking.yaml.inside(at, { line: error.line, column: error.column });
      const mend = error.kind === "unsupported" ? "write the rule without it" : "correct the expression";
      checking.tell(place, `expr: ${error.message}`, mend);
    }
    return undefined;
  }
  if (query.type !== "vector" && query.type !== "scalar") {
    checking.tell(
      checking.yaml.at(at),
      `expr is a ${query.type === "matrix" ? "range vector" : "string"}`,
      "a rule needs an instant vector or a scalar",
    );
    return undefined;
  }
  return query;
}

function templatesOf(checking: Checking, path: YamlPath, value: unknown): Record<string, Template> {
  if (isNothing(value)) return {};
  const kind = path.at(-1) === "annotations" ? "annotation" : "label";
  const fields = mapOf(checking, path, value, `${kind}s`);
  const templates: Record<string, Template> = {};
  for (const [name, text] of Object.entries(fields ?? {})) {
    // Any text may be a name, as in Prometheus 3. An alert's own name wins over a label alertname, as there.
    if (name === "" || name === "__name__") {
      checking.tell(
        checking.yaml.atKey(path, name),
        `${JSON.stringify(name)} cannot be set as ${kind}`,
        "use letters, digits and _, not __name__",
      );
      continue;
    }
    if (typeof text !== "string") {
      checking.tell(
        checking.yaml.at([...path, name]),
        `${kind} ${name} is not a text`,
        "give one value, in quotes if need be",
      );
      continue;
    }
    const template = compileTemplate(text);
    if ("error" in template)
      checking.tell(checking.yaml.at([...path, name]), `${kind} ${name}: ${template.error}`, "rewrite the template");
    else templates[name] = template;
  }
  return templates;
}

function fieldsOf(
  checking: Checking,
  path: YamlPath,
  value: unknown,
  known: readonly string[],
  what: string,
): Fields | undefined {
  const fields = mapOf(checking, path, value, what);
  for (const key of Object.keys(fields ?? {})) {
    if (!known.includes(key))
      checking.tell(
        checking.yaml.atKey(path, key),
        `${what} has no key ${JSON.stringify(key)}`,
        `remove it; known are ${known.join(", ")}`,
      );
  }
  return fields;
}

/** Nothing written, or YAML's words for it, which the reader leaves as they are. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "string" && /^(~|null|Null|NULL|)$/.test(value));
}

function mapOf(checking: Checking, path: YamlPath, value: unknown, what: string): Fields | undefined {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  checking.tell(checking.yaml.at(path), `${what} must be a map of keys and values`, "write key: value, one a line");
  return undefined;
}

function listOf(checking: Checking, path: YamlPath, value: unknown): readonly unknown[] {
  if (isNothing(value)) return [];
  if (Array.isArray(value)) return value;
  checking.tell(checking.yaml.at(path), `${String(path.at(-1))} must be a list`, 'begin each item with "- "');
  return [];
}

function stringOf(checking: Checking, path: YamlPath, fields: Fields, key: string): string {
  const value = fields[key];
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value.trim();
  checking.tell(checking.yaml.at([...path, key]), `${key} must be a text`, "give one value, in quotes if need be");
  return "";
}

function durationOf(checking: Checking, path: YamlPath, fields: Fields, key: string): DurationMs | undefined {
  const text = stringOf(checking, path, fields, key);
  if (isNothing(text)) return undefined;
  const duration = parseDuration(text);
  if (duration === undefined)
    checking.tell(
      checking.yaml.at([...path, key]),
      `${key}: ${JSON.stringify(text)} is no duration`,
      "write it like 90s, 5m or 1h30m",
    );
  return duration;
}

function countOf(checking: Checking, path: YamlPath, fields: Fields, key: string): number {
  const text = stringOf(checking, path, fields, key);
  if (isNothing(text)) return 0;
  if (!/^\d{1,9}$/.test(text))
    checking.tell(
      checking.yaml.at([...path, key]),
      `${key}: ${JSON.stringify(text)} is no count`,
      "write a whole number, 0 for no limit",
    );
  return Number.parseInt(text, 10) || 0;
}
