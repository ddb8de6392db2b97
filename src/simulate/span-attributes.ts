// What an engine that traces says of a finished request, in vLLM's words.
import type { Attributes } from "@opentelemetry/api";
import type { FinishedRequest } from "./fleet.ts";
import { models } from "./hardware.ts";
import type { Scenario } from "./scenario.ts";

export function engineAttributes(scenario: Scenario, request: FinishedRequest): Attributes {
  const { dispatchedAt, scheduledAt, firstTokenAt, finishedAt } = request;
  const seconds = (fromMs: number, toMs: number): number => (toMs - fromMs) / 1000;
  return {
    "gen_ai.request.id": `chatcmpl-${request.id}`,
    "gen_ai.request.max_tokens": scenario.workload.output.max,
    "gen_ai.request.temperature": 0.7,
    "gen_ai.request.top_p": 0.95,
    "gen_ai.request.n": 1,
    "gen_ai.response.model": models[scenario.model].name,
    "gen_ai.usage.prompt_tokens": request.promptTokens,
    "gen_ai.usage.completion_tokens": request.generatedTokens,
    "gen_ai.latency.time_in_queue": seconds(dispatchedAt, scheduledAt),
    "gen_ai.latency.time_to_first_token": seconds(dispatchedAt, firstTokenAt),
    "gen_ai.latency.e2e": seconds(dispatchedAt, finishedAt),
    "gen_ai.latency.time_in_model_prefill": seconds(scheduledAt, firstTokenAt),
    "gen_ai.latency.time_in_model_decode": seconds(firstTokenAt, finishedAt),
    "gen_ai.latency.time_in_model_inference": seconds(scheduledAt, finishedAt),
  };
}
