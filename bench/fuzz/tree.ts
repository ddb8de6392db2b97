// Messages as trees of fields, grown at random from their plan and then made odd: still messages, but seldom seen ones.
import type { Choose } from "./choose.ts";
import type { Plan, PlanField } from "./plan.ts";
import { type Scalar, scalar } from "./scalars.ts";

/** A field as it will be written; a list is a repeated scalar, whose elements may be packed. */
export type Value = Scalar | Tree | Scalar[];
export interface Tree {
  readonly plan: Plan;
  readonly entries: Entry[];
}
export type Entry =
  | { readonly field: PlanField; readonly value: Value }
  /** No message knows it; what stands in it is up to the writer. */
  | { readonly field: undefined };

/** Lists that items lie in: without one there is nothing to compare. */
const spine = /^(resource|scope)(Spans|Logs|Metrics)$|^(spans|logRecords|metrics|dataPoints)$/;
const spineCounts = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 0];
const VALUE_DEPTH = 3;
const HUGE = 1500;

export function growTree(plan: Plan, choose: Choose): Tree {
  const tree = grow(plan, choose, 0);
  if (choose.below(3) === 0) return tree;
  for (let edits = 1 + choose.below(3); edits > 0; edits--) makeOdd(tree, choose);
  return tree;
}

function grow(plan: Plan, choose: Choose, depth: number): Tree {
  const entries: Entry[] = [];
  const chosen = new Map<string, PlanField>();
  for (const field of plan.fields) {
    if (field.oneof === undefined) growField(plan, field, choose, depth, entries);
    else if (!chosen.has(field.oneof) && choose.below(12) > 0) {
      const member = memberOf(plan, field.oneof, choose, depth);
      chosen.set(field.oneof, member);
      entries.push({ field: member, value: makeValue(plan, member, choose, depth) });
    }
  }
  if (plan.name === "HistogramDataPoint") entries.push(...buckets(plan, choose));
  return { plan, entries };
}

function growField(plan: Plan, field: PlanField, choose: Choose, depth: number, entries: Entry[]): void {
  if (field.repeated) {
    if (plan.name === "HistogramDataPoint" && field.message === undefined) return;
    let count = spine.test(field.name) ? choose.of(spineCounts) : Math.max(0, choose.below(7) - 4);
    if (field.message === undefined) {
      if (count > 0) entries.push({ field, value: listOf(plan, field, choose, count) });
    } else for (; count > 0; count--) entries.push({ field, value: makeValue(plan, field, choose, depth) });
    return;
  }
  const usual = /^(traceId|spanId|name|value|timeUnixNano|startTimeUnixNano|resource|scope)$/.test(field.name);
  if (usual ? choose.below(50) > 0 : choose.below(5) < 2)
    entries.push({ field, value: makeValue(plan, field, choose, depth) });
}

function memberOf(plan: Plan, oneof: string, choose: Choose, depth: number): PlanField {
  const members = plan.fields.filter((field) => field.oneof === oneof);
  const field = choose.of(members);
  return plan.name === "AnyValue" && depth >= VALUE_DEPTH && field.message !== undefined ? members[0]! : field;
}

function makeValue(plan: Plan, field: PlanField, choose: Choose, depth: number): Value {
  if (field.message === undefined)
    return field.repeated ? listOf(plan, field, choose, 1) : scalar(plan.name, field, choose);
  if (field.message.name !== "AnyValue") return grow(field.message, choose, depth);
  return choose.below(500) === 0 ? tower(field.message, choose) : grow(field.message, choose, depth + 1);
}

function listOf(plan: Plan, field: PlanField, choose: Choose, count: number): Scalar[] {
  return Array.from({ length: count }, () => scalar(plan.name, field, choose));
}

/** One bound fewer than buckets, as a rule. */
function buckets(plan: Plan, choose: Choose): Entry[] {
  const [counts, bounds] = ["bucketCounts", "explicitBounds"].map(
    (name) => plan.fields.find((field) => field.name === name)!,
  );
  const length = choose.below(4);
  if (length === 0) return [];
  const wrong = choose.below(30) === 0 ? 1 : 0;
  return [
    { field: counts!, value: listOf(plan, counts!, choose, length) },
    { field: bounds!, value: listOf(plan, bounds!, choose, length - 1 + wrong) },
  ];
}

/** Arrays and maps inside each other, about as deep as is taken. */
function tower(anyValue: Plan, choose: Choose): Tree {
  let tree = grow(anyValue, choose, VALUE_DEPTH);
  for (let levels = 58 + choose.below(10); levels > 0; levels--) {
    const list = anyValue.fields.find((field) => field.name === (levels % 2 === 0 ? "arrayValue" : "kvlistValue"))!;
    const values = list.message!.fields[0]!;
    const inner = values.message!.fields.find((field) => field.name === "value");
    const element = inner === undefined ? tree : { plan: values.message!, entries: [{ field: inner, value: tree }] };
    tree = {
      plan: anyValue,
      entries: [{ field: list, value: { plan: list.message!, entries: [{ field: values, value: element }] } }],
    };
  }
  return tree;
}

function makeOdd(tree: Tree, choose: Choose): void {
  const trees = treesOf(tree, []);
  const { plan, entries } = choose.of(trees);
  const at = choose.below(entries.length + 1);
  const entry = entries[at];
  switch (choose.below(7)) {
    case 0:
      entries.splice(at, 0, { field: undefined });
      break;
    case 1:
      shuffle(entries, choose);
      break;
    case 2:
      entries.splice(at, 1);
      break;
    case 3:
      // The same once more: another element, or the value that counts.
      if (entry !== undefined) entries.splice(choose.below(entries.length + 1), 0, entry);
      break;
    case 4: {
      // Any field the message may have, though there may be one already, or another of its oneof.
      if (plan.fields.length === 0) break;
      const field = choose.of(plan.fields);
      entries.splice(at, 0, { field, value: makeValue(plan, field, choose, VALUE_DEPTH) });
      break;
    }
    case 5:
      if (entry?.field !== undefined)
        entries[at] = { ...entry, value: makeValue(plan, entry.field, choose, VALUE_DEPTH) };
      break;
    default:
      if (choose.below(300) === 0) enlarge(entries, at, choose);
      else entries.splice(at, 0, { field: undefined }, { field: undefined });
  }
}

function enlarge(entries: Entry[], at: number, choose: Choose): void {
  const entry = entries[at];
  if (entry?.field === undefined || !entry.field.repeated) return;
  const times = choose.below(HUGE);
  if (Array.isArray(entry.value)) {
    const [first] = entry.value;
    if (first !== undefined) entries[at] = { field: entry.field, value: Array.from({ length: times }, () => first) };
  } else if (isSmall(entry.value)) entries.push(...Array.from({ length: times }, () => entry));
}

function isSmall(value: Value): boolean {
  return typeof value === "object" && "plan" in value && value.entries.length < 4 && !spine.test(value.plan.name);
}

function treesOf(tree: Tree, into: Tree[]): Tree[] {
  into.push(tree);
  for (const { field, ...rest } of tree.entries) {
    if (field === undefined || field.message === undefined) continue;
    const { value } = rest as { value: Value };
    if (isTree(value)) treesOf(value, into);
  }
  return into;
}

export function isTree(value: Value): value is Tree {
  return typeof value === "object" && "plan" in value;
}

function shuffle(list: Entry[], choose: Choose): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = choose.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}
