// What is wrong with requests since an onset that was not before: each trouble as a mark on every request.
import { quantileOf } from "../../math/quantile.ts";
import { normalUpper } from "../../math/tails.ts";
import type { RequestTrouble } from "../../model/request-attributes.ts";
import type { RequestTable } from "./table.ts";

export interface Marked {
  readonly trouble: RequestTrouble;
  /** From so many seconds or tokens on. */
  readonly from?: number;
  /** Of all requests, or, of traffic, requests a second. */
  readonly rate: number;
  readonly rateBefore: number;
  /** 1 where the request has it; `unknown` where nothing tells. */
  readonly marks: Uint8Array;
}

export const unknown = 255;

/** Fewer before are no measure, and fewer since in trouble are none of it. */
const beforeMin = 100;
const troubledMin = 20;
/** What is as slow before is 5 %. */
const usualShare = 0.95;
const knownShare = 0.5;
/** How much more of it there has to be, and how sure that has to be. */
const growthMin = 1.5;
const trafficGrowthMin = 1.3;
const tailMax = 1e-4;

/** Only those there are clearly more of since the onset. */
export function troublesOf(table: RequestTable): readonly Marked[] {
  const { rows, since, perSecond } = table;
  if (since < beforeMin || rows === since) return [];
  const found = [
    grown(table, { trouble: "failed", marks: table.failed }),
    grown(table, above(table, "slow_first_token", table.firstTokenSeconds)),
    grown(table, above(table, "slow", table.seconds)),
    grown(table, above(table, "long_answer", table.outputTokens)),
  ].filter((one) => one !== undefined);
  const { during, before } = perSecond;
  if (rows - since < troubledMin || during < trafficGrowthMin * before) return found;
  return [...found, { trouble: "traffic", rate: during, rateBefore: before, marks: new Uint8Array(rows).fill(1) }];
}

function above(
  { rows, since }: RequestTable,
  trouble: RequestTrouble,
  values: Float64Array,
): Pick<Marked, "trouble" | "from" | "marks"> | undefined {
  const told = (from: number, to: number): Float64Array =>
    values.subarray(from, to).filter((value) => !Number.isNaN(value));
  const before = told(0, since);
  if (before.length < beforeMin || told(since, rows).length < knownShare * (rows - since)) return undefined;
  const from = quantileOf(before, before.length, usualShare);
  if (!(from > 0)) return undefined;
  const marks = Uint8Array.from(values, (value) => (Number.isNaN(value) ? unknown : value > from ? 1 : 0));
  return { trouble, from, marks };
}

/** Two proportions, one-sided. */
function grown(
  { rows, since }: RequestTable,
  marked: Pick<Marked, "trouble" | "from" | "marks"> | undefined,
): Marked | undefined {
  if (marked === undefined) return undefined;
  const count = (from: number, to: number) => {
    let [known, troubled] = [0, 0];
    for (let row = from; row < to; row++) {
      if (marked.marks[row] === unknown) continue;
      known++;
      troubled += marked.marks[row]!;
    }
    return { known, troubled };
  };
  const [before, during] = [count(0, since), count(since, rows)];
  if (during.troubled < troubledMin || before.known < beforeMin) return undefined;
  const [rate, rateBefore] = [during.troubled / during.known, before.troubled / before.known];
  const both = (during.troubled + before.troubled) / (during.known + before.known);
  const spread = Math.sqrt(both * (1 - both) * (1 / during.known + 1 / before.known));
  if (rate < growthMin * rateBefore || normalUpper((rate - rateBefore) / spread) > tailMax) return undefined;
  return { ...marked, rate, rateBefore };
}
