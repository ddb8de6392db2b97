// Applications that call models and gateways before engines, from their own metrics or from their spans.
import { defineSignals } from "./define.ts";

export const applicationSignals = defineSignals("service", [
  ["app_requests", "app:requests:rate", "Calls per second", "{request}/s", "rate", "either"],
  ["app_errors", "app:errors:rate", "Failed calls per second", "{request}/s", "rate", "rise"],
  ["app_error_ratio", "app:error_ratio", "Share of calls that fail", "1", "ratio", "rise"],
  ["app_duration", "app:duration_seconds:p95", "Call duration, p95", "s", "quantile", "rise"],
  ["app_ttft", "app:first_chunk_seconds:p95", "Time to first chunk, p95", "s", "quantile", "rise"],
  ["app_itl", "app:chunk_seconds:p95", "Time per output chunk, p95", "s", "quantile", "rise"],
  ["app_input_tokens", "app:input_tokens:rate", "Input tokens per second", "{token}/s", "rate", "either"],
  ["app_output_tokens", "app:output_tokens:rate", "Output tokens per second", "{token}/s", "rate", "either"],
  ["app_cached_tokens", "app:cached_tokens:rate", "Input tokens from cache per second", "{token}/s", "rate", "either"],
  ["app_cost", "app:cost_usd:rate", "Cost per second", "USD/s", "rate", "rise"],
  ["app_truncated", "app:truncated_ratio", "Share of answers cut at the limit", "1", "ratio", "rise"],
  ["app_filtered", "app:filtered_ratio", "Share of answers stopped by a filter", "1", "ratio", "rise"],
  ["app_text_length", "app:text_length_characters:mean", "Length of texts, mean", "{character}", "mean", "either"],
  ["app_running", "app:requests_running", "Calls under way", "{request}", "gauge", "either"],
  ["app_queued", "app:requests_queued", "Calls queued", "{request}", "gauge", "rise"],
  ["app_replicas_healthy", "app:replicas_healthy", "Healthy replicas", "{replica}", "gauge", "fall"],
  ["app_replicas_target", "app:replicas_target", "Replicas wanted", "{replica}", "gauge", "either"],
  ["app_replica_starts", "app:replica_starts:rate", "Replicas started per second", "{replica}/s", "rate", "rise"],
]);
