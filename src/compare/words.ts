// Verdicts as sentences.
import type { Comparison, MeasureComparison, SideOfMeasure } from "../model/comparison.ts";
import { formatDuration } from "../model/time.ts";
import type { Measure } from "./measures.ts";

export function sentenceOf(
  one: Omit<MeasureComparison, "says">,
  { more, scale }: Pick<Measure, "more" | "scale">,
): string {
  const { title, verdict, effect, low, high, a, b, margin } = one;
  if (effect === undefined || low === undefined || high === undefined)
    return `${title}: undecided; ${tooLittle("A", a) ?? tooLittle("B", b) ?? "no stratum has observations of both sides"}`;
  const difference = scale === "log" ? ratio : points;
  const span = `B is ${difference(effect)} (${difference(low)} to ${difference(high)})`;
  const limit = scale === "log" ? `${percent(margin)} %` : `${percent(margin)} points`;
  if (verdict === "same") return `${title}: same; ${span}, within the ${limit} that matter`;
  if (verdict === "undecided") {
    const wait =
      one.more === undefined
        ? "more of the same would hardly decide it"
        : `about ${one.more.times} times as much would decide it: ${formatDuration(one.more.ms)} more at this pace`;
    return `${title}: undecided; ${span}, and ${limit} matter; ${wait}`;
  }
  if (more === undefined) return `${title}: different, ${effect > 0 ? "longer" : "shorter"}; ${span}`;
  return `${title}: ${verdict}; ${span}`;
}

/** All measures together: worse if any is, better if some are and none is worse or different or undecided about it. */
export function together(measures: readonly MeasureComparison[]): Pick<Comparison, "verdict" | "says"> {
  const of = (verdict: MeasureComparison["verdict"]): readonly string[] =>
    measures.filter((one) => one.verdict === verdict).map(({ measure }) => measure);
  const [worse, better, different, same, undecided] = [
    of("worse"),
    of("better"),
    of("different"),
    of("same"),
    of("undecided"),
  ];
  const open = undecided.length === 0 ? "" : `; undecided: ${undecided.join(", ")}`;
  if (worse.length > 0 && better.length > 0)
    return {
      verdict: "undecided",
      says: `undecided: B is better by ${better.join(", ")} and worse by ${worse.join(", ")}; which matters more is yours to say${open}`,
    };
  if (worse.length > 0) return { verdict: "worse", says: `B is worse by ${worse.join(", ")}${open}` };
  if (different.length > 0)
    return {
      verdict: "undecided",
      says: `undecided: answers of B have another length, so that it does other work${better.length > 0 ? `; better by ${better.join(", ")}` : ""}${open}`,
    };
  if (better.length > 0)
    return {
      verdict: "better",
      says: `B is better by ${better.join(", ")}, and worse by nothing that could be told${open}`,
    };
  if (same.length > 0 && undecided.length === 0)
    return { verdict: "same", says: "B is the same as A in all that was compared" };
  return {
    verdict: "undecided",
    says: `undecided${same.length > 0 ? `: same by ${same.join(", ")}, the rest cannot be told` : ": there is too little to tell"}${open}`,
  };
}

function tooLittle(name: string, { observations, minutes }: SideOfMeasure): string | undefined {
  if (observations === 0) return `nothing tells of it for ${name}`;
  if (observations >= 30 && minutes >= 6) return undefined;
  return `${name} has ${observations} observations in ${minutes} minutes, and 30 in 6 minutes are the least`;
}

function ratio(value: number): string {
  return `${percent(Math.abs(value))} % ${value < 0 ? "lower" : "higher"}`;
}

function points(value: number): string {
  return `${percent(Math.abs(value))} points ${value < 0 ? "lower" : "higher"}`;
}

function percent(value: number): string {
  return String(Number((100 * value).toPrecision(value < 0.1 ? 2 : 3)));
}
