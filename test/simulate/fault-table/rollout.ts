// What faults that are rolled out leave.
import { expect } from "vitest";
import type { Played } from "../played.ts";
import { answers, one, other, per, type Row, tokens, v } from "./row.ts";

export const rolloutRows: Readonly<Record<string, Row>> = {
  prefix_cache_off: {
    target: "replica:1",
    holds(sick) {
      expect(sick.gained(v("prefix_cache_hits_total"), one)).toBe(0);
      expect(sick.gained(v("prefix_cache_hits_total"), other)).toBeGreaterThan(1000);
    },
  },
  kv_pool_shrink: {
    target: "replica:1",
    params: "factor: 0.04",
    holds(sick, well) {
      expect(sick.gauge(v("kv_cache_usage_perc"), one)).toBeGreaterThan(4 * well.gauge(v("kv_cache_usage_perc"), one));
      expect(sick.changes.map(({ kind }) => kind)).toContain("config");
    },
  },
  canary_regress: {
    target: "replica:1",
    holds: (sick, well) =>
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.7 * well.mean(v("inter_token_latency_seconds"), one),
      ),
  },
  knob_change: {
    target: "replica:1",
    params: "knob: max_num_seqs, value: 3",
    holds(sick) {
      expect(sick.gauge(v("num_requests_running"), one)).toBeLessThanOrEqual(3);
      expect(sick.gauge(v("num_requests_waiting"), one)).toBeGreaterThan(2);
      expect(sick.gained(v("num_preemptions_total"), one)).toBe(0);
    },
  },
  config_error: {
    target: "replica:1",
    holds(sick) {
      expect(sick.logs(/No available memory for the cache blocks/)).toBeGreaterThan(1);
      expect(
        sick.samples("kube_pod_container_status_waiting_reason", { reason: "CrashLoopBackOff", pod: "vllm-1" }),
      ).toBeGreaterThan(0);
    },
  },
  eos_broken: {
    target: "deployment",
    toMs: 300_000,
    holds(sick, well) {
      const cut = (played: Played): number =>
        per(
          played.gained(v("request_success_total"), { finished_reason: "length" }),
          played.gained(v("request_success_total")),
        );
      expect(cut(sick)).toBeGreaterThan(0.3);
      expect(cut(well)).toBeLessThan(0.05);
    },
  },
  spec_accept_drop: {
    target: "replica:1",
    engine: "num_speculative_tokens: 3",
    holds(sick, well) {
      const accepted = (played: Played): number =>
        per(
          played.gained(v("spec_decode_num_accepted_tokens_total"), one),
          played.gained(v("spec_decode_num_draft_tokens_total"), one),
        );
      expect(accepted(well)).toBeGreaterThan(0.4);
      expect(accepted(sick)).toBeLessThan(0.1);
      expect(sick.mean(v("request_time_per_output_token_seconds"), one)).toBeGreaterThan(
        1.5 * well.mean(v("request_time_per_output_token_seconds"), one),
      );
    },
  },
  gibberish: { target: "deployment", holds: (sick, well) => answers(sick, well, /\uFFFD/, 20) },
  kv_corruption: { target: "replica:1", holds: (sick, well) => answers(sick, well, /canary/, 10) },
  nan_logits: {
    target: "replica:1",
    holds(sick, well) {
      answers(sick, well, /!{100}/, 10);
      expect(sick.gained(v("corrupted_requests_total"), one)).toBeGreaterThan(20);
    },
  },
  quality_shift: {
    target: "deployment",
    params: "delta: 0.2",
    holds(sick, well) {
      expect(sick.logs(/gen_ai.evaluation.result/)).toBeGreaterThan(50);
      expect(sick.mean(v("inter_token_latency_seconds"))).toBeLessThan(
        1.2 * well.mean(v("inter_token_latency_seconds")),
      );
    },
  },
  deploy_noop: {
    target: "deployment",
    holds(sick, well) {
      expect(sick.changes.map(({ kind }) => kind)).toEqual(["deploy"]);
      expect(tokens(sick)).toBe(tokens(well));
    },
  },
};
