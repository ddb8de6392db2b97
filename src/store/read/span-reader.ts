// Spans as they were stored, counted in the engine: one query a tick, whatever their number. Facts of texts are counted here, a
// page of rows at a time: a model call has them and most spans have none, and planning twenty conditions takes the engine
// longer, every tick, than thousands of calls take us.
import {
  ratioBounds,
  type SpanGroup,
  type SpanPage,
  type SpanReader,
  spanBounds,
} from "../../model/ports/span-reader.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";
import { countTexts, factNames, lengthRatioOf, noRatios, noTexts } from "./text-counts.ts";
import { documentsIn, factsCalled, factsIn, firstSaid, targetIn } from "./text-facts-sql.ts";

export interface SpanReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** Groups told at once; the most frequent go first. Default 20,000: half an hour of 150 operations. */
  readonly groupsMax?: number;
  /** Rows with facts of texts read at once. Default 20,000: a few MB. */
  readonly textsAtOnce?: number;
}

interface Counted {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly number[];
}

type Keys = readonly [
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
];
type Row = readonly [
  ...keys: Keys,
  inputTokens: number,
  outputTokens: number,
  cachedTokens: number,
  costUsd: number,
  tookSum: number,
  took: Buckets,
  firstTokenSum: number,
  firstToken: Buckets,
];
type Buckets = readonly [bounds: readonly number[], counts: readonly number[]];
type TextFactsRow = readonly [
  ...keys: Keys,
  batch: string,
  target: string,
  documents: number,
  facts: readonly string[],
];

/** What texts add to a group. */
interface Texts {
  readonly keys: Keys;
  readonly counts: Float64Array;
  ratioSum: number;
  readonly ratios: number[];
}

const keyCount = 12;
const nanos = 1e9;
const keys = "at, service, scenario, operation, kind, status, errorType, model, genAi, provider, tool, finishReason";
/** Above every bound. */
const beyond = 1e300;

export function createSpanReader(options: SpanReaderOptions): SpanReader {
  const { database, storedThrough, groupsMax = 20_000, textsAtOnce = 20_000 } = options;
  const traces = database.table("otel_traces");
  const logs = database.table("otel_logs");
  const counted = `SELECT ${keys}, toFloat64(sum(input)), toFloat64(sum(output)), toFloat64(sum(cached)), sum(cost),
      sum(took), ${counts("took", "true")}, sumIf(firstToken, firstToken > 0), ${counts("firstToken", "firstToken > 0")}
    FROM (SELECT *, ${boundOf("took")}, ${boundOf("firstToken")} FROM (${spanRows(traces)}))
    GROUP BY ${keys} ORDER BY count() DESC LIMIT ${groupsMax + 1}`;
  const texts = `SELECT ${keys}, toString(_batch), target, documents, ${factsCalled(factNames)}
    FROM (${spanTexts(traces)} UNION ALL ${logTexts(logs)}) ORDER BY _batch LIMIT ${textsAtOnce} WITH TIES`;
  const present = `SELECT (SELECT count() FROM ${traces} WHERE ${stored}), (SELECT count() FROM ${logs} WHERE ${stored})`;

  const textsAfter = async (range: Range): Promise<Map<string, Texts>> => {
    const found = new Map<string, Texts>();
    for (let after = range.after; ; ) {
      const rows = await database.select<TextFactsRow>(texts, { ...range, after });
      for (const row of rows) addTexts(found, row, groupsMax);
      if (rows.length < textsAtOnce) return found;
      after = rows.at(-1)![keyCount];
    }
  };

  return {
    async spansAfter(cursor, notBefore, stepMs): Promise<SpanPage> {
      if (!/^\d{0,20}$/.test(cursor)) throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
      const after = BigInt(cursor === "" ? "0" : cursor);
      const through = storedThrough();
      if (through <= after) return { groups: [], cursor, truncated: false };
      const range = { after: String(after), through: String(through), notBefore: clamp(notBefore), step: stepMs };
      const [[spans, records] = [0, 0]] = await database.select<number[]>(present, range);
      const [rows, found] = await Promise.all([
        Number(spans) === 0 ? [] : database.select<Row>(counted, range),
        Number(spans) + Number(records) === 0 ? new Map<string, Texts>() : textsAfter(range),
      ]);
      const groups = rows.slice(0, groupsMax).map((row) => {
        const key = keyOf(row);
        const own = found.get(key);
        found.delete(key);
        return groupOf(row, own);
      });
      // What is left are log records, and texts of spans whose group was one too many.
      const left = [...found.values()].slice(0, groupsMax - groups.length);
      for (const own of left) groups.push(groupOf([...own.keys, 0, 0, 0, 0, 0, noBuckets, 0, noBuckets], own));
      return { groups, cursor: String(through), truncated: rows.length > groupsMax || left.length < found.size };
    },
  };
}

