// Requests before and since an onset side by side, each attribute as small numbers: what contrasts are counted over.
import type { RequestSample, SaidOfRequest } from "../../model/ports/request-source.ts";
import { type RequestAttribute, requestAttributes } from "../../model/request-attributes.ts";

export interface RequestTable {
  readonly rows: number;
  /** Rows before this one are of before the onset. */
  readonly since: number;
  /** Tenths of the time before, and of that since the onset: 0 to 9. */
  readonly slice: Uint8Array;
  readonly seconds: Float64Array;
  readonly firstTokenSeconds: Float64Array;
  readonly outputTokens: Float64Array;
  readonly failed: Uint8Array;
  /** Requests a second that a row stands for. */
  readonly perSecond: { readonly before: number; readonly during: number };
  readonly columns: readonly Column[];
}

export interface Column {
  readonly attribute: RequestAttribute;
  /** Place in `values` of each row; -1 where nothing is said, {@link others} where too few share it to be named. */
  readonly codes: Int16Array;
  readonly values: readonly string[];
}

/** Of the codes. */
export const unsaid = -1;
export const others = 0;
export const slices = 10;
/** A value that fewer requests share is never named: it may be one person. */
export const namedFrom = 10;
const valuesMax = 40;
/** Upper bounds of classes of input tokens, and what they are called. */
const lengthBounds = [256, 1024, 4096, 16_384, 65_536];
const lengthNames = ["up to 256", "257 to 1k", "1k to 4k", "4k to 16k", "16k to 64k", "over 64k"];

interface Span {
  readonly sample: RequestSample;
  readonly from: number;
  readonly to: number;
}

/** `placeOf` gives the name of what a replica runs on, if that is one: spans name replicas, and seldom GPUs. */
export function tableOf(
  before: Span,
  during: Span,
  placeOf: (replica: string, kind: "node" | "gpu") => string | undefined,
): RequestTable {
  const since = before.sample.requests;
  const rows = since + during.sample.requests;
  const numbers = (pick: (sample: RequestSample) => Float64Array): Float64Array => {
    const all = new Float64Array(rows);
    all.set(pick(before.sample));
    all.set(pick(during.sample), since);
    return all;
  };
  const at = numbers((sample) => sample.at);
  const slice = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const { from, to } = row < since ? before : during;
    slice[row] = Math.max(0, Math.min(slices - 1, Math.floor(((at[row]! - from) / (to - from)) * slices)));
  }
  const failed = new Uint8Array(rows);
  failed.set(before.sample.failed);
  failed.set(during.sample.failed, since);
  const said = (name: SaidOfRequest): readonly string[] => [...before.sample.said[name], ...during.sample.said[name]];
  const inputTokens = numbers((sample) => sample.inputTokens);
  const texts = (attribute: RequestAttribute): readonly string[] => {
    if (attribute === "prompt_length") return Array.from(inputTokens, lengthClass);
    if (attribute === "gpu") return placesOf(said("replica"), (replica) => placeOf(replica, "gpu"));
    if (attribute !== "node") return said(attribute);
    const nodes = placesOf(said("replica"), (replica) => placeOf(replica, "node"));
    return said("node").map((node, row) => node || nodes[row]!);
  };
  const perSecond = ({ sample, from, to }: Span): number => (1000 * sample.requests) / sample.share / (to - from);
  return {
    rows,
    since,
    slice,
    seconds: numbers((sample) => sample.seconds),
    firstTokenSeconds: numbers((sample) => sample.firstTokenSeconds),
    outputTokens: numbers((sample) => sample.outputTokens),
    failed,
    perSecond: { before: perSecond(before), during: perSecond(during) },
    columns: requestAttributes.map((attribute) => columnOf(attribute, texts(attribute))),
  };
}

function columnOf(attribute: RequestAttribute, texts: readonly string[]): Column {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== "") counts.set(text, (counts.get(text) ?? 0) + 1);
  const named = [...counts]
    .filter(([, count]) => count >= namedFrom)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, valuesMax)
    .map(([text]) => text);
  const values = ["", ...named];
  const codeOf = new Map(named.map((text, i) => [text, i + 1]));
  return {
    attribute,
    values,
    codes: Int16Array.from(texts, (text) => (text === "" ? unsaid : (codeOf.get(text) ?? others))),
  };
}

function lengthClass(tokens: number): string {
  if (Number.isNaN(tokens)) return "";
  const place = lengthBounds.findIndex((bound) => tokens <= bound);
  return `${lengthNames[place < 0 ? lengthBounds.length : place]} tokens`;
}

function placesOf(replicas: readonly string[], find: (replica: string) => string | undefined): readonly string[] {
  const found = new Map<string, string>([["", ""]]);
  return replicas.map((replica) => {
    const known = found.get(replica) ?? find(replica) ?? "";
    found.set(replica, known);
    return known;
  });
}
