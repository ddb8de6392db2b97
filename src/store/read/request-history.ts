// Requests by the spans that tell of them, of every tenant.
import type {
  AttributeTest,
  RequestHistory,
  SideQuery,
  StoredRequest,
  StoredRequests,
} from "../../model/ports/request-history.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { TimeRange } from "../../model/time.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { clamp } from "./records.ts";
import { firstSaid } from "./text-facts-sql.ts";

type Row = readonly [
  side: number,
  at: number,
  seconds: number,
  ttft: string,
  e2e: string,
  decode: string,
  input: number,
  output: number,
  byEngine: number,
  instance: string,
  service: string,
  host: string,
  model: string,
  node: string,
  version: string,
];

const resource = (key: string): string => `ResourceAttributes['${key}']`;
const span = (key: string): string => `SpanAttributes['${key}']`;
const sides = { a: 1, b: 2 } as const;

export function createRequestHistory(tenants: Pick<Tenants, "all">): RequestHistory {
  return {
    async requests(a, b, range, limit): Promise<StoredRequests> {
      const parts = tenants.all().filter(({ tenant }) => asks(a, tenant) || asks(b, tenant));
      const counted = [];
      for (const one of parts) counted.push({ one, ...(await countIn(one, a, b, range)) });
      const totals = { a: 0, b: 0, both: 0 };
      for (const each of counted) {
        totals.a += each.a;
        totals.b += each.b;
        totals.both += each.both;
      }
      const every = { a: Math.max(1, Math.ceil(totals.a / limit)), b: Math.max(1, Math.ceil(totals.b / limit)) };
      const requests: StoredRequest[] = [];
      for (const each of counted)
        if (each.a + each.b > 0) requests.push(...(await readFrom(each.one, a, b, range, every)));
      return { requests, totalA: totals.a, totalB: totals.b, ofBoth: totals.both };
    },
  };
}

async function countIn({ tenant, database }: TenantDatabase, a: SideQuery, b: SideQuery, range: TimeRange) {
  const { expression, parameters } = sideOf(a, b, tenant);
  const [[onlyA, onlyB, both] = [0, 0, 0]] = await database.select<[number, number, number]>(
    `SELECT toFloat64(countIf(side = 1)), toFloat64(countIf(side = 2)), toFloat64(countIf(side = 3))
      FROM (SELECT ${expression} AS side FROM ${database.table("otel_traces")} WHERE ${answered})`,
    { ...parameters, from: clamp(range.from), to: clamp(range.to) },
  );
  return { a: onlyA, b: onlyB, both };
}

async function readFrom(
  { tenant, database }: TenantDatabase,
  a: SideQuery,
  b: SideQuery,
  range: TimeRange,
  every: { readonly a: number; readonly b: number },
): Promise<readonly StoredRequest[]> {
  const { expression, parameters } = sideOf(a, b, tenant);
  const rows = await database.select<Row>(
    `SELECT side, toFloat64(toUnixTimestamp64Milli(Timestamp)), Duration / 1e9,
        ${firstSaid([span("gen_ai.latency.time_to_first_token"), span("gen_ai.response.time_to_first_chunk")])},
        ${span("gen_ai.latency.e2e")}, ${span("gen_ai.latency.time_in_model_decode")},
        \`llm.input_tokens\`, \`llm.output_tokens\`, ${byEngine},
        ${firstSaid([resource("service.instance.id"), resource("k8s.pod.name")])}, ServiceName, ${resource("host.name")},
        ${firstSaid([span("gen_ai.response.model"), span("gen_ai.request.model"), resource("gen_ai.request.model")])},
        ${firstSaid([resource("k8s.node.name"), resource("host.name")])}, ${resource("service.version")}
      FROM (SELECT *, \`llm.input_tokens\`, \`llm.output_tokens\`, ${expression} AS side, cityHash64(TraceId, SpanId) AS hash
        FROM ${database.table("otel_traces")} WHERE ${answered})
      WHERE (side = 1 AND hash % {everyA:UInt32} = 0) OR (side = 2 AND hash % {everyB:UInt32} = 0)
      ORDER BY Timestamp, SpanId`,
    { ...parameters, from: clamp(range.from), to: clamp(range.to), everyA: every.a, everyB: every.b },
  );
  return rows.map((row) => requestOf(row, tenant));
}

const byEngine = `toUInt8(${span("gen_ai.latency.time_to_first_token")} != '' OR ${span("gen_ai.latency.e2e")} != '')`;
const answered = `Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
  AND (\`llm.output_tokens\` > 0 OR ${span("gen_ai.latency.time_to_first_token")} != '')
  AND StatusCode != 'Error' AND ${span("homeostat.probe")} = ''`;

/** 1 = of A, 2 = of B, 3 = of both. Names and values travel as parameters. */
function sideOf(a: SideQuery, b: SideQuery, tenant: string) {
  const parameters: Record<string, unknown> = {};
  const holds = (query: SideQuery, name: keyof typeof sides): string => {
    if (!asks(query, tenant)) return "0";
    const tests = query.tests.map((test, i) => testSql(test, `${name}${i}`, parameters));
    return tests.length === 0 ? "1" : tests.join(" AND ");
  };
  const expression = `toUInt8(${sides.a} * toUInt8(${holds(a, "a")}) + ${sides.b} * toUInt8(${holds(b, "b")}))`;
  return { expression, parameters };
}

function testSql({ keys, values }: AttributeTest, name: string, parameters: Record<string, unknown>): string {
  const said = keys.flatMap((key, i) => {
    parameters[`${name}k${i}`] = key;
    return [`SpanAttributes[{${name}k${i}:String}]`, `ResourceAttributes[{${name}k${i}:String}]`];
  });
  parameters[`${name}v`] = values;
  return `(${firstSaid(said)} IN {${name}v:Array(String)})`;
}

function asks({ tenants }: SideQuery, tenant: string): boolean {
  return tenants === undefined || tenants.includes(tenant);
}

function requestOf(row: Row, tenant: string): StoredRequest {
  const [side, at, seconds, ttft, e2e, decode, inputTokens, outputTokens, engine] = row;
  const [, , , , , , , , , instance, service, host, model, node, version] = row;
  const ttftSeconds = secondsOf(ttft);
  const wholeSeconds = secondsOf(e2e);
  const decodeSeconds = secondsOf(decode);
  return {
    isB: side === sides.b,
    at,
    seconds: Number.isNaN(wholeSeconds) ? seconds : wholeSeconds,
    ttftSeconds,
    decodeSeconds: Number.isNaN(decodeSeconds)
      ? (Number.isNaN(wholeSeconds) ? seconds : wholeSeconds) - ttftSeconds
      : decodeSeconds,
    inputTokens,
    outputTokens,
    byEngine: engine === 1,
    replica: nameWithin(tenant, instance || (host === "" ? service : `${service}@${host}`)),
    model,
    node,
    version,
  };
}

function secondsOf(text: string): number {
  const value = text === "" ? Number.NaN : Number(text);
  return value >= 0 && Number.isFinite(value) ? value : Number.NaN;
}
