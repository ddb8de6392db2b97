// Whether our decoder did with a body what it should: compared row by row with what protobufjs makes of it.
import type { Message, Type } from "protobufjs";
import { createDecoder, type DecodeAnswer, type Encoding, type Signal } from "../../src/receive/decoder.ts";
import { messageRows } from "../../test/receive/oracle.ts";
import { messages } from "../../test/receive/otlp-proto.ts";
import { asSent } from "../../test/receive/payloads.ts";
import { type Row, rowsOf } from "../../test/receive/read-native.ts";
import { readJson } from "./json-oracle.ts";
import { surelyStorable } from "./storable.ts";

export type Verdict =
  /** Same rows. */
  | "equal"
  /** Same number of rows; texts were mended, so their columns may differ. */
  | "mended"
  | "both-refuse"
  /** We take what the oracle refuses: a part nobody stores is not read. */
  | "oracle-refuses"
  /** JSON: a member that must come once comes twice: we keep the last, the oracle merges both. */
  | "unmerged"
  /** The oracle skips an unknown varint of any length; by the rules it has ten bytes at most, and we refuse it. */
  | "long-varint"
  | "too-large"
  | "crash"
  | "mismatch";

export interface Judgement {
  readonly verdict: Verdict;
  readonly why: string;
  /** Time the decoder took. */
  readonly tookMs: number;
}

type Tables = Record<string, Row[]>;
type Decoded = Extract<DecodeAnswer, { kind: "decoded" }>;

const NOW_MS = 1_763_900_000_000;
/** Repairs the oracle makes as well; the others change texts in ways it does not follow. */
const followed = new Set<string>(["duplicate-key", "negative-duration"]);
let merging = true;
for (const type of Object.values(messages)) letMergingBeSwitched(type, new Set());

export function createJudge(signal: Signal, encoding: Encoding): (body: Uint8Array) => Judgement {
  const decoder = createDecoder({ window: null, privacy: asSent, seriesPerMetric: Number.MAX_SAFE_INTEGER });
  const type = messages[signal];

  return (body) => {
    // CPU, not the clock: on a busy machine a body may wait for seconds without doing anything.
    const started = process.cpuUsage();
    const answer = decoder.decode(signal, encoding, body.slice(), NOW_MS);
    const { user, system } = process.cpuUsage(started);
    const tookMs = (user + system) / 1000;
    const sealed = decoder.seal();
    if (answer.kind === "failed") return { verdict: "crash", why: answer.says, tookMs };
    const ours: Tables = {};
    for (const batch of sealed.batches)
      if (batch.table !== "otel_metrics_series") ours[batch.table] = rowsOf(batch).map(withoutHash);
    const [verdict, why] = encoding === "json" ? judgeJson(answer, ours, body) : judgeWire(answer, ours, body);
    return { verdict, why, tookMs };
  };

  function judgeJson(answer: DecodeAnswer, ours: Tables, json: Uint8Array): [Verdict, string] {
    const reading = readJson(type, json);
    if (answer.kind === "too-large") return ["too-large", ""];
    switch (reading.kind) {
      case "not-json":
        return answer.kind === "decoded" ? ["mismatch", "taken, but is not JSON"] : ["both-refuse", ""];
      case "not-otlp":
        return answer.kind === "decoded" ? ["oracle-refuses", reading.why] : ["both-refuse", ""];
      case "message":
        return judgeRows(answer, ours, (withMerging) => oracleRows(() => reading.message, withMerging));
    }
  }

  function judgeWire(answer: DecodeAnswer, ours: Tables, body: Uint8Array): [Verdict, string] {
    return judgeRows(answer, ours, (withMerging) => oracleRows(() => type.decode(body), withMerging));
  }

  function judgeRows(
    answer: DecodeAnswer,
    ours: Tables,
    theirs: (withMerging: boolean) => Tables | undefined,
  ): [Verdict, string] {
    const rows = theirs(true);
    if (answer.kind === "too-large") return ["too-large", ""];
    if (answer.kind === "malformed") {
      if (rows === undefined) return ["both-refuse", ""];
      // JSON may nest as deep as the oracle's stack; ours has a stated limit.
      if (answer.says.startsWith("JSON nested deeper")) return ["too-large", ""];
      return answer.says.endsWith("is longer than ten bytes")
        ? ["long-varint", ""]
        : ["mismatch", `refused: ${answer.says}`];
    }
    if (answer.kind !== "decoded") return ["crash", answer.says];
    if (Object.values(ours).flat().length !== answer.accepted) return ["mismatch", "rows are not the items accepted"];
    if (rows === undefined) return ["oracle-refuses", ""];
    const why = difference(answer, ours, rows);
    if (why === undefined) return [isMended(answer) ? "mended" : "equal", ""];
    const unmerged = encoding === "json" ? theirs(false) : undefined;
    if (unmerged !== undefined && difference(answer, ours, unmerged) === undefined) return ["unmerged", ""];
    return ["mismatch", why];
  }

  function oracleRows(read: () => Message, withMerging: boolean): Tables | undefined {
    merging = withMerging;
    try {
      return messageRows(signal, read(), NOW_MS);
    } catch {
      return undefined;
    } finally {
      merging = true;
    }
  }
}