interface Range {
  readonly after: string;
  readonly [parameter: string]: unknown;
}

/** How many values lie at or under each bound and above the one before; of the column of {@link boundOf}. */
function counts(value: string, only: string): string {
  return `sumMapIf([${value}Bound], [toFloat64(1)], ${only})`;
}

/**
 * The lowest bound that is not under the value: once a row, since planning an aggregate for each bound takes the engine
 * longer; and by one function, for the same reason. It rounds down, hence the signs.
 */
function boundOf(value: string): string {
  const bounds = [beyond, ...spanBounds.toReversed()].map((bound) => `-${bound}`);
  return `-roundDown(-toFloat64(${value}), [${bounds.join(", ")}]) AS ${value}Bound`;
}

const stored = `_batch > {after:UInt64} AND _batch <= {through:UInt64} AND Timestamp >= fromUnixTimestamp64Milli({notBefore:Int64})`;

const keysOf = (map: string): string => `CAST(mapKeys(${map}), 'Array(String)')`;
const spanKeys = `arrayConcat(${keysOf("SpanAttributes")}, arrayFlatten(arrayMap(event -> ${keysOf("event")}, Events.Attributes)))`;
const spanValues =
  "arrayConcat(mapValues(SpanAttributes), arrayFlatten(arrayMap(event -> mapValues(event), Events.Attributes)))";

const noBuckets: Buckets = [[], []];
const isText = "name -> startsWith(name, 'homeostat.text.')";
/** Facts of texts, or a retrieval, which is counted among them. */
const hasTexts = `(arrayExists(${isText}, mapKeys(SpanAttributes)) OR SpanAttributes['gen_ai.operation.name'] = 'retrieval'
  OR arrayExists(event -> arrayExists(${isText}, mapKeys(event)), Events.Attributes))`;
const ofSpan = (key: string): string => `SpanAttributes['${key}']`;
/** Not those that Homeostat's own probes caused: they are no traffic. */
const ofTraffic = `${stored} AND ${ofSpan("homeostat.probe")} = ''`;

const spanKeysSql = `toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp) + intDiv(Duration, 1000000), {step:Int64}) + 1) * {step:Int64}) AS at,
        ServiceName AS service, replaceRegexpAll(SpanName, '[0-9a-fA-F-]{16,}|\\\\b[0-9]+\\\\b', '*') AS operation,
        SpanKind AS kind, StatusCode AS status,
        if(StatusCode = 'Error', substring(${firstSaid([ofSpan("error.type"), ofSpan("http.response.status_code")])}, 1, 60), '') AS errorType,
        ${ofSpan("gen_ai.tool.name")} AS tool, ${sharedOf("SpanAttributes")}`;

function spanRows(table: string): string {
  return `SELECT ${spanKeysSql}, Duration / ${nanos} AS took,
        toFloat64OrZero(${firstSaid([ofSpan("gen_ai.latency.time_to_first_token"), ofSpan("gen_ai.response.time_to_first_chunk")])}) AS firstToken,
        \`llm.input_tokens\` AS input, \`llm.output_tokens\` AS output,
        toFloat64OrZero(${ofSpan("gen_ai.usage.cache_read.input_tokens")}) AS cached,
        toFloat64OrZero(${ofSpan("gen_ai.usage.cost")}) AS cost
      FROM ${table} WHERE ${ofTraffic}`;
}

