// Spans, and log records with facts of texts, as they were stored, counted in the engine: one query a tick, whatever their number.
import {
  ratioBounds,
  type SpanGroup,
  type SpanPage,
  type SpanReader,
  spanBounds,
} from "../../model/ports/span-reader.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";
import { documentsIn, factsIn, firstSaid, said, targetIn, textCounts } from "./text-facts-sql.ts";

export interface SpanReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** Groups told at once; the most frequent go first. Default 5000. */
  readonly groupsMax?: number;
}

interface Counted {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly number[];
}

type Row = readonly [
  at: number,
  service: string,
  scenario: string,
  operation: string,
  kind: string,
  status: string,
  errorType: string,
  model: string,
  genAi: string,
  provider: string,
  tool: string,
  finishReason: string,
  inputTokens: number,
  outputTokens: number,
  cachedTokens: number,
  costUsd: number,
  texts: readonly number[],
  took: readonly number[],
  firstToken: readonly number[],
  ratio: readonly number[],
];

const nanos = 1e9;
const keys = "at, service, scenario, operation, kind, status, errorType, model, genAi, provider, tool, finishReason";

export function createSpanReader({ database, storedThrough, groupsMax = 5000 }: SpanReaderOptions): SpanReader {
  const sql = `SELECT ${keys}, toFloat64(sum(input)), toFloat64(sum(output)), toFloat64(sum(cached)), sum(cost),
      sumForEach(${textCounts}),
      ${distribution("took", "isSpan", spanBounds)}, ${distribution("firstToken", "firstToken > 0", spanBounds)},
      ${distribution("ratio", "ratio >= 0", ratioBounds)}
    FROM (SELECT *, if(${ratioSaid} = '', -1, toFloat64OrZero(${ratioSaid})) AS ratio FROM (
      ${spanRows(database.table("otel_traces"))} UNION ALL ${logRows(database.table("otel_logs"))}))
    GROUP BY ${keys} ORDER BY count() DESC LIMIT ${groupsMax + 1}`;

  return {
    async spansAfter(cursor, notBefore, stepMs): Promise<SpanPage> {
      if (!/^\d{0,20}$/.test(cursor)) throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
      const after = BigInt(cursor === "" ? "0" : cursor);
      const through = storedThrough();
      if (through <= after) return { groups: [], cursor, truncated: false };
      const rows = await database.select<Row>(sql, {
        after: String(after),
        through: String(through),
        notBefore: clamp(notBefore),
        step: stepMs,
      });
      const groups = rows.slice(0, groupsMax).map(groupOf);
      return { groups, cursor: String(through), truncated: rows.length > groupsMax };
    },
  };
}

/** Count, sum, then how many lie within each bound and above the last. One pass over the rows fills all places. */
function distribution(value: string, only: string, bounds: readonly number[]): string {
  const bucket = `arrayFirstIndex(bound -> ${value} <= bound, [${bounds.join(", ")}, inf]) - 1`;
  const places = [...bounds.keys(), bounds.length].map((i) => `toFloat64(countIf(${only} AND ${bucket} = ${i}))`);
  return `[toFloat64(countIf(${only})), sumIf(${value}, ${only}), ${places.join(", ")}]`;
}

const ratioSaid = said("length_ratio");
const stored = `_batch > {after:UInt64} AND _batch <= {through:UInt64} AND Timestamp >= fromUnixTimestamp64Milli({notBefore:Int64})`;

function spanRows(table: string): string {
  const has = (key: string): string => `SpanAttributes['${key}']`;
  return `SELECT toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp) + intDiv(Duration, 1000000), {step:Int64}) + 1) * {step:Int64}) AS at,
        ServiceName AS service, replaceRegexpAll(SpanName, '[0-9a-fA-F-]{16,}|\\\\b[0-9]+\\\\b', '*') AS operation,
        SpanKind AS kind, StatusCode AS status,
        if(StatusCode = 'Error', substring(${firstSaid([has("error.type"), has("http.response.status_code")])}, 1, 60), '') AS errorType,
        ${has("gen_ai.tool.name")} AS tool, ${sharedOf("SpanAttributes")},
        true AS isSpan, Duration / ${nanos} AS took,
        toFloat64OrZero(${firstSaid([has("gen_ai.latency.time_to_first_token"), has("gen_ai.response.time_to_first_chunk")])}) AS firstToken,
        \`llm.input_tokens\` AS input, \`llm.output_tokens\` AS output,
        toFloat64OrZero(${has("gen_ai.usage.cache_read.input_tokens")}) AS cached,
        toFloat64OrZero(${has("gen_ai.usage.cost")}) AS cost,
        ${factsIn("arrayConcat([SpanAttributes], Events.Attributes)", "genAi")} AS facts
      FROM ${table} WHERE ${stored}`;
}

/** Log records by which instrumentations tell prompts and answers apart from spans: only their texts count. */
function logRows(table: string): string {
  return `SELECT toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp), {step:Int64}) + 1) * {step:Int64}) AS at,
        ServiceName AS service, '' AS operation, '' AS kind, '' AS status, '' AS errorType, '' AS tool, ${sharedOf("LogAttributes")},
        false AS isSpan, 0 AS took, 0 AS firstToken, 0 AS input, 0 AS output, 0 AS cached, 0 AS cost,
        ${factsIn("[LogAttributes]", "genAi")} AS facts
      FROM ${table} WHERE ${stored} AND arrayExists(name -> startsWith(name, 'homeostat.text.'), mapKeys(LogAttributes))`;
}

function sharedOf(attributes: string): string {
  const said = (...names: readonly string[]): string => firstSaid(names.map((name) => `${attributes}['${name}']`));
  return `ResourceAttributes['homeostat.scenario'] AS scenario, ${targetIn(attributes)} AS target, ${documentsIn(attributes)} AS documents,
        ${attributes}['gen_ai.operation.name'] AS genAi,
        ${said("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")} AS model,
        ${said("gen_ai.provider.name", "gen_ai.system")} AS provider,
        substring(extract(${attributes}['gen_ai.response.finish_reasons'], '[A-Za-z_]+'), 1, 40) AS finishReason`;
}

function groupOf(row: Row): SpanGroup {
  const [at, service, scenario, operation, kind, status, errorType, model, genAi, provider, tool, finishReason] = row;
  const [, , , , , , , , , , , , inputTokens, outputTokens, cachedTokens, costUsd, texts, took, firstToken, ratio] =
    row;
  const { count, sum: seconds, buckets } = countedOf(took);
  const first = countedOf(firstToken);
  return {
    at,
    service,
    scenario,
    operation,
    kind,
    status,
    errorType,
    model,
    genAi,
    provider,
    tool,
    finishReason,
    count,
    seconds,
    buckets,
    firstTokens: { count: first.count, seconds: first.sum, buckets: first.buckets },
    inputTokens,
    outputTokens,
    cachedTokens,
    costUsd,
    texts,
    lengthRatios: countedOf(ratio),
  };
}

function countedOf([count = 0, sum = 0, ...buckets]: readonly number[]): Counted {
  return { count, sum, buckets };
}
