// What can run out, and what it means when it has.

export interface Resource {
  readonly id: string;
  /** For sentences: "host memory of container:vllm-0 runs out". */
  readonly name: string;
  readonly metric: string;
  /** Metric of the same entity that the value is a share of. */
  readonly per?: string;
  /** `falls`: it is what is left, and ends at 0. */
  readonly direction: "rises" | "falls";
  /** In the metric's unit, of a metric that rises. */
  readonly limit: number;
  /** Metric of the same entity: where it climbs as well, the resource is used and not lost. */
  readonly load?: string;
  readonly refills: boolean;
  /** Slug of what it becomes. */
  readonly failureMode?: string;
  /** What can be done in time. */
  readonly advice: string;
}

/** `queueLimit`: waiting requests of a replica from which on its clients are gone before they are served. */
export function resourcesOf({ queueLimit }: { readonly queueLimit: number }): readonly Resource[] {
  const share = { direction: "rises", limit: 1, refills: false } as const;
  return [
    {
      ...share,
      id: "kv-cache",
      name: "KV cache",
      metric: "llm:kv_cache_usage_ratio",
      load: "llm:requests_running",
      // Under load it is full by design, and empties again.
      refills: true,
      failureMode: "kv-pool-leak",
      advice: "restart the replica at a quiet moment, before requests are preempted",
    },
    {
      ...share,
      id: "container-memory",
      name: "host memory",
      metric: "container:memory_working_set_bytes",
      per: "container:memory_limit_bytes",
      failureMode: "host-memory-leak",
      advice: "restart the replica at a quiet moment, before the kernel does under load",
    },
    {
      ...share,
      id: "node-memory",
      name: "memory",
      metric: "node:memory_usage_ratio",
      failureMode: "host-memory-leak",
      advice: "find the process that grows; move replicas away from the node",
    },
    {
      ...share,
      id: "gpu-memory",
      name: "GPU memory",
      metric: "gpu:memory_usage_ratio",
      failureMode: "cuda-out-of-memory",
      advice: "find what else allocates on the GPU; restart the replica at a quiet moment",
    },
    {
      ...share,
      id: "disk",
      name: "disk space",
      metric: "node:disk_usage_ratio",
      failureMode: "disk-full",
      advice: "delete old models, images and logs, or enlarge the volume",
    },
    {
      ...share,
      id: "queue",
      name: "the waiting queue's room",
      metric: "llm:requests_waiting",
      limit: queueLimit,
      refills: true,
      advice: "add replicas or shed load",
    },
    {
      ...share,
      id: "error-budget",
      name: "error budget",
      metric: "slo:error_budget_remaining:ratio",
      direction: "falls",
      advice: "hold back risky changes until it has recovered",
    },
  ];
}

/** Metrics that hold the Unix time in seconds at which a certificate ends: no forecast is needed. */
export const certificateMetrics = [
  "probe_ssl_earliest_cert_expiry",
  "x509_cert_not_after",
  "certmanager_certificate_expiration_timestamp_seconds",
] as const;
