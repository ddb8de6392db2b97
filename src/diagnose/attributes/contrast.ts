// Which values of an attribute the requests in trouble have more than they should, had the trouble grown alike for all.
import { commonOdds } from "../../math/common-odds.ts";
import { normalUpper } from "../../math/tails.ts";
import { others, slices, unsaid } from "./table.ts";

/** A column of values (or of pairs of them) over rows of which those from `since` on are since the onset. */
export interface Contrasted {
  readonly rows: number;
  readonly since: number;
  readonly slice: Uint8Array;
  readonly codes: Int16Array;
  /** Number of codes, `others` included. */
  readonly size: number;
}

export interface Contrast {
  readonly code: number;
  /** Requests since the onset, those of them in trouble, and the same before. */
  readonly now: number;
  readonly badNow: number;
  readonly before: number;
  readonly badBefore: number;
  /** Of `badNow`, had the trouble grown alike everywhere. */
  readonly expected: number;
  readonly share: number;
  readonly shareBefore: number;
  readonly shareExpected: number;
  readonly explains: number;
  /** One-sided, of this value alone. */
  readonly tail: number;
}

/** What is known of a value before anything is counted: as if two requests in trouble had been seen at the common rate. */
const priorEvents = 2;
/** With fewer in trouble before, shares before are those of all requests. */
const sharesFrom = 30;

/**
 * Of each value but {@link others}; empty where too little is said. Rows without a value are left out.
 *
 * The share a value should have follows from its own rate before and one common growth of the odds (`commonOdds`), so that
 * neither a change of the mix nor values that are always the slow ones (long prompts) stand out. Its excess is told from chance
 * by a normal tail whose variance has the binomial part, what is not known of the rate before, and how much more than chance
 * the value swings from one tenth of the time before to the next (quasi-likelihood: McCullagh, Nelder, Generalized Linear Models,
 * 4.5). `explains` is the explanatory power of Adtributor (Bhagwan et al., NSDI 2014, 3.2). Blind to what changes for all values
 * alike, and to values that swing in bursts longer than the time before.
 */
export function contrastBad(table: Contrasted, bad: Uint8Array): readonly Contrast[] {
  const counts = countBy(table, bad);
  const { now, badNow, before, badBefore } = counts;
  const [n1, b1, n0, b0] = [sum(now), sum(badNow), sum(before), sum(badBefore)];
  if (n1 === 0 || b1 === 0 || n0 === 0) return [];
  const common = (b0 + 0.5) / (n0 + 1);
  const prior = priorEvents / common;
  const rates = now.map((_, code) => Math.min(0.999, (badBefore[code]! + prior * common) / (before[code]! + prior)));
  const expected = commonOdds(rates, now, b1);
  const excess = b1 - now.reduce((total, count, code) => total + count * rates[code]!, 0);
  const swings = swingsOf(table, counts, bad);
  return contrasts(counts, (code) => {
    const mean = now[code]! * expected[code]!;
    const spread = mean * (1 - expected[code]!);
    const unknown = 1 / (priorEvents + before[code]! * rates[code]! * (1 - rates[code]!));
    return {
      expected: mean,
      share: badNow[code]! / b1,
      shareBefore: b0 >= sharesFrom ? badBefore[code]! / b0 : before[code]! / n0,
      shareExpected: mean / b1,
      explains: clamp((badNow[code]! - now[code]! * rates[code]!) / Math.max(excess, 1e-9)),
      z: (badNow[code]! - mean) / Math.sqrt(swings[code]! * spread + spread * spread * unknown + 1e-9),
    };
  });
}

/** The same of requests as such: whose there are more than their share before. `growth`: requests a second, now over before. */
export function contrastTraffic(table: Contrasted, growth: number): readonly Contrast[] {
  const all = new Uint8Array(table.rows).fill(1);
  const counts = countBy(table, all);
  const { now, before } = counts;
  const [n1, n0] = [sum(now), sum(before)];
  if (n1 === 0 || n0 === 0 || growth <= 1) return [];
  const swings = swingsOf(table, counts, undefined);
  return contrasts(counts, (code) => {
    const usual = (before[code]! + 0.5) / (n0 + 1);
    const mean = n1 * usual;
    const variance = swings[code]! * mean * (1 - usual) * (1 + n1 / n0);
    return {
      expected: mean,
      share: now[code]! / n1,
      shareBefore: before[code]! / n0,
      shareExpected: usual,
      explains: clamp((growth * (now[code]! / n1) - before[code]! / n0) / (growth - 1)),
      z: (now[code]! - mean) / Math.sqrt(variance + 1e-9),
    };
  });
}

interface Counts {
  readonly now: Float64Array;
  readonly badNow: Float64Array;
  readonly before: Float64Array;
  readonly badBefore: Float64Array;
}

function countBy({ rows, since, codes, size }: Contrasted, bad: Uint8Array): Counts {
  const make = (): Float64Array => new Float64Array(size);
  const counts = { now: make(), badNow: make(), before: make(), badBefore: make() };
  for (let row = 0; row < rows; row++) {
    const code = codes[row]!;
    if (code === unsaid) continue;
    const [all, ill] = row < since ? [counts.before, counts.badBefore] : [counts.now, counts.badNow];
    all[code]!++;
    ill[code]! += bad[row]!;
  }
  return counts;
}

/**
 * How many times the variance of chance each value's count has over the tenths of the time before, at least 1: of those in
 * trouble among its requests, or, without `bad`, of its requests among all.
 */
function swingsOf(
  { since, codes, slice, size }: Contrasted,
  { before, badBefore }: Counts,
  bad: Uint8Array | undefined,
): Float64Array {
  const all = new Float64Array(slices);
  const seen = new Float64Array(size * slices);
  const hits = new Float64Array(size * slices);
  for (let row = 0; row < since; row++) {
    const code = codes[row]!;
    if (code === unsaid) continue;
    all[slice[row]!]!++;
    seen[code * slices + slice[row]!]!++;
    if (bad !== undefined) hits[code * slices + slice[row]!]! += bad[row]!;
  }
  const n0 = sum(before);
  return before.map((count, code) => {
    const rate = bad === undefined ? count / n0 : badBefore[code]! / count;
    if (!(rate > 0 && rate < 1)) return 1;
    let squares = 0;
    let used = 0;
    for (let i = 0; i < slices; i++) {
      const of = bad === undefined ? all[i]! : seen[code * slices + i]!;
      if (of === 0) continue;
      const hit = bad === undefined ? seen[code * slices + i]! : hits[code * slices + i]!;
      squares += (hit - of * rate) ** 2 / (of * rate * (1 - rate));
      used++;
    }
    return used < 2 ? 1 : Math.max(1, squares / (used - 1));
  });
}

function contrasts(
  { now, badNow, before, badBefore }: Counts,
  judge: (code: number) => Omit<Contrast, "code" | "now" | "badNow" | "before" | "badBefore" | "tail"> & { z: number },
): readonly Contrast[] {
  const found: Contrast[] = [];
  for (let code = 0; code < now.length; code++) {
    if (code === others || now[code] === 0) continue;
    const { z, ...judged } = judge(code);
    const counts = { now: now[code]!, badNow: badNow[code]!, before: before[code]!, badBefore: badBefore[code]! };
    found.push({ code, ...counts, ...judged, tail: normalUpper(z) });
  }
  return found;
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