function spanTexts(table: string): string {
  return `SELECT _batch, ${spanKeysSql}, ${askedOf("SpanAttributes")}, ${factsIn(spanKeys, spanValues, "genAi")}
      FROM ${table} WHERE ${ofTraffic} AND ${hasTexts}`;
}

/** Log records by which instrumentations tell prompts and answers apart from spans: only their texts count. */
function logTexts(table: string): string {
  return `SELECT _batch, toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp), {step:Int64}) + 1) * {step:Int64}) AS at,
        ServiceName AS service, '' AS operation, '' AS kind, '' AS status, '' AS errorType, '' AS tool, ${sharedOf("LogAttributes")},
        ${askedOf("LogAttributes")}, ${factsIn(keysOf("LogAttributes"), "mapValues(LogAttributes)", "genAi")}
      FROM ${table} WHERE ${stored} AND arrayExists(${isText}, mapKeys(LogAttributes))`;
}

function askedOf(attributes: string): string {
  return `${targetIn(attributes)} AS target, ${documentsIn(attributes)} AS documents`;
}

function sharedOf(attributes: string): string {
  const said = (...names: readonly string[]): string => firstSaid(names.map((name) => `${attributes}['${name}']`));
  return `ResourceAttributes['homeostat.scenario'] AS scenario,
        ${attributes}['gen_ai.operation.name'] AS genAi,
        ${said("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")} AS model,
        ${said("gen_ai.provider.name", "gen_ai.system")} AS provider,
        substring(extract(${attributes}['gen_ai.response.finish_reasons'], '[A-Za-z_]+'), 1, 40) AS finishReason`;
}

function keyOf(row: readonly unknown[]): string {
  return JSON.stringify(row.slice(0, keyCount));
}

function addTexts(found: Map<string, Texts>, row: TextFactsRow, groupsMax: number): void {
  const key = keyOf(row);
  let texts = found.get(key);
  if (texts === undefined) {
    // One more than can be told shows that there were more.
    if (found.size > groupsMax) return;
    const ratios = new Array<number>(ratioBounds.length + 1).fill(0);
    texts = {
      keys: row.slice(0, keyCount) as unknown as Keys,
      counts: new Float64Array(noTexts.length),
      ratioSum: 0,
      ratios,
    };
    found.set(key, texts);
  }
  const [, , scenario, , , status, , , genAi, , , finishReason, , target, documents, facts] = row;
  const said = { status, finishReason, genAi, scenario, target, documents, facts };
  countTexts(said, texts.counts);
  const ratio = lengthRatioOf(said);
  if (ratio === undefined) return;
  texts.ratioSum += ratio;
  const place = ratioBounds.findIndex((bound) => ratio <= bound);
  texts.ratios[place < 0 ? ratioBounds.length : place]!++;
}

function groupOf(row: Row, texts: Texts | undefined): SpanGroup {
  const [at, service, scenario, operation, kind, status, errorType, model, genAi, provider, tool, finishReason] = row;
  const [, , , , , , , , , , , , inputTokens, outputTokens, cachedTokens, costUsd, ...sums] = row;
  const [tookSum, took, firstTokenSum, firstToken] = sums;
  const { count, sum: seconds, buckets } = countedOf(tookSum, took);
  const first = countedOf(firstTokenSum, firstToken);
  const { ratios, ratioSum } = texts ?? { ratios: noRatios.buckets, ratioSum: 0 };
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
    texts: texts === undefined ? noTexts : Array.from(texts.counts),
    lengthRatios: { count: ratios.reduce((all, each) => all + each, 0), sum: ratioSum, buckets: ratios },
  };
}

const placeOf = new Map([...spanBounds, beyond].map((bound, i) => [bound, i]));

function countedOf(sum: number, [bounds, counts]: Buckets): Counted {
  const buckets = new Array<number>(spanBounds.length + 1).fill(0);
  for (const [i, bound] of bounds.entries()) buckets[placeOf.get(bound)!] = counts[i] ?? 0;
  return { count: counts.reduce((all, each) => all + each, 0), sum, buckets };
}
