// What faults of the control plane, of telemetry and of applications leave.
import { expect } from "vitest";
import type { Played } from "../played.ts";
import { per, type Row, v } from "./row.ts";

export const aroundRows: Readonly<Record<string, Row>> = {
  telemetry_drop: {
    target: "cluster",
    holds: (sick, well) =>
      expect(sick.samples(v("num_requests_running"))).toBeLessThan(0.7 * well.samples(v("num_requests_running"))),
  },
  controller_down: {
    target: "cluster",
    holds(sick) {
      expect(sick.gauge("up", { source: "controller" })).toBe(0);
      expect(sick.gauge("up", { source: "vllm-1 vllm-1" })).toBe(1);
    },
  },
  control_plane_overload: {
    target: "cluster",
    holds: (sick, well) =>
      expect(sick.mean("apiserver_request_duration_seconds")).toBeGreaterThan(
        5 * well.mean("apiserver_request_duration_seconds"),
      ),
  },
  probe_too_tight: {
    target: "deployment",
    params: "timeout_ms: 20",
    holds(sick) {
      expect(sick.logs(/Liveness probe failed/)).toBeGreaterThan(0);
      expect(sick.gauge("kube_pod_container_status_restarts_total")).toBeGreaterThan(0);
      expect(sick.gauge("kube_pod_container_status_last_terminated_exitcode")).toBe(137);
    },
  },
  agent_loop: {
    target: "tenant:acme",
    holds(sick, well) {
      const calls = (played: Played): number =>
        played.spans(
          /^chat /,
          ({ attributes }) => String(attributes["gen_ai.response.finish_reasons"]) === "tool_calls",
        );
      expect(calls(sick)).toBeGreaterThan(1.3 * calls(well));
      expect(sick.gained(v("prompt_tokens_total"))).toBeGreaterThan(1.1 * well.gained(v("prompt_tokens_total")));
    },
  },
  embed_dim_change: {
    target: "app:rag",
    holds: (sick) => expect(sick.spans(/^retrieval/, ({ status }) => status.code === 2)).toBeGreaterThan(20),
  },
  index_stale: {
    target: "app:rag",
    holds(sick, well) {
      const empty = (played: Played): number =>
        played.spans(/^retrieval/, ({ attributes }) => attributes["db.response.returned_rows"] === 0);
      expect(empty(sick)).toBeGreaterThan(5 * Math.max(1, empty(well)));
      expect(sick.spans(/^retrieval/, ({ status }) => status.code === 2)).toBe(0);
    },
  },
  guardrail_fail_open: {
    target: "app:chat",
    holds(sick, well) {
      const covered = (played: Played): number => per(played.spans(/^guardrail/), played.spans(/^chat /));
      expect(covered(well)).toBe(1);
      expect(covered(sick)).toBeLessThan(0.7);
      expect(sick.spans(/^guardrail/, ({ status }) => status.code === 2)).toBeGreaterThan(20);
    },
  },
  upstream_429: {
    target: "app:chat",
    holds(sick, well) {
      const refused = (played: Played): number =>
        played.spans(/^chat gpt/, ({ attributes }) => attributes["http.response.status_code"] === 429);
      expect(refused(sick)).toBeGreaterThan(5);
      expect(refused(well)).toBe(0);
    },
  },
  weights_corrupt: {
    target: "replica:1",
    holds(sick) {
      expect(sick.logs(/MetadataIncompleteBuffer/)).toBeGreaterThan(1);
      expect(sick.samples("kube_pod_container_status_waiting_reason", { pod: "vllm-1" })).toBeGreaterThan(0);
      expect(sick.gauge("up", { source: "vllm-0 vllm-0" })).toBe(1);
    },
  },
  compile_cache_poison: {
    target: "replica:1",
    holds: (sick) => expect(sick.logs(/torch_compile_cache/)).toBeGreaterThan(1),
  },
};
