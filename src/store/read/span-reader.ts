// Spans, and log records with facts of texts, as they were stored, counted in the engine: one query a tick, whatever their number.
import {
  ratioBounds,
  type SpanGroup,
  type SpanPage,
  type SpanReader,
  spanBounds,
  textCounters,
} from "../../model/ports/span-reader.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";
import { documentsIn, factColumns, factsIn, firstSaid, lengthRatio, targetIn, textCounts } from "./text-facts-sql.ts";

export interface SpanReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** Groups told at once; the most frequent go first. Default 20,000: half an hour of 150 operations. */
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
  tookSum: number,
  took: Buckets,
  firstTokenSum: number,
  firstToken: Buckets,
  ratioSum: number,
  ratio: Buckets,
];
type Buckets = readonly [places: readonly number[], counts: readonly number[]];

const noTexts: readonly number[] = Object.keys(textCounters).map(() => 0);
const nanos = 1e9;
const keys = "at, service, scenario, operation, kind, status, errorType, model, genAi, provider, tool, finishReason";

export function createSpanReader({ database, storedThrough, groupsMax = 20_000 }: SpanReaderOptions): SpanReader {
  const traces = database.table("otel_traces");
  const logs = database.table("otel_logs");
  const sums = "toFloat64(sum(input)), toFloat64(sum(output)), toFloat64(sum(cached)), sum(cost)";
  const grouped = `GROUP BY ${keys} ORDER BY count() DESC LIMIT ${groupsMax + 1}`;
  const spanTimes = `${distribution("took", "isSpan")}, ${distribution("firstToken", "firstToken > 0")}`;
  const sql = `SELECT ${keys}, ${sums},
      ${textCounts},
      ${spanTimes}, ${distribution("ratio", "ratio >= 0")}
    FROM (SELECT *, ${bucketOf("took", spanBounds)}, ${bucketOf("firstToken", spanBounds)}, ${bucketOf("ratio", ratioBounds)}
      FROM (SELECT *, ${lengthRatio} AS ratio FROM (SELECT *, ${factColumns} FROM (
        ${spanRows(traces, facts)} UNION ALL ${logRows(logs)}))))
    ${grouped}`;
  // Where no row has a text: what there is to plan is what a query of a tick costs, not its rows.
  const plain = `SELECT ${keys}, ${sums}, CAST([], 'Array(Float64)'), ${spanTimes}, 0, ${noBuckets}
    FROM (SELECT *, ${bucketOf("took", spanBounds)}, ${bucketOf("firstToken", spanBounds)} FROM (${spanRows(traces, "")}))
    ${grouped}`;
  const present = `SELECT (SELECT count() FROM ${traces} WHERE ${stored}), (SELECT count() FROM ${traces} WHERE ${stored} AND (${hasTexts})),
      (SELECT count() FROM ${logs} WHERE ${stored} AND ${logHasTexts})`;

  return {
    async spansAfter(cursor, notBefore, stepMs): Promise<SpanPage> {
      if (!/^\d{0,20}$/.test(cursor)) throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
      const after = BigInt(cursor === "" ? "0" : cursor);
      const through = storedThrough();
      if (through <= after) return { groups: [], cursor, truncated: false };
      const range = { after: String(after), through: String(through), notBefore: clamp(notBefore), step: stepMs };
      const [[spans, spansWithTexts, logsWithTexts] = [0, 0, 0]] = await database.select<number[]>(present, range);
      if (Number(spans) + Number(logsWithTexts) === 0) return { groups: [], cursor: String(through), truncated: false };
      const texts = Number(spansWithTexts) + Number(logsWithTexts) > 0;
      const rows = await database.select<Row>(texts ? sql : plain, range);
      const groups = rows.slice(0, groupsMax).map(groupOf);
      return { groups, cursor: String(through), truncated: rows.length > groupsMax };
    },
  };
}

/** Sum, then places and how many lie in each; of the column of {@link bucketOf}. */
function distribution(value: string, only: string): string {
  return `sumIf(${value}, ${only}), sumMapIf([toFloat64(${value}Bucket)], [toFloat64(1)], ${only})`;
}

/** The place of a value among the bounds: once a row, since planning an aggregate for each place takes the engine longer. */
function bucketOf(value: string, bounds: readonly number[]): string {
  const places = bounds.map((bound, i) => `${value} <= ${bound}, ${i}`);
  return `multiIf(${places.join(", ")}, ${bounds.length}) AS ${value}Bucket`;
}

const stored = `_batch > {after:UInt64} AND _batch <= {through:UInt64} AND Timestamp >= fromUnixTimestamp64Milli({notBefore:Int64})`;

const keysOf = (map: string): string => `CAST(mapKeys(${map}), 'Array(String)')`;
const spanKeys = `arrayConcat(${keysOf("SpanAttributes")}, arrayFlatten(arrayMap(event -> ${keysOf("event")}, Events.Attributes)))`;
const spanValues =
  "arrayConcat(mapValues(SpanAttributes), arrayFlatten(arrayMap(event -> mapValues(event), Events.Attributes)))";

const facts = `, ${factsIn(spanKeys, spanValues, "genAi")}`;
const noBuckets = "(CAST([], 'Array(Float64)'), CAST([], 'Array(Float64)'))";
const isText = "name -> startsWith(name, 'homeostat.text.')";
/** Facts of texts, or a retrieval, which is counted among them. */
const hasTexts = `arrayExists(${isText}, mapKeys(SpanAttributes)) OR SpanAttributes['gen_ai.operation.name'] = 'retrieval'
  OR arrayExists(event -> arrayExists(${isText}, mapKeys(event)), Events.Attributes)`;
const logHasTexts = `arrayExists(${isText}, mapKeys(LogAttributes))`;

/** Without those that Homeostat's own probes caused: they are no traffic. */
function spanRows(table: string, more: string): string {
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
        toFloat64OrZero(${has("gen_ai.usage.cost")}) AS cost${more}
      FROM ${table} WHERE ${stored} AND ${has("homeostat.probe")} = ''`;
}

/** Log records by which instrumentations tell prompts and answers apart from spans: only their texts count. */
function logRows(table: string): string {
  return `SELECT toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp), {step:Int64}) + 1) * {step:Int64}) AS at,
        ServiceName AS service, '' AS operation, '' AS kind, '' AS status, '' AS errorType, '' AS tool, ${sharedOf("LogAttributes")},
        false AS isSpan, 0 AS took, 0 AS firstToken, 0 AS input, 0 AS output, 0 AS cached, 0 AS cost,
        ${factsIn(keysOf("LogAttributes"), "mapValues(LogAttributes)", "genAi")}
      FROM ${table} WHERE ${stored} AND ${logHasTexts}`;
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
  const [, , , , , , , , , , , , inputTokens, outputTokens, cachedTokens, costUsd, texts, ...sums] = row;
  const [tookSum, took, firstTokenSum, firstToken, ratioSum, ratio] = sums;
  const { count, sum: seconds, buckets } = countedOf(tookSum, took, spanBounds);
  const first = countedOf(firstTokenSum, firstToken, spanBounds);
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
    texts: texts.length > 0 ? texts : noTexts,
    lengthRatios: countedOf(ratioSum, ratio, ratioBounds),
  };
}

function countedOf(sum: number, [places, counts]: Buckets, bounds: readonly number[]): Counted {
  const buckets = new Array<number>(bounds.length + 1).fill(0);
  for (const [i, place] of places.entries()) buckets[place] = counts[i] ?? 0;
  return { count: counts.reduce((all, each) => all + each, 0), sum, buckets };
}
