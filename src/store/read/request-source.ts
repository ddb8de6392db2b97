// Requests, one a trace: what its spans say of it, gathered in the engine; of a sample of traces where there are many.
import {
  type RequestSample,
  type RequestSource,
  type SaidOfRequest,
  saidOfRequests,
} from "../../model/ports/request-source.ts";
import { defaultTenant } from "../../model/tenant.ts";
import type { TimeRange } from "../../model/time.ts";
import type { Database } from "../database.ts";
import type { Tenants } from "../tenants.ts";
import { clamp } from "./records.ts";
import { firstSaid } from "./text-facts-sql.ts";

type Row = readonly [
  at: number,
  seconds: number,
  firstToken: number,
  input: number,
  output: number,
  failed: number,
  ...said: string[],
];

const limits = { max_execution_time: 10, max_memory_usage: "1000000000" } as const;
const valueMax = 120;

const span = (...keys: readonly string[]): string => firstSaid(keys.map((key) => `SpanAttributes['${key}']`));
const resource = (...keys: readonly string[]): string => firstSaid(keys.map((key) => `ResourceAttributes['${key}']`));

/** A call of a model, or the request for one at a gateway's or engine's door. */
const isCall = `(SpanAttributes['gen_ai.operation.name'] IN ('chat', 'text_completion', 'generate_content', 'embeddings')
  OR SpanAttributes['gen_ai.request.id'] != '' OR \`llm.input_tokens\` > 0)`;
const route = span("http.route", "url.template");
const isRequest = `(${isCall} OR match(${route}, '^/(v1/|v2/models/|api/)?(chat/completions|completions|responses|embeddings|messages|generate|generate_stream|completion|chat)'))`;
/** Hex digits are what `hash` of the privacy rules leaves; anything else may be a person. */
const userId = span("user.id", "enduser.id", "langfuse.user.id", "user.hash");
const requested = span("gen_ai.request.model", "llm.request.model");
const answered = span("gen_ai.response.model", "llm.model_name");

/** Of each span; the trace has the greatest, so that one that does not say it says nothing. */
const saidBy: Readonly<Record<SaidOfRequest, string>> = {
  tenant: span(
    "tenant.id",
    "tenant",
    "customer.id",
    "organization.id",
    "gen_ai.tenant.id",
    "app.tenant",
    "litellm.team.alias",
    "litellm.team_alias",
    "metadata.user_api_key_team_alias",
    "metadata.user_api_key_alias",
  ),
  model: `if(${isCall}, if(${answered} != '', ${answered}, ${requested}), '')`,
  // Applications have versions of their own, in traces that other services' spans are part of.
  version: `if(${isCall} AND SpanKind = 'Server', ResourceAttributes['service.version'], '')`,
  adapter: firstSaid([
    span("gen_ai.request.adapter", "lora.adapter", "lora_adapter", "adapter.name", "gen_ai.lora.name"),
    `if(${isCall} AND ${requested} != '' AND ${answered} != '' AND ${requested} != ${answered}
      AND NOT startsWith(${answered}, ${requested}), ${requested}, '')`,
  ]),
  route: `if(${isRequest}, ${route}, '')`,
  user: `if(match(${userId}, '^[0-9a-f]{16,64}$'), ${userId}, '')`,
  caller: "if(ParentSpanId = '', ServiceName, '')",
  node: `if(${isCall} AND SpanKind = 'Server', ${resource("k8s.node.name", "host.name")}, '')`,
  replica: firstSaid([
    span("router.replica", "gen_ai.server.instance", "upstream.replica", "server.instance.id"),
    `if(${isCall} AND SpanKind = 'Server', ${resource("service.instance.id", "k8s.pod.name")}, '')`,
  ]),
  streaming: `if(${isRequest}, ${span("gen_ai.request.stream", "gen_ai.request.streaming", "llm.is_streaming", "llm.request.stream")}, '')`,
  finish_reason: `if(${isCall}, substring(extract(${span("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason")}, '[A-Za-z_]+'), 1, 40), '')`,
};

/**
 * The unit is the trace: an agent's ten calls are one request, as slow as its slowest, and where they differ in what is said
 * (two models, two replicas) the one that sorts last counts. Blind to requests that are not over, which have no spans.
 */
export function createRequestSource(tenants: Pick<Tenants, "all">): RequestSource {
  return {
    async requests({ tenant = defaultTenant, range, limit }) {
      const found = tenants.all().find((one) => one.tenant === tenant);
      return found === undefined ? sampleOf([], 1) : await read(found.database, range, limit);
    },
  };
}

async function read(database: Database, range: TimeRange, limit: number): Promise<RequestSample> {
  const traces = database.table("otel_traces");
  const within = { from: clamp(range.from), to: clamp(range.to) };
  const [[all = 0] = []] = await database.select<number[]>(
    `SELECT toFloat64(uniqCombined(TraceId)) FROM ${traces} WHERE ${inRange} AND ${isRequest}`,
    within,
    limits,
  );
  const every = Math.max(1, Math.ceil(all / limit));
  const rows = await database.select<Row>(sqlOf(traces), { ...within, every, limit: 2 * limit }, limits);
  return sampleOf(rows, 1 / every);
}

const inRange = `Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
  AND SpanAttributes['homeostat.probe'] = ''`;

function sqlOf(traces: string): string {
  const firstToken = `toFloat64OrZero(${span("gen_ai.latency.time_to_first_token", "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")})`;
  const said = saidOfRequests.map((name) => `max(substring(${saidBy[name]}, 1, ${valueMax}))`);
  return `SELECT toFloat64(toUnixTimestamp64Milli(min(Timestamp))), max(if(${isRequest}, Duration, 0)) / 1e9, max(${firstToken}),
      toFloat64(max(\`llm.input_tokens\`)), toFloat64(max(\`llm.output_tokens\`)),
      toUInt8(max(StatusCode = 'Error' AND ${isRequest})), ${said.join(",\n      ")}
    FROM ${traces} WHERE ${inRange} AND cityHash64(TraceId) % {every:UInt32} = 0
    GROUP BY TraceId HAVING max(${isRequest}) LIMIT {limit:UInt32}`;
}

function sampleOf(rows: readonly Row[], share: number): RequestSample {
  const column = (place: number): Float64Array => Float64Array.from(rows, (row) => row[place] as number);
  const orUnknown = (values: Float64Array): Float64Array => values.map((value) => (value > 0 ? value : Number.NaN));
  const said = saidOfRequests.map((name, i) => [name, rows.map((row) => row[6 + i] as string)] as const);
  return {
    requests: rows.length,
    share,
    at: column(0),
    seconds: column(1),
    firstTokenSeconds: orUnknown(column(2)),
    inputTokens: orUnknown(column(3)),
    outputTokens: orUnknown(column(4)),
    failed: Uint8Array.from(rows, (row) => row[5] as number),
    said: Object.fromEntries(said) as Record<SaidOfRequest, string[]>,
  };
}
