// An engine as people run them: llama.cpp behind OpenAI's routes, /health, /metrics by the names of its own server, and OpenTelemetry's SDK.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { logs, SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { loadLlama, type Slot } from "./llama.ts";

const [modelPath = "", otlpUrl = "", name = "engine", port = "0"] = process.argv.slice(2);
const modelName = "random-llama";
const slotCount = 4;
const contextSize = 512;

const sdk = new NodeSDK({
  resource: resourceFromAttributes({ "service.name": "llama-server", "service.instance.id": name }),
  traceExporter: new OTLPTraceExporter({ url: `${otlpUrl}/v1/traces` }),
  metricReaders: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${otlpUrl}/v1/metrics` }),
      exportIntervalMillis: 5000,
    }),
  ],
  logRecordProcessors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${otlpUrl}/v1/logs` }) })],
  instrumentations: [],
});
sdk.start();
const tracer = trace.getTracer("bench.engine");
const log = logs.getLogger("bench.engine");
const duration = metrics.getMeter("bench.engine").createHistogram("gen_ai.server.request.duration", { unit: "s" });

const llama = await loadLlama(modelPath, slotCount, contextSize);
const free: Slot[] = [...llama.slots];
const queue: ((slot: Slot) => void)[] = [];
const counted = { promptTokens: 0, promptSeconds: 0, tokens: 0, seconds: 0, decodes: 0, busy: 0 };
/** While set, no decode begins: the engine is stuck, and its server answers as ever. */
let stuck: Promise<void> | undefined;

interface Ask {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  readonly chat: boolean;
}

const server = createServer((request, response) => {
  route(request, response).catch((error: unknown) => {
    log.emit({ severityNumber: SeverityNumber.ERROR, severityText: "ERROR", body: `request failed: ${String(error)}` });
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
server.listen(Number(port), "127.0.0.1", () => {
  log.emit({ severityNumber: SeverityNumber.INFO, severityText: "INFO", body: "server is listening" });
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/health") return json(response, 200, { status: "ok" });
  if (request.url === "/metrics") return void response.end(page());
  if (request.url === "/block") {
    stuck ??= new Promise(() => {});
    return json(response, 200, {});
  }
  const chat = request.url === "/v1/chat/completions";
  if (request.method !== "POST" || !(chat || request.url === "/v1/completions"))
    return json(response, 404, { error: { message: "no such route" } });
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  let asked: Record<string, unknown>;
  try {
    asked = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
  } catch {
    return json(response, 400, { error: { message: "the body is not JSON" } });
  }
  const messages = Array.isArray(asked["messages"]) ? (asked["messages"] as { content?: unknown }[]) : [];
  const prompt = chat ? messages.map(({ content }) => String(content)).join("\n") : String(asked["prompt"] ?? "");
  const maxTokens = Math.min(Number(asked["max_tokens"] ?? 64) || 64, contextSize / 2);
  await answer({ prompt, maxTokens, stream: asked["stream"] === true, chat }, response);
}

async function answer({ prompt, maxTokens, stream, chat }: Ask, response: ServerResponse): Promise<void> {
  const operation = chat ? "chat" : "text_completion";
  const started = performance.now();
  const span = tracer.startSpan(`${operation} ${modelName}`, {
    kind: SpanKind.SERVER,
    attributes: {
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": "llama.cpp",
      "gen_ai.request.model": modelName,
      "gen_ai.request.max_tokens": maxTokens,
    },
  });
  const slot = free.pop() ?? (await new Promise<Slot>((resolve) => queue.push(resolve)));
  try {
    await slot.clearHistory();
    const tokens = llama.tokenize(prompt).slice(0, contextSize / 4);
    const out: number[] = [];
    let firstAt: number | undefined;
    if (stream) response.writeHead(200, { "content-type": "text/event-stream" });
    for await (const token of slot.evaluate(tokens, { temperature: 1, seed: tokens.length })) {
      await stuck;
      firstAt ??= performance.now();
      counted.decodes++;
      counted.busy += slotCount - free.length;
      out.push(token);
      if (stream) response.write(`data: ${JSON.stringify(delta(llama.detokenize([token]), chat))}\n\n`);
      if (out.length >= maxTokens) break;
    }
    const endedAt = performance.now();
    counted.promptTokens += tokens.length;
    counted.promptSeconds += ((firstAt ?? endedAt) - started) / 1000;
    counted.tokens += out.length;
    counted.seconds += (endedAt - (firstAt ?? endedAt)) / 1000;
    span.setAttributes({
      "gen_ai.response.model": modelName,
      "gen_ai.usage.input_tokens": tokens.length,
      "gen_ai.usage.output_tokens": out.length,
      "gen_ai.response.finish_reasons": [out.length >= maxTokens ? "length" : "stop"],
    });
    if (stream) response.end("data: [DONE]\n\n");
    else json(response, 200, whole(llama.detokenize(out), chat, tokens.length, out.length));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
    throw error;
  } finally {
    span.end();
    duration.record((performance.now() - started) / 1000, {
      "gen_ai.operation.name": operation,
      "gen_ai.request.model": modelName,
    });
    const next = queue.shift();
    if (next === undefined) free.push(slot);
    else next(slot);
  }
}

function delta(text: string, chat: boolean): object {
  const choice = chat ? { index: 0, delta: { content: text } } : { index: 0, text };
  return { object: chat ? "chat.completion.chunk" : "text_completion", model: modelName, choices: [choice] };
}

function whole(text: string, chat: boolean, prompt_tokens: number, completion_tokens: number): object {
  const choice = chat ? { index: 0, message: { role: "assistant", content: text } } : { index: 0, text };
  return {
    object: chat ? "chat.completion" : "text_completion",
    model: modelName,
    choices: [{ ...choice, finish_reason: "length" }],
    usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
  };
}

/** By the names of llama.cpp's own server; tokens are counted when a request ends there too, decodes as they happen. */
function page(): string {
  const busy = slotCount - free.length;
  const series: readonly (readonly [string, "counter" | "gauge", number])[] = [
    ["prompt_tokens_total", "counter", counted.promptTokens],
    ["prompt_seconds_total", "counter", counted.promptSeconds],
    ["tokens_predicted_total", "counter", counted.tokens],
    ["tokens_predicted_seconds_total", "counter", counted.seconds],
    ["n_decode_total", "counter", counted.decodes],
    ["n_busy_slots_per_decode", "gauge", counted.decodes === 0 ? 0 : counted.busy / counted.decodes],
    ["predicted_tokens_seconds", "gauge", counted.seconds === 0 ? 0 : counted.tokens / counted.seconds],
    ["requests_processing", "gauge", busy],
    ["requests_deferred", "gauge", queue.length],
  ];
  return series
    .map(([name_, type, value]) => `# TYPE llamacpp:${name_} ${type}\nllamacpp:${name_} ${value}\n`)
    .join("");
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
