// The values, and pairs of values, that carry a trouble of requests; or that it is spread evenly.
import {
  type AttributeReport,
  type AttributeValue,
  type Carrier,
  type RequestAttribute,
  requestAttributes,
  type TroubleByAttribute,
} from "../../model/request-attributes.ts";
import type { TimeRange } from "../../model/time.ts";
import { type Contrast, type Contrasted, contrastBad, contrastTraffic } from "./contrast.ts";
import { saysOf } from "./says.ts";
import { type Column, namedFrom, others, type RequestTable, unsaid } from "./table.ts";
import { type Marked, troublesOf, unknown } from "./troubles.ts";

/** Of all values looked at for a trouble together, and the same of all pairs. */
const tailMax = 0.005;
/** So much more of the requests in trouble than it should have, and so much of what is more than before. */
const shareAboveMin = 0.15;
const explainsMin = 0.25;
/** What looks no more unusual than this alone, with so many requests behind it, is even. */
const evenTailMin = 0.01;
const evenExpectedMin = 10;
/** An attribute that fewer requests in trouble say is not judged. */
const saidMin = 0.2;
const carriersMax = 5;
/** Pairs are made of the commonest values. */
const pairValuesMax = 12;
/** A pair is told instead of its parts where it explains nearly as much with at most half the requests. */
const pairLoss = 0.1;
const pairSizeMax = 0.5;
const alikeFrom = 0.95;

interface Candidate {
  readonly values: readonly AttributeValue[];
  readonly contrast: Contrast;
  /** Whether each row since the onset is one of its. */
  readonly mine: (row: number) => boolean;
}

export function attributeReport(table: RequestTable, during: TimeRange, before: TimeRange): AttributeReport {
  const requests = { during: table.rows - table.since, before: table.since };
  const troubles = troublesOf(table).map((marked) => byAttribute(table, marked, during.from));
  return { at: during.to, during, before, requests, troubles };
}

function byAttribute(table: RequestTable, marked: Marked, onset: number): TroubleByAttribute {
  const { trouble, from, rate, rateBefore, marks } = marked;
  const columns = table.columns.flatMap((column) => usable(table, column, marks));
  const bad = marks.map((mark) => (mark === 1 ? 1 : 0));
  const contrast = (column: Contrasted): readonly Contrast[] =>
    trouble === "traffic" ? contrastTraffic(column, rate / rateBefore) : contrastBad(column, bad);
  const singles = columns.map((column) => ({ column, found: contrast(column) }));
  // What two values have together shows in each of them, if less.
  const raised = singles.filter(({ found }) => found.some(isRaised)).map(({ column }) => column);
  const pairs = trouble === "traffic" ? [] : pairsOf(raised);
  const pairFound = pairs.map((pair) => ({ pair, found: contrast(pair.column) }));
  const looks = singles.reduce((sum, { found }) => sum + found.length, 0);
  const pairLooks = (looks * looks) / 2;
  const told = ({ badNow, share, shareExpected, explains, tail }: Contrast, among: number): boolean =>
    badNow >= namedFrom && share - shareExpected >= shareAboveMin && explains >= explainsMin && tail * among <= tailMax;
  const alone = singles.flatMap(({ column, found }) =>
    found
      .filter((one) => told(one, looks))
      .map((one): Candidate => candidate(one, [oneValue(column, one.code)], column)),
  );
  const both = pairFound.flatMap(({ pair, found }) =>
    found
      .filter((one) => told(one, pairLooks) && isBetter(one, pair, singles))
      .map((one): Candidate => candidate(one, partsOf(pair, one.code), pair.column)),
  );
  const inPair = (one: Candidate): boolean =>
    both.some(
      ({ values, contrast: pair }) =>
        values.some((value) => sameValue(value, one.values[0]!)) && pair.explains >= one.contrast.explains - pairLoss,
    );
  const candidates = [...both, ...alone.filter((one) => !inPair(one))].sort(
    (a, b) => surprise(b.contrast) - surprise(a.contrast) || order(a) - order(b),
  );
  const carriers = distinct(candidates, columns)
    .slice(0, carriersMax)
    .map(({ values, alike, contrast: one }): Carrier => {
      const { share, shareBefore, shareExpected, explains } = one;
      const tail = Math.min(1, one.tail * (values.length === 1 ? looks : pairLooks));
      const figures = { share, shareBefore, shareExpected, explains, tail };
      const says = saysOf(marked, values, alike, figures, onset);
      return { values, alike, ...figures, says };
    });
  const even = singles.filter(({ found }) => isEven(found)).map(({ column }) => column.attribute);
  return { trouble, ...(from === undefined ? {} : { from }), rate, rateBefore, carriers, even };
}

interface Usable extends Contrasted {
  readonly attribute: RequestAttribute;
  readonly values: readonly string[];
}

/** The column over the requests of which the trouble is known; none where too few of those in trouble say it. */
function usable(table: RequestTable, { attribute, codes, values }: Column, marks: Uint8Array): readonly Usable[] {
  let [troubled, said] = [0, 0];
  for (let row = table.since; row < table.rows; row++) {
    if (marks[row] !== 1) continue;
    troubled++;
    if (codes[row] !== unsaid) said++;
  }
  if (said < saidMin * troubled || values.length < 2) return [];
  const known = marks.includes(unknown) ? codes.map((code, row) => (marks[row] === unknown ? unsaid : code)) : codes;
  const { rows, since, slice } = table;
  return [{ attribute, values, rows, since, slice, codes: known, size: values.length }];
}

