// The lines vLLM writes to its log, in its own words.
import { gpus, kvMemoryGib, models } from "./hardware.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";
import type { EngineStats } from "./stats.ts";

export interface LogLine {
  /** Virtual milliseconds. */
  readonly atMs: number;
  readonly severity: "INFO" | "WARNING" | "ERROR";
  readonly body: string;
  /** Python logger it comes from. */
  readonly logger: string;
}

/** What a process prints while it starts; `atMs` is when it is ready to serve. */
export function startupLines(scenario: Scenario, replica: Replica, atMs: number): LogLine[] {
  const model = models[scenario.model];
  const gpu = gpus[scenario.gpu];
  const { config, version } = replica.spec;
  const tokens = replica.engine.blocksTotal * config.block_size;
  const memoryGib = kvMemoryGib(model, gpu, config.gpu_memory_utilization, scenario.tp);
  const info = (logger: string, body: string): LogLine => ({ atMs, severity: "INFO", body, logger });
  const lines = [
    info("vllm.entrypoints.openai.api_server", `vLLM API server version ${version}`),
    info(
      "vllm.v1.engine.core",
      `Initializing a V1 LLM engine (v${version}) with config: model='${model.name}', dtype=torch.bfloat16, max_seq_len=${config.max_model_len}, tensor_parallel_size=${scenario.tp}, gpu_memory_utilization=${config.gpu_memory_utilization}`,
    ),
  ];
  if (model.experts > 0 && !scenario.moeConfigTuned) {
    lines.push({
      atMs,
      severity: "WARNING",
      logger: "vllm.model_executor.layers.fused_moe.fused_moe",
      body: `Using default MoE config. Performance might be sub-optimal! Config file not found at ['/usr/local/lib/python3.12/dist-packages/vllm/model_executor/layers/fused_moe/configs/E=${model.experts},N=${model.intermediate},device_name=${gpu.name}.json']`,
    });
  }
  lines.push(
    info("vllm.v1.worker.gpu_worker", `Available KV cache memory: ${memoryGib.toFixed(2)} GiB`),
    info("vllm.v1.core.kv_cache_utils", `GPU KV cache size: ${tokens.toLocaleString("en-US")} tokens`),
    info(
      "vllm.v1.core.kv_cache_utils",
      `Maximum concurrency for ${config.max_model_len.toLocaleString("en-US")} tokens per request: ${(tokens / config.max_model_len).toFixed(2)}x`,
    ),
    info("vllm.entrypoints.launcher", "Application startup complete."),
  );
  return lines;
}

/** The stats line, from counters now and one interval ago. Undefined when idle: then vLLM prints it at DEBUG. */
export function statsLine(
  atMs: number,
  stats: EngineStats,
  before: { readonly promptTokens: number; readonly generationTokens: number },
  intervalMs: number,
): LogLine | undefined {
  const promptRate = ((stats.promptTokens - before.promptTokens) * 1000) / intervalMs;
  const generationRate = ((stats.generationTokens - before.generationTokens) * 1000) / intervalMs;
  if (promptRate === 0 && generationRate === 0 && stats.running === 0 && stats.waiting === 0) return undefined;
  const hitRate = stats.prefixQueries === 0 ? 0 : (100 * stats.prefixHits) / stats.prefixQueries;
  return {
    atMs,
    severity: "INFO",
    logger: "vllm.v1.metrics.loggers",
    body: `Engine 000: Avg prompt throughput: ${promptRate.toFixed(1)} tokens/s, Avg generation throughput: ${generationRate.toFixed(1)} tokens/s, Running: ${stats.running} reqs, Waiting: ${stats.waiting} reqs, GPU KV cache usage: ${(stats.kvUsage * 100).toFixed(1)}%, Prefix cache hit rate: ${hitRate.toFixed(1)}%`,
  };
}
