// Applications and gateways: rate limits, money, retrieval and guardrails.
import { type Case, judgeAll } from "./judge.ts";
import { alert, changed, counter, gauge, type Values } from "./situation.ts";

const at = "service:gateway";
const calls = (labels: Record<string, string>, before: number, during: number) =>
  counter("traces_span_metrics_calls_total", { entity: at, ...labels }, before, during);
const chat = (labels: Record<string, string>, before: number, during: number) =>
  calls({ gen_ai_operation_name: "chat", gen_ai_request_model: "gpt", ...labels }, before, during);
const guard = (labels: Record<string, string>, before: number, during: number) =>
  calls({ gen_ai_operation_name: "guardrail", ...labels }, before, during);
const retrieval = (empty: string, before: number, during: number) =>
  counter("homeostat_retrieval_results_total", { entity: at, empty }, before, during);
const finish = (reason: string, before: number, during: number) =>
  counter("traces_span_metrics_finish_reasons_total", { entity: at, finish_reason: reason }, before, during);
const now = (values: Values) => ({ signals: { [at]: values } });
const limited = chat({ error_type: "429", status_code: "STATUS_CODE_ERROR" }, 0, 4);

const cases: readonly Case[] = [
  [
    "429 from a provider",
    "provider-rate-limit",
    at,
    {
      ...now({ "app:error_ratio": 0.4, "app:output_tokens:rate": 900 }),
      raw: [chat({}, 10, 6), limited],
      alerts: [alert("provider-rate-limit", at)],
    },
  ],
  [
    "an agent in a loop",
    "cost-runaway",
    at,
    {
      ...now({ "app:requests:rate": 14, "app:input_tokens:rate": 200_000, "app:cost_usd:rate": 0.8 }),
      raw: [
        chat({}, 10, 14),
        finish("tool_calls", 3, 13.8),
        finish("stop", 7, 0.2),
        gauge("homeostat_budget_usd_per_day", { service_name: "gateway" }, 6000, 6000),
      ],
      alerts: [alert("provider-rate-limit", at)],
    },
  ],
  [
    "429 because of more calls than the quota, tokens a call as ever",
    "provider-rate-limit",
    at,
    {
      ...now({ "app:requests:rate": 19, "app:input_tokens:rate": 22_000, "app:error_ratio": 0.25 }),
      raw: [chat({}, 10, 15), limited],
      alerts: [alert("cost-runaway", at)],
    },
  ],
  [
    "retrieval finds nothing since a new embedder",
    "rag-staleness",
    at,
    {
      raw: [retrieval("true", 0.01, 2), retrieval("false", 2, 0.1)],
      changes: [changed("model", at, "embedding model text-3 instead of text-2")],
      alerts: [alert("rag-staleness", at)],
    },
  ],
  [
    "retrievals that fail for their dimension",
    "rag-staleness",
    at,
    {
      raw: [
        calls({ gen_ai_operation_name: "retrieval", status_code: "STATUS_CODE_ERROR" }, 0, 1),
        calls({ gen_ai_operation_name: "retrieval" }, 2, 1),
      ],
      alerts: [alert("rag-staleness", at)],
    },
  ],
  [
    "calls turned away while retrieval finds as ever",
    "provider-rate-limit",
    at,
    {
      ...now({ "app:error_ratio": 0.4 }),
      raw: [chat({}, 10, 6), limited, retrieval("true", 0.01, 0.01), retrieval("false", 2, 2)],
      alerts: [alert("rag-staleness", at)],
    },
  ],
  [
    "a guardrail that fails and lets everything pass",
    "guardrail-bypass",
    at,
    {
      raw: [
        chat({}, 10, 10),
        guard({}, 10, 5),
        guard({ status_code: "STATUS_CODE_ERROR" }, 0, 2),
        counter("homeostat_text_flagged_total", { entity: at, side: "output", fact: "personal_data" }, 0, 0.1),
      ],
      alerts: [alert("guardrail-bypass", at)],
    },
  ],
  [
    "a guardrail that checks every call while a provider turns calls away",
    "provider-rate-limit",
    at,
    {
      ...now({ "app:error_ratio": 0.4, "app:output_tokens:rate": 900 }),
      raw: [chat({}, 10, 6), limited, guard({}, 10, 10)],
      alerts: [alert("guardrail-bypass", at)],
    },
  ],
];

judgeAll(cases);
