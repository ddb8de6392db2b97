// The lines in which serving engines print their statistics, as numbers: vLLM, SGLang and TGI.

export interface EngineLine {
  readonly engine: "vllm" | "sglang" | "tgi";
  readonly kind: "interval" | "prefill" | "decode" | "request";
  /** Which of several engines in one replica, where the line says so: a number. */
  readonly rank?: string;
  /** Unit last in the name; ratios are 0 to 1. A figure the line does not have is absent. */
  readonly figures: Readonly<Record<string, number>>;
}

type Reading = readonly [name: string, pattern: RegExp, scale?: number];

const VLLM: readonly Reading[] = [
  ["prompt_tokens_per_s", /Avg prompt throughput: ([\d.]+) tokens\/s/],
  ["generation_tokens_per_s", /Avg generation throughput: ([\d.]+) tokens\/s/],
  ["running_requests", /Running: (\d+) reqs/],
  ["waiting_requests", /(?:Waiting|Pending): (\d+) reqs/],
  ["swapped_requests", /Swapped: (\d+) reqs/],
  ["kv_usage_ratio", /(?:GPU )?KV cache usage: ([\d.]+)%/, 0.01],
  ["prefix_hit_ratio", /Prefix cache hit rate: (?:GPU: )?([\d.]+)%/, 0.01],
];
const SGLANG: readonly Reading[] = [
  ["new_sequences", /#new-seq: (\d+)/],
  ["new_tokens", /#new-token: (\d+)/],
  ["cached_tokens", /#cached-token: (\d+)/],
  ["running_requests", /#running-req: (\d+)/],
  ["waiting_requests", /#queue-req: (\d+)/],
  ["used_tokens", /#token: (\d+)/],
  ["kv_usage_ratio", /token usage: ([\d.]+)/],
  ["generation_tokens_per_s", /gen throughput \(token\/s\): ([\d.]+)/],
  ["prompt_tokens_per_s", /input throughput \(token\/s\): ([\d.]+)/],
  ["accepted_draft_tokens", /accept len: ([\d.]+)/],
];
const TGI_SECONDS: readonly (readonly [name: string, field: string])[] = [
  ["total_s", "total_time"],
  ["validation_s", "validation_time"],
  ["queue_s", "queue_time"],
  ["inference_s", "inference_time"],
  ["per_token_s", "time_per_token"],
];
const SECONDS: Readonly<Record<string, number>> = { s: 1, ms: 1e-3, µs: 1e-6, us: 1e-6, ns: 1e-9 };

/** The numbers of a statistics line; undefined for any other. vLLM's hit rate is a long aggregate, not the interval's. */
export function parseEngineLine(text: string): EngineLine | undefined {
  if (text.length > 4096) return undefined;
  if (text.includes("Avg prompt throughput:"))
    return made("vllm", "interval", read(text, VLLM), /\bEngine (\d{1,3})\b/.exec(text)?.[1]);
  const kind = text.includes("Decode batch") ? "decode" : text.includes("Prefill batch") ? "prefill" : undefined;
  if (kind !== undefined) return made("sglang", kind, read(text, SGLANG), /\bDP(\d{1,3})\b/.exec(text)?.[1]);
  return text.includes("time_per_token") ? made("tgi", "request", tgi(text)) : undefined;
}

function made(
  engine: EngineLine["engine"],
  kind: EngineLine["kind"],
  figures: Record<string, number>,
  rank?: string,
): EngineLine | undefined {
  if (Object.keys(figures).length === 0) return undefined;
  return { engine, kind, ...(rank === undefined ? {} : { rank: String(Number(rank)) }), figures };
}

function read(text: string, readings: readonly Reading[]): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [name, pattern, scale] of readings) {
    const value = Number(pattern.exec(text)?.[1] ?? Number.NaN);
    if (Number.isFinite(value)) figures[name] = value * (scale ?? 1);
  }
  return figures;
}

/** `total_time="1.2s"` or, in JSON, `"total_time":"1.2s"`. */
function tgi(text: string): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [name, field] of TGI_SECONDS) {
    const found = new RegExp(`${field}"?\\s*[=:]\\s*"?([\\d.]+)(ns|us|µs|ms|s)\\b`).exec(text);
    const value = found === null ? Number.NaN : Number(found[1]) * (SECONDS[found[2]!] ?? Number.NaN);
    if (Number.isFinite(value)) figures[name] = value;
  }
  return figures;
}