/** What keeps our rows from being the oracle's, in their order, less those rejected. */
function difference(answer: Decoded, ours: Tables, theirs: Tables): string | undefined {
  const expected = Object.values(theirs).flat().length;
  const rejected = answer.rejected - (answer.tally.rejected.get("metric-type") ?? 0);
  if (answer.accepted + rejected !== expected)
    return `${answer.accepted} accepted and ${rejected} rejected, where there are ${expected}`;
  // Points with more attributes than the limit are rejected, which the oracle's rows do not show.
  if (isMended(answer) || answer.tally.rejected.has("attributes")) return undefined;
  for (const [table, candidates] of Object.entries(theirs)) {
    const rows = ours[table] ?? [];
    let at = 0;
    for (const candidate of candidates) {
      const row = rows[at];
      if (row !== undefined && isSame(row, candidate)) at++;
      else if (surelyStorable(table, candidate)) return `${table}: ${firstDifference(candidate, row)}`;
    }
    if (at < rows.length) return `${table}: ${firstDifference(candidates.at(-1), rows[at])}`;
  }
  return undefined;
}

function firstDifference(wanted: Row | undefined, row: Row | undefined): string {
  if (row === undefined) return "a row is missing that nothing speaks against";
  if (wanted === undefined) return "a row too many";
  const column = Object.keys(wanted).find((name) => !isSame(row[name], wanted[name]));
  if (column === undefined) return "columns are missing";
  const say = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? "nothing";
  return `${column} is ${say(row[column]).slice(0, 200)}, not ${say(wanted[column]).slice(0, 200)}`;
}

function isMended(answer: Decoded): boolean {
  return [...answer.tally.repaired.keys()].some((reason) => !followed.has(reason));
}

function withoutHash({ SeriesHash: _, ...row }: Row): Row {
  return row;
}

/** The generated decoder gets the message read so far as its last argument; without it, the last one wins. */
function letMergingBeSwitched(type: Type, seen: Set<Type>): void {
  if (seen.has(type)) return;
  seen.add(type);
  type.setup();
  const decode = type.decode as (...given: unknown[]) => ReturnType<Type["decode"]>;
  type.decode = ((reader: unknown, length: unknown, group: unknown, depth: unknown, before: unknown) =>
    decode.call(type, reader, length, group, depth, merging ? before : undefined)) as Type["decode"];
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    if (resolvedType !== null && "fieldsArray" in resolvedType) letMergingBeSwitched(resolvedType, seen);
  }
}

/** As `isDeepStrictEqual` of what rows are made of, but several times faster. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    for (let i = 0; i < one.length; i++) if (!isSame(one[i], other[i])) return false;
    return true;
  }
  const names = Object.keys(one);
  if (Array.isArray(other) || names.length !== Object.keys(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && isSame((one as Row)[name], (other as Row)[name]));
}
