// Callers of the engines: each request is a GenAI client span of an application, as OpenTelemetry's SDK sends it.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

export interface Load {
  readonly counts: { ok: number; failed: number };
  /** From now on. */
  setRate(perSecond: number): void;
  stop(): Promise<void>;
}

const timeoutMs = 8000;

/** `perSecond` requests to each engine in turn, whether they answer or not; half of them stream. */
export function startLoad(engines: readonly string[], otlpUrl: string, perSecond: number): Load {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "chat-app", "service.instance.id": "chat-app-0" }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${otlpUrl}/v1/traces` }))],
  });
  const tracer = provider.getTracer("bench.load");
  const counts = { ok: 0, failed: 0 };
  const running = new Set<Promise<void>>();
  let sent = 0;

  async function ask(engine: string, n: number): Promise<void> {
    const span = tracer.startSpan("chat random-llama", {
      kind: SpanKind.CLIENT,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llama.cpp",
        "gen_ai.request.model": "random-llama",
      },
    });
    try {
      const content = "the hot word was there and we can use it ".repeat(1 + (n % 3));
      const answer = await fetch(`${engine}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          messages: [{ role: "user", content }],
          max_tokens: 60 + (n % 5) * 10,
          stream: n % 4 > 1,
        }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.text();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      counts.ok++;
    } catch (error) {
      counts.failed++;
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      span.setAttribute("error.type", error instanceof DOMException ? "timeout" : "connection_error");
    } finally {
      span.end();
    }
  }

  function send(): void {
    const n = sent++;
    const one = ask(engines[n % engines.length]!, n).finally(() => running.delete(one));
    running.add(one);
  }

  let timer = setInterval(send, 1000 / perSecond);
  return {
    counts,
    setRate(next) {
      clearInterval(timer);
      timer = setInterval(send, 1000 / next);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      await provider.shutdown().catch(() => {});
    },
  };
}
