// A measured run of vLLM as what it would have served at /metrics, page by page, with the GPU it ran on.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface RecordedPage {
  /** Milliseconds since the first look. */
  readonly atMs: number;
  /** Prometheus text of the engine. */
  readonly engine: string;
  /** Prometheus text of the GPU's exporter. */
  readonly gpu: string;
}

export interface RecordedLevel {
  /** How many times faster than recorded requests were sent, percent. */
  readonly scale: number;
  readonly pages: readonly RecordedPage[];
  /** The longest stretch with requests waiting while as many ran as ever did (within 3 %), milliseconds. */
  readonly cappedMs: number;
  /** Where it began, of the recording; 0 where there is none. */
  readonly cappedAtMs: number;
}

/** Load levels of a folder (`vllm_log_scale*.csv`, `gpu_log_scale*.json`), by load, a page every `everyMs`. Empty where there is none. */
export function readLevels(folder: string, everyMs: number): readonly RecordedLevel[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((file) => {
      const scale = /^vllm_log_scale(\d+)_.*\.csv$/.exec(file)?.[1];
      if (scale === undefined) return [];
      const gpu = join(folder, file.replace(/^vllm_/, "gpu_").replace(/csv$/, "json"));
      return [readLevel(Number(scale), join(folder, file), gpu, everyMs)];
    })
    .sort((a, b) => a.scale - b.scale);
}

interface GpuLook {
  readonly record_time: number;
  readonly GPU_used_mem: number;
  readonly GPU_total_mem: number;
  readonly GPU_utilization: number;
  readonly GPU_temperature: number;
}

function readLevel(scale: number, path: string, gpuPath: string, everyMs: number): RecordedLevel {
  const [head = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const names = head.split(",");
  const rows = lines.map((line) => {
    const cells = line.split(",").map(Number);
    return (name: string): number => cells[names.indexOf(name)] ?? Number.NaN;
  });
  const looks = existsSync(gpuPath)
    ? Object.values(JSON.parse(readFileSync(gpuPath, "utf8")) as Record<string, GpuLook>)
    : [];
  const from = rows[0]?.("timestamp") ?? 0;
  const pages: RecordedPage[] = [];
  for (const row of rows) {
    const atMs = Math.round(1000 * (row("timestamp") - from));
    const last = pages.at(-1);
    if (last !== undefined && Math.floor(atMs / everyMs) === Math.floor(last.atMs / everyMs)) continue;
    const look = looks.findLast(({ record_time }) => record_time <= row("timestamp")) ?? looks[0];
    pages.push({ atMs, engine: enginePage(row), gpu: look === undefined ? "" : gpuPage(look) });
  }
  return { scale, pages, ...cappedStretch(rows) };
}

function cappedStretch(rows: readonly ((name: string) => number)[]): { cappedMs: number; cappedAtMs: number } {
  const ceiling = Math.max(...rows.map((row) => row("num_running")));
  const from = rows[0]?.("timestamp") ?? 0;
  let longest = { cappedMs: 0, cappedAtMs: 0 };
  let since: number | undefined;
  for (const row of rows) {
    const at = 1000 * (row("timestamp") - from);
    if (row("num_pending") < 1 || row("num_running") < 0.97 * ceiling) since = undefined;
    else {
      since ??= at;
      if (at - since > longest.cappedMs) longest = { cappedMs: at - since, cappedAtMs: since };
    }
  }
  return longest;
}

/** By the names the engine served at that time; what it logs in percent are ratios there. */
function enginePage(row: (name: string) => number): string {
  const gauges: readonly (readonly [string, number])[] = [
    ["vllm:num_requests_running", row("num_running")],
    ["vllm:num_requests_swapped", row("num_swapped")],
    ["vllm:num_requests_waiting", row("num_pending")],
    ["vllm:gpu_cache_usage_perc", row("gpu_kvcache_usage") / 100],
    ["vllm:cpu_cache_usage_perc", row("cpu_kvcache_usage") / 100],
    ["vllm:avg_prompt_throughput_toks_per_s", row("prompt_throughput")],
    ["vllm:avg_generation_throughput_toks_per_s", row("generation_throughput")],
  ];
  return page(gauges, 'model_name="meta-llama/Llama-3.2-1B"');
}

function gpuPage({ GPU_used_mem, GPU_total_mem, GPU_utilization, GPU_temperature }: GpuLook): string {
  const gauges: readonly (readonly [string, number])[] = [
    ["DCGM_FI_DEV_GPU_UTIL", GPU_utilization],
    ["DCGM_FI_DEV_FB_USED", GPU_used_mem],
    ["DCGM_FI_DEV_FB_FREE", GPU_total_mem - GPU_used_mem],
    ["DCGM_FI_DEV_GPU_TEMP", GPU_temperature],
  ];
  return page(gauges, 'gpu="0",UUID="GPU-0",Hostname="one"');
}

function page(gauges: readonly (readonly [string, number])[], labels: string): string {
  return gauges.map(([name, value]) => `# TYPE ${name} gauge\n${name}{${labels}} ${value}\n`).join("");
}
