// Requests with planted carriers, for tests: what each is like, before and since an onset.

import { normal, type Random, seededRandom } from "../../../src/math/random.ts";
import { type RequestSample, type SaidOfRequest, saidOfRequests } from "../../../src/model/ports/request-source.ts";

export interface MadeRequest {
  readonly at: number;
  readonly said: Partial<Record<SaidOfRequest, string>>;
  inputTokens: number;
  outputTokens: number;
  seconds: number;
  failed: boolean;
}

/** What a planted fault does to a request that began at or after the onset. */
export type Plant = (request: MadeRequest, random: Random) => void;

/** Long prompts are the slow ones, tenants and replicas differ, and bursts of slowness come and go: without any fault. */
export function makeRequests(
  options: { readonly count: number; readonly from: number; readonly to: number; readonly seed: number },
  plant?: Plant,
): readonly MadeRequest[] {
  const { count, from, to, seed } = options;
  const random = seededRandom(seed);
  const pick = <T>(items: readonly (readonly [T, number])[]): T => {
    let left = random() * items.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return items.at(-1)![0];
  };
  const tenants = [
    ["acme", 5],
    ["beta", 4],
    ["gamma", 3],
    ["delta", 2],
    ["epsilon", 1],
    ["zeta", 0.5],
  ] as const;
  const replicas = ["vllm-0", "vllm-1", "vllm-2", "vllm-3"] as const;
  return Array.from({ length: count }, (_, i): MadeRequest => {
    const at = from + ((i + random()) / count) * (to - from);
    const tenant = pick(tenants);
    const replica = replicas[Math.floor(random() * replicas.length)]!;
    const long = random() < (tenant === "gamma" ? 0.4 : 0.1);
    const inputTokens = Math.round(long ? 6000 * Math.exp(0.4 * normal(random)) : 400 * Math.exp(0.7 * normal(random)));
    const outputTokens = Math.round(200 * Math.exp(0.6 * normal(random)));
    const busy = Math.sin(at / 97_000) > 0.9 ? 1.6 : 1;
    const request = {
      at,
      said: {
        tenant,
        replica,
        model: random() < 0.7 ? "llama-8b" : "llama-70b",
        version: "0.9.2",
        node: `node-${replica.slice(-1)}`,
        route: random() < 0.8 ? "/v1/chat/completions" : "/v1/completions",
        streaming: String(random() < 0.6),
        finish_reason: random() < 0.9 ? "stop" : "length",
        caller: random() < 0.5 ? "chat-app" : "agent-app",
      },
      inputTokens,
      outputTokens,
      seconds: (0.2 + inputTokens / 8000 + outputTokens / 60) * busy * Math.exp(0.25 * normal(random)),
      failed: random() < 0.01,
    };
    plant?.(request, random);
    return request;
  });
}

export function sampleOf(requests: readonly MadeRequest[]): RequestSample {
  const column = (pick: (request: MadeRequest) => number): Float64Array => Float64Array.from(requests, pick);
  const said = saidOfRequests.map((name) => [name, requests.map((one) => one.said[name] ?? "")] as const);
  return {
    requests: requests.length,
    share: 1,
    at: column(({ at }) => at),
    seconds: column(({ seconds }) => seconds),
    firstTokenSeconds: column(() => Number.NaN),
    inputTokens: column(({ inputTokens }) => inputTokens),
    outputTokens: column(({ outputTokens }) => outputTokens),
    failed: Uint8Array.from(requests, ({ failed }) => (failed ? 1 : 0)),
    said: Object.fromEntries(said) as unknown as RequestSample["said"],
  };
}
