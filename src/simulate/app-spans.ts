// Applications and gateway as their traces tell of them: calls of models, retrieval, tools, guardrails, providers outside.
import { SpanKind } from "@opentelemetry/api";
import { answerKind, answerText } from "./answers.ts";
import type { FinishedRequest } from "./fleet.ts";
import type { EndKind } from "./gateway.ts";
import { statusOf } from "./gateway-source.ts";
import { models } from "./hardware.ts";
import type { Recorder } from "./otlp.ts";
import type { AppSpan } from "./otlp-parts.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import { requestClasses, type Scenario } from "./scenario.ts";
import type { Surroundings } from "./surroundings.ts";

export interface AppSpans {
  /** A request that was answered; the caller samples. */
  finished(replica: Replica, request: FinishedRequest): void;
  /** A request that ended otherwise. */
  failed(kind: EndKind, lastedMs: number, atMs: number): void;
}

const answerScore = 0.86;
const model = (scenario: Scenario): string => models[scenario.model].name;
/** What the gateway adds on its way. */
const gatewayMs = 3;

export function createAppSpans(
  scenario: Scenario,
  surroundings: Surroundings,
  misrouted: () => number,
  recorder: Recorder,
  random: Random,
): AppSpans {
  const { apps } = surroundings;

  /** A trace of which spans are told from the outermost in. */
  function trace(): (span: Omit<AppSpan, "traceId" | "spanId">) => string {
    const traceId = random.hex(16);
    return (span) => {
      const spanId = random.hex(8);
      recorder.appSpan({ ...span, traceId, spanId });
      return spanId;
    };
  }

  function finished(replica: Replica, request: FinishedRequest): void {
    const { arrivedAt, finishedAt, firstTokenAt } = request;
    const name = requestClasses[request.kind]!;
    const service = `${name}-app`;
    const tell = trace();
    const tools = name === "agent" && (apps.loopsPerSecond > 0 || random.uniform() < 0.6);
    const answer = answerKind(replica.condition, random);
    const asked = request.adapter === 0 ? model(scenario) : `adapter-${request.adapter}`;
    const parts = tools ? [] : [{ type: "text", content: answerText(answer, random) }];
    const reason = tools ? "tool_calls" : request.reason;
    const chat = tell({
      service,
      name: `chat ${asked}`,
      kind: SpanKind.CLIENT,
      from: arrivedAt - 2 * gatewayMs,
      to: finishedAt + 2 * gatewayMs,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": asked,
        "gen_ai.response.model": model(scenario),
        "gen_ai.response.finish_reasons": [reason],
        "gen_ai.usage.input_tokens": request.promptTokens,
        "gen_ai.usage.output_tokens": request.generatedTokens,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.response.time_to_first_chunk": (firstTokenAt - arrivedAt) / 1000,
        "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts, finish_reason: reason }]),
      },
    });
    tell({
      ...atGateway(arrivedAt, finishedAt, chat),
      attributes: {
        ...http(200),
        "request.class": name,
        "router.pool": random.uniform() < misrouted() ? "long-context" : "standard",
        "router.replica": replica.name,
      },
    });
    around(name, service, chat, arrivedAt, finishedAt, tell);
    score(service, replica, answer, finishedAt);
  }

  /** What an application does besides asking its model. */
  function around(
    name: string,
    service: string,
    parentId: string,
    from: number,
    to: number,
    tell: ReturnType<typeof trace>,
  ): void {
    const inner = { service, parentId };
    guard(inner, from, tell);
    if (name === "rag") retrieve(inner, from, tell);
    if (name === "agent") {
      const tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": `call_${random.hex(4)}`,
      };
      tell({
        ...inner,
        name: "execute_tool search",
        kind: SpanKind.INTERNAL,
        from: to,
        to: to + 180 + 200 * random.uniform(),
        attributes: tool,
      });
    }
    if (name !== "chat" || random.uniform() >= 0.15) return;
    // What goes to a provider is checked like everything else.
    guard(inner, to, tell);
    callOutside(inner, to, tell);
  }

  function guard(inner: { service: string; parentId: string }, from: number, tell: ReturnType<typeof trace>): void {
    const open = apps.guardrailOpen;
    // One that fails fails fast; some callers then leave it out altogether.
    if (open && random.uniform() < 0.5) return;
    const span = {
      ...inner,
      name: "guardrail presidio",
      kind: SpanKind.CLIENT,
      from: from - 40,
      to: from - (open ? 38 : 12),
    };
    const attributes = {
      "gen_ai.operation.name": "guardrail",
      "guardrail.name": "presidio",
      "guardrail.decision": "pass",
    };
    tell({
      ...span,
      attributes: open ? { ...attributes, ...http(500) } : attributes,
      ...(open ? { error: "500" } : {}),
    });
  }

  function retrieve(inner: { service: string; parentId: string }, from: number, tell: ReturnType<typeof trace>): void {
    const embedding = {
      "gen_ai.operation.name": "embeddings",
      "gen_ai.request.model": "bge-base",
      "gen_ai.embeddings.dimension.count": apps.dimensionShare > 0 ? 1024 : 768,
    };
    tell({
      ...inner,
      name: "embeddings bge-base",
      kind: SpanKind.CLIENT,
      from: from - 90,
      to: from - 70,
      attributes: embedding,
    });
    const wrong = random.uniform() < apps.dimensionShare;
    const rows = wrong || random.uniform() < Math.max(0.03, apps.emptyShare) ? 0 : 5;
    const took = 15 + 15 * random.uniform();
    const attributes = {
      "gen_ai.operation.name": "retrieval",
      "gen_ai.data_source.id": "handbook",
      "db.system.name": "qdrant",
      ...(wrong
        ? { "error.message": "Vector dimension error: expected dim: 768, got 1024" }
        : { "db.response.returned_rows": rows }),
      "retrieval.index.age_seconds": 900 + apps.indexAgeSeconds,
    };
    const span = { ...inner, name: "retrieval handbook", kind: SpanKind.CLIENT, from: from - 60, to: from - 60 + took };
    tell({ ...span, attributes, ...(wrong ? { error: "400" } : {}) });
  }

  function callOutside(
    inner: { service: string; parentId: string },
    from: number,
    tell: ReturnType<typeof trace>,
  ): void {
    const limited = random.uniform() < apps.upstreamLimited;
    const attributes = {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o-mini",
      ...http(limited ? 429 : 200),
      ...(limited
        ? {}
        : {
            "gen_ai.usage.input_tokens": 300,
            "gen_ai.usage.output_tokens": 80,
            "gen_ai.response.finish_reasons": ["stop"],
          }),
    };
    const span = { ...inner, name: "chat gpt-4o-mini", kind: SpanKind.CLIENT, from, to: from + (limited ? 60 : 900) };
    tell({ ...span, attributes, ...(limited ? { error: "429" } : {}) });
  }

  /** Some answers are judged, by a model or by people. */
  function score(
    service: string,
    { condition, name, clockMs }: Replica,
    answer: ReturnType<typeof answerKind>,
    atMs: number,
  ): void {
    if (random.uniform() > 0.5) return;
    const lost = answer === "sound" ? condition.qualityLoss : 0.7;
    const value = Math.max(0, Math.min(1, answerScore - lost + 0.08 * random.normal()));
    recorder.line(
      { "service.name": service },
      { atMs: atMs + clockMs + 500, severity: "INFO", body: "gen_ai.evaluation.result", logger: "evals" },
      {
        "event.name": "gen_ai.evaluation.result",
        "gen_ai.evaluation.name": "helpfulness",
        "gen_ai.evaluation.score.value": value.toFixed(3),
        "router.replica": name,
      },
    );
  }

  function atGateway(from: number, to: number, parentId?: string) {
    const name = "POST /v1/chat/completions";
    const parent = parentId === undefined ? {} : { parentId };
    return { service: "gateway", name, kind: SpanKind.SERVER, from: from - gatewayMs, to: to + gatewayMs, ...parent };
  }

  return {
    finished,
    failed(kind, lastedMs, atMs) {
      const status = statusOf[kind];
      const tell = trace();
      tell({ ...atGateway(atMs - lastedMs, atMs), attributes: http(status), error: String(status) });
    },
  };
}

function http(status: number) {
  return { "http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": status };
}
