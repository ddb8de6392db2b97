// The gateway's own metrics: Envoy's names, and OpenTelemetry's for HTTP servers.
import type { Fleet } from "./fleet.ts";
import type { EndKind } from "./gateway.ts";
import { counter, gauge, type HistogramSeries, type Source } from "./samples.ts";
import { createHistogram, type Histogram, observe } from "./stats.ts";

const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300];

export const statusOf: Readonly<Record<EndKind, number>> = {
  finished: 200,
  shed: 429,
  full: 503,
  "timed-out": 504,
  lost: 502,
};

export interface GatewaySource extends Source {
  answered(kind: EndKind, lastedMs: number): void;
}

export function gatewaySource(fleet: () => Fleet): GatewaySource {
  const durations = new Map<EndKind, Histogram>();
  const count = (...kinds: EndKind[]): number =>
    kinds.reduce((sum, kind) => sum + (durations.get(kind)?.count ?? 0), 0);
  return {
    key: "gateway",
    resource: () => ({ "service.name": "gateway", "service.instance.id": "gateway-0" }),
    since: () => 0,
    clockMs: () => 0,
    answered(kind, lastedMs) {
      const histogram = durations.get(kind) ?? createHistogram(bounds);
      durations.set(kind, histogram);
      observe(histogram, lastedMs / 1000);
    },
    page() {
      const { gateway, inFlight } = fleet().observe();
      const cluster = { envoy_cluster_name: fleet().scenario.deployment };
      const http = { envoy_http_conn_manager_prefix: "ingress" };
      const histograms = [...durations].map(
        ([kind, histogram]): HistogramSeries => ({
          name: "http.server.request.duration",
          kind: "histogram",
          labels: {
            "http.request.method": "POST",
            "http.route": "/v1/chat/completions",
            "http.response.status_code": String(statusOf[kind]),
          },
          histogram,
        }),
      );
      return [
        gauge("http.server.active_requests", inFlight, { "http.request.method": "POST" }),
        gauge("envoy_cluster_upstream_rq_active", inFlight, cluster),
        counter("envoy_cluster_upstream_rq_total", gateway.attempts, cluster),
        counter("envoy_cluster_upstream_rq_retry", gateway.retried, cluster),
        counter("envoy_cluster_upstream_rq_timeout", gateway.timedOut, cluster),
        counter("envoy_http_downstream_rq_total", gateway.arrived, http),
        counter("envoy_http_downstream_rq_xx", count("finished"), { ...http, envoy_response_code_class: "2" }),
        counter("envoy_http_downstream_rq_xx", count("shed"), { ...http, envoy_response_code_class: "4" }),
        counter("envoy_http_downstream_rq_xx", count("full", "timed-out", "lost"), {
          ...http,
          envoy_response_code_class: "5",
        }),
        ...histograms,
      ];
    },
  };
}