interface Pair {
  readonly column: Contrasted;
  readonly first: Usable;
  readonly second: Usable;
  readonly width: number;
}

function pairsOf(columns: readonly Usable[]): readonly Pair[] {
  const two = columns.filter(({ values }) => values.length > 2);
  return two.flatMap((first, i) =>
    two.slice(i + 1).map((second): Pair => {
      const width = Math.min(pairValuesMax, second.size - 1) + 1;
      const height = Math.min(pairValuesMax, first.size - 1) + 1;
      const codes = first.codes.map((a, row) => {
        const b = second.codes[row]!;
        if (a === unsaid || b === unsaid) return unsaid;
        return a === others || b === others || a >= height || b >= width ? others : a * width + b;
      });
      const { rows, since, slice } = first;
      return { column: { rows, since, slice, codes, size: height * width }, first, second, width };
    }),
  );
}

function codesOf({ first, second, width }: Pair, code: number): readonly (readonly [Usable, number])[] {
  return [
    [first, Math.floor(code / width)],
    [second, code % width],
  ];
}

function partsOf(pair: Pair, code: number): readonly AttributeValue[] {
  return codesOf(pair, code).map(([column, own]) => oneValue(column, own));
}

/** Whether it takes both: each part explains hardly more with many more requests, and without the other is half as bad at most. */
function isBetter(
  pair: Contrast,
  of: Pair,
  singles: readonly { readonly column: Usable; readonly found: readonly Contrast[] }[],
): boolean {
  return codesOf(of, pair.code).every(([column, code]) => {
    const part = singles.find((one) => one.column === column)?.found.find((one) => one.code === code);
    if (part === undefined || part.now * pairSizeMax < pair.now) return false;
    const restRate = (part.badNow - pair.badNow) / Math.max(1, part.now - pair.now);
    return pair.explains >= part.explains - pairLoss && restRate <= (pairSizeMax * pair.badNow) / pair.now;
  });
}

function candidate(contrast: Contrast, values: readonly AttributeValue[], { codes }: Contrasted): Candidate {
  return { contrast, values, mine: (row) => codes[row] === contrast.code };
}

/** Candidates of the very same requests are one, told as the attribute that stands first in the list of them. */
function distinct(candidates: readonly Candidate[], columns: readonly Usable[]): readonly Told[] {
  const kept: Told[] = [];
  for (const one of candidates) {
    const said = kept.flatMap(({ values, alike }) => (values.length > 1 ? alike : [...values, ...alike]));
    if (isOne(one.values, said)) continue;
    const alike = columns.flatMap((column) => sameRequests(one, column));
    const same = one.values.length > 1 ? [] : candidates.filter(({ values }) => isOne(values, alike));
    const first = [one, ...same].sort((a, b) => order(a) - order(b))[0]!;
    const rest = [...one.values, ...alike].filter((value) => !first.values.some((own) => sameValue(own, value)));
    kept.push({ ...first, alike: rest });
  }
  return kept;
}

interface Told extends Candidate {
  readonly alike: readonly AttributeValue[];
}

function isOne(values: readonly AttributeValue[], of: readonly AttributeValue[]): boolean {
  return values.length === 1 && of.some((value) => sameValue(value, values[0]!));
}

/** The value of the column that these requests have, and hardly another one has: at most one. */
function sameRequests({ mine, values, contrast: { now } }: Candidate, column: Usable): readonly AttributeValue[] {
  if (values.some(({ attribute }) => attribute === column.attribute)) return [];
  const all = new Float64Array(column.size);
  const shared = new Float64Array(column.size);
  for (let row = column.since; row < column.rows; row++) {
    const code = column.codes[row]!;
    if (code <= others) continue;
    all[code]!++;
    if (mine(row)) shared[code]!++;
  }
  const code = shared.findIndex((both, i) => both > 0 && both >= alikeFrom * (now + all[i]! - both));
  return code < 0 ? [] : [oneValue(column, code)];
}

/** Adtributor's: half the term of the Jensen-Shannon divergence between the shares it should have and has. */
function surprise({ share: q, shareExpected: p }: Contrast): number {
  const term = (x: number): number => (x > 0 ? x * Math.log((2 * x) / (p + q)) : 0);
  return Math.round(1000 * (term(p) + term(q))) / 2000;
}

function isRaised({ tail, share, shareExpected }: Contrast): boolean {
  return tail < evenTailMin && share - shareExpected >= shareAboveMin / 3;
}

function isEven(found: readonly Contrast[]): boolean {
  return (
    found.filter(({ expected }) => expected >= evenExpectedMin).length >= 2 &&
    found.every((one) => one.shareExpected - one.share < shareAboveMin && !isRaised(one))
  );
}

function order({ values }: Candidate): number {
  return requestAttributes.indexOf(values[0]!.attribute);
}

function oneValue({ attribute, values }: Pick<Usable, "attribute" | "values">, code: number): AttributeValue {
  return { attribute, value: values[code]! };
}

function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  return a.attribute === b.attribute && a.value === b.value;
}
