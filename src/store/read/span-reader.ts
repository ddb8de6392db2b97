// Spans in the order they were stored, counted in the engine: one query a tick, whatever their number.
import { type SpanGroup, type SpanPage, type SpanReader, spanBounds } from "../../model/ports/span-reader.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";

export interface SpanReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** Groups told at once; the most frequent go first. Default 5000. */
  readonly groupsMax?: number;
}

type Row = readonly [
  at: number,
  service: string,
  operation: string,
  kind: string,
  status: string,
  model: string,
  genAi: string,
  provider: string,
  finishReason: string,
  count: number,
  seconds: number,
  buckets: readonly number[],
  firstCount: number,
  firstSeconds: number,
  firstBuckets: readonly number[],
  inputTokens: number,
  outputTokens: number,
  cachedTokens: number,
  costUsd: number,
  texts: number,
  characters: number,
];

const nanos = 1e9;

export function createSpanReader({ database, storedThrough, groupsMax = 5000 }: SpanReaderOptions): SpanReader {
  // Counts by bucket: [0, bounds…) as places, so that one pass over the rows fills them all.
  const counted = (value: string, only: string): string =>
    `[${[...spanBounds.keys(), spanBounds.length].map((i) => `toFloat64(countIf(${only} AND ${bucketOf(value)} = ${i}))`).join(", ")}]`;
  const sql = `SELECT at, ServiceName, operation, SpanKind, StatusCode, model, genAi, provider, finishReason,
      toFloat64(count()), sum(took), ${counted("took", "1")},
      toFloat64(countIf(firstToken > 0)), sumIf(firstToken, firstToken > 0), ${counted("firstToken", "firstToken > 0")},
      toFloat64(sum(input)), toFloat64(sum(output)), toFloat64(sum(cached)), sum(cost),
      toFloat64(sum(length(texts))), sum(arraySum(texts))
    FROM (SELECT ServiceName, SpanKind, StatusCode, \`llm.model\` AS model,
        toFloat64((intDiv(toUnixTimestamp64Milli(Timestamp) + intDiv(Duration, 1000000), {step:Int64}) + 1) * {step:Int64}) AS at,
        replaceRegexpAll(SpanName, '[0-9a-fA-F-]{16,}|\\\\b[0-9]+\\\\b', '*') AS operation,
        SpanAttributes['gen_ai.operation.name'] AS genAi,
        ${firstOf("gen_ai.provider.name", "gen_ai.system")} AS provider,
        substring(extract(SpanAttributes['gen_ai.response.finish_reasons'], '[A-Za-z_]+'), 1, 40) AS finishReason,
        Duration / ${nanos} AS took,
        toFloat64OrZero(${firstOf("gen_ai.latency.time_to_first_token", "gen_ai.response.time_to_first_chunk")}) AS firstToken,
        \`llm.input_tokens\` AS input, \`llm.output_tokens\` AS output,
        toFloat64OrZero(SpanAttributes['gen_ai.usage.cache_read.input_tokens']) AS cached,
        toFloat64OrZero(SpanAttributes['gen_ai.usage.cost']) AS cost,
        arrayMap(key -> toFloat64OrZero(SpanAttributes[key]), arrayFilter(key -> startsWith(key, 'homeostat.text.') AND endsWith(key, '.length'), mapKeys(SpanAttributes))) AS texts
      FROM ${database.table("otel_traces")}
      WHERE _batch > {after:UInt64} AND _batch <= {through:UInt64} AND Timestamp >= fromUnixTimestamp64Milli({notBefore:Int64}))
    GROUP BY at, ServiceName, operation, SpanKind, StatusCode, model, genAi, provider, finishReason
    ORDER BY count() DESC LIMIT ${groupsMax + 1}`;

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

/** The place of a value among the bounds, as an expression. */
function bucketOf(value: string): string {
  return `arrayFirstIndex(bound -> ${value} <= bound, [${spanBounds.join(", ")}, inf]) - 1`;
}

function firstOf(newer: string, older: string): string {
  return `if(mapContains(SpanAttributes, '${newer}'), SpanAttributes['${newer}'], SpanAttributes['${older}'])`;
}

function groupOf(row: Row): SpanGroup {
  const [at, service, operation, kind, status, model, genAi, provider, finishReason, count, seconds, buckets] = row;
  const [firstCount, firstSeconds, firstBuckets, inputTokens, outputTokens, cachedTokens, costUsd, texts, characters] =
    row.slice(12) as unknown as [number, number, readonly number[], number, number, number, number, number, number];
  return {
    at,
    service,
    operation,
    kind,
    status,
    model,
    genAi,
    provider,
    finishReason,
    count,
    seconds,
    buckets,
    firstTokens: { count: firstCount, seconds: firstSeconds, buckets: firstBuckets },
    inputTokens,
    outputTokens,
    cachedTokens,
    costUsd,
    texts,
    characters,
  };
}
