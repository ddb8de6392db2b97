// What else differs between two sides, and may be the reason instead: said aloud, never corrected in silence.
import { quantileOf } from "../math/quantile.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { ComparedSide, MeasureComparison } from "../model/comparison.ts";
import type { StoredRequest } from "../model/ports/request-history.ts";
import { replicasMin } from "./contrast.ts";
import { type BySlot, minuteMs } from "./minutes.ts";

export interface Facts {
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  /** Labels the sides were chosen by. */
  readonly chosen: ReadonlySet<string>;
  readonly requests: readonly StoredRequest[];
  readonly running: { readonly a: BySlot; readonly b: BySlot };
  readonly measures: readonly MeasureComparison[];
  readonly changes: readonly ChangeEvent[];
}

/** Ratios of medians within these are the same load, and the same mix of prompts. */
const loadRatio = 1.2;
const promptRatio = 1.1;
const changesTold = 3;
const namesTold = 4;
const overlapMin = 0.5;

export function confounders(facts: Facts): readonly string[] {
  return [
    ...differentFacts(facts),
    ...load(facts),
    ...prompts(facts),
    ...times(facts),
    ...few(facts),
    ...changed(facts),
  ];
}

function differentFacts({ a, b, chosen }: Facts): readonly string[] {
  const kinds = [
    ["model", "models"],
    ["gpu", "gpus"],
    ["version", "versions"],
  ] as const;
  return kinds.flatMap(([name, key]) => {
    const [ofA, ofB] = [a[key], b[key]];
    if (chosen.has(name) || ofA.length === 0 || ofB.length === 0 || sameSet(ofA, ofB)) return [];
    return [`different ${key}: A has ${listed(ofA)}, B has ${listed(ofB)}`];
  });
}

function load({ running }: Facts): readonly string[] {
  const [a, b] = [medianOfSlots(running.a), medianOfSlots(running.b)];
  const ratio = (b + 0.5) / (a + 0.5);
  if (Number.isNaN(ratio) || (ratio <= loadRatio && ratio >= 1 / loadRatio)) return [];
  return [
    `different load: replicas of A run ${round(a)} requests at once, those of B ${round(b)} (medians); inter-token latency and throughput are compared at equal batch, time to first token is not`,
  ];
}

function prompts({ requests, measures }: Facts): readonly string[] {
  const median = (isB: boolean): number => {
    const lengths = Float64Array.from(
      requests.filter((one) => one.isB === isB),
      ({ inputTokens }) => inputTokens,
    );
    return quantileOf(lengths, lengths.length, 0.5);
  };
  const [a, b] = [median(false), median(true)];
  const ratio = b / a;
  const apart = measures.filter(({ strata, comparedShare }) => strata > 0 && comparedShare < 0.8);
  return [
    ...(ratio > promptRatio || ratio < 1 / promptRatio
      ? [
          `different prompts: ${round(a)} tokens in A, ${round(b)} in B (medians); only prompts of like length are compared`,
        ]
      : []),
    ...apart.map(
      ({ measure, comparedShare }) =>
        `of ${measure}, ${Math.round(100 * (1 - comparedShare))} % of the observations have no counterpart on the other side and are left out`,
    ),
  ];
}

function times({ requests, running }: Facts): readonly string[] {
  const minutes = (isB: boolean): ReadonlySet<number> => {
    const own = requests.filter((one) => one.isB === isB).map(({ at }) => Math.floor(at / minuteMs));
    const metrics = [...(isB ? running.b : running.a).values()].flatMap((slots) =>
      [...slots.keys()].map((at) => Math.floor(at / minuteMs)),
    );
    return new Set(own.length > 0 ? own : metrics);
  };
  const [a, b] = [minutes(false), minutes(true)];
  if (a.size === 0 || b.size === 0) return [];
  const shared = [...a].filter((minute) => b.has(minute)).length / Math.min(a.size, b.size);
  if (shared >= overlapMin) return [];
  return [
    `different times: ${shared === 0 ? "no minute" : `${Math.round(100 * shared)} % of the minutes`} of one side belong to the other too; whatever else changed between them counts as a difference`,
  ];
}

function few({ a, b }: Facts): readonly string[] {
  if (sameSet(a.replicas, b.replicas)) return [];
  const small = [
    ["A", a],
    ["B", b],
  ] as const;
  return small.flatMap(([name, { replicas }]) =>
    replicas.length === 0 || replicas.length >= replicasMin
      ? []
      : [
          `${name} is ${listed(replicas)} alone: what is that ${replicas.length === 1 ? "replica's" : "pair's"} own (its node, its GPUs) cannot be told from what is ${name}'s`,
        ],
  );
}

function changed({ changes, chosen }: Facts): readonly string[] {
  // What makes the difference that is asked for is no confounder.
  const other = changes.filter(({ kind }) => !(kind === "deploy" && chosen.has("version")) && kind !== "restart");
  if (other.length === 0) return [];
  const told = other.slice(0, changesTold).map(({ summary }) => summary);
  const rest = other.length > told.length ? ` and ${other.length - told.length} more` : "";
  return [`changed meanwhile: ${told.join("; ")}${rest}`];
}

function medianOfSlots(metric: BySlot): number {
  const values = Float64Array.from([...metric.values()].flatMap((slots) => [...slots.values()]));
  return quantileOf(values, values.length, 0.5);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

function listed(names: readonly string[]): string {
  const told = names.slice(0, namesTold).join(", ");
  return names.length > namesTold ? `${told} and ${names.length - namesTold} more` : told;
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
