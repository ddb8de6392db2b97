// What faults of the load and the gateway leave.
import { expect } from "vitest";
import type { Played } from "../played.ts";
import { one, other, per, type Row, tokens, v } from "./row.ts";

export const loadRows: Readonly<Record<string, Row>> = {
  output_len_shift: {
    target: "deployment",
    holds: (sick, well) =>
      expect(sick.mean(v("request_generation_tokens"))).toBeGreaterThan(
        1.7 * well.mean(v("request_generation_tokens")),
      ),
  },
  prompt_len_shift: {
    target: "deployment",
    holds: (sick, well) =>
      expect(sick.mean(v("request_prompt_tokens"))).toBeGreaterThan(1.6 * well.mean(v("request_prompt_tokens"))),
  },
  long_prompt: {
    target: "replica:1",
    engine: "max_model_len: 131072",
    params: "every_seconds: 20",
    holds(sick, well) {
      expect(sick.mean(v("request_prompt_tokens"), one)).toBeGreaterThan(
        1.3 * well.mean(v("request_prompt_tokens"), one),
      );
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.25 * well.mean(v("inter_token_latency_seconds"), one),
      );
    },
  },
  prefill_convoy: {
    target: "deployment",
    toMs: 90_000,
    holds(sick, well) {
      expect(sick.gauge(v("num_requests_waiting"))).toBeGreaterThan(30 + well.gauge(v("num_requests_waiting")));
      expect(sick.gauge(v("kv_cache_usage_perc"))).toBeLessThan(0.9);
      expect(per(tokens(sick), sick.gained(v("prompt_tokens_total"), one))).toBeLessThan(
        0.6 * per(tokens(well), well.gained(v("prompt_tokens_total"), one)),
      );
    },
  },
  arrival_burst: {
    target: "deployment",
    holds: (sick, well) =>
      expect(sick.gained("envoy_http_downstream_rq_total")).toBeGreaterThan(
        2.5 * well.gained("envoy_http_downstream_rq_total"),
      ),
  },
  batch_job: {
    target: "deployment",
    holds: (sick, well) =>
      expect(sick.gained("envoy_http_downstream_rq_total")).toBeGreaterThan(
        1.1 * well.gained("envoy_http_downstream_rq_total"),
      ),
  },
  retry_policy: {
    target: "gateway",
    params: "try_timeout_ms: 1500",
    holds(sick, well) {
      expect(
        per(sick.gained("envoy_cluster_upstream_rq_total"), sick.gained("envoy_http_downstream_rq_total")),
      ).toBeGreaterThan(1.2);
      expect(sick.gained(v("request_success_total"), { finished_reason: "abort" })).toBeGreaterThan(50);
      expect(
        per(well.gained("envoy_cluster_upstream_rq_total"), well.gained("envoy_http_downstream_rq_total")),
      ).toBeLessThan(1.01);
    },
  },
  gateway_timeout: {
    target: "gateway",
    params: "timeout_ms: 2000",
    holds(sick) {
      const late = sick.gained("http.server.request.duration", { "http.response.status_code": "504" });
      expect(late).toBeGreaterThan(50);
      expect(sick.mean("http.server.request.duration", { "http.response.status_code": "504" })).toBeCloseTo(2.5, 0);
      expect(sick.gained(v("request_success_total"), { finished_reason: "abort" }) / late).toBeCloseTo(1, 1);
      expect(sick.spans(/^POST/, ({ attributes }) => attributes["http.response.status_code"] === 504)).toBeGreaterThan(
        20,
      );
    },
  },
  router_stale: {
    target: "gateway",
    holds(sick, well) {
      const spread = (played: Played): number =>
        Math.max(...[0, 1, 2].map((i) => played.gauge(v("num_requests_running"), { source: `vllm-${i}` }))) /
        played.gauge(v("num_requests_running"));
      expect(sick.mean(v("time_to_first_token_seconds"))).toBeGreaterThan(
        1.2 * well.mean(v("time_to_first_token_seconds")),
      );
      expect(spread(sick)).toBeGreaterThan(spread(well));
    },
  },
  router_skew: {
    target: "replica:1",
    holds: (sick) =>
      expect(sick.gauge(v("num_requests_running"), one)).toBeGreaterThan(
        2 * sick.gauge(v("num_requests_running"), other),
      ),
  },
  misroute: {
    target: "gateway",
    holds(sick, well) {
      const wrong = (played: Played): number =>
        played.spans(/^POST/, ({ attributes }) => attributes["router.pool"] === "long-context");
      expect(wrong(sick)).toBeGreaterThan(20);
      expect(wrong(well)).toBe(0);
    },
  },
  prefix_volatile: {
    target: "app:chat",
    holds(sick, well) {
      expect(
        per(well.gained(v("prefix_cache_hits_total")), well.gained(v("prefix_cache_queries_total"))),
      ).toBeGreaterThan(0.2);
      expect(sick.gained(v("prefix_cache_hits_total"))).toBe(0);
      expect(sick.mean(v("request_prefill_time_seconds"))).toBeGreaterThan(
        well.mean(v("request_prefill_time_seconds")),
      );
    },
  },
};
