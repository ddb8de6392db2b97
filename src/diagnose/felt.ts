// Whether people feel it: tokens come outright later than minutes before, and no more of them are made.
import type { EntityId } from "../model/entity.ts";
import type { Instant } from "../model/time.ts";
import type { Queries } from "./queries.ts";

/** Of engines that count the time between tokens when a token comes, not when a request ends. */
const histograms = [
  "vllm:inter_token_latency_seconds",
  "vllm:time_per_output_token_seconds",
  "sglang:inter_token_latency_seconds",
] as const;
/** Two windows side by side: one long prompt that holds up decoding for half a minute fills neither. */
const windowS = 45;
const before = "[10m] offset 3m";
/** A young process has no minutes before of its own, and its first are slow. */
const youngS = 600;
/** So many times later, and at most so many times the tokens: the other way round it is load. */
const laterBy = 1.8;
const moreBy = 1.1;

export const feltExpr = histograms.map(feltIn).join(" or ");

/**
 * Replicas whose tokens come outright later. The mean is taken, since a stall of all streams is one gap in hundreds: no
 * quantile shows it. Blind while there were no tokens minutes before, to a stop of all tokens (no gap ends), and where scrapes
 * are further apart than 20 seconds.
 */
export async function felt(queries: Queries, at: Instant): Promise<ReadonlySet<EntityId>> {
  return new Set((await queries.byEntity(feltExpr, at))?.keys() ?? []);
}

function feltIn(histogram: string): string {
  const usual = `${laterBy} * ${mean(histogram, before)}`;
  const tokens = (range: string): string => `sum by (entity) (rate(${histogram}_count${range}))`;
  return [
    `${mean(histogram, `[${windowS}s]`)} > ${usual}`,
    `${mean(histogram, `[${windowS}s] offset ${windowS}s`)} > ${usual}`,
    `${tokens(`[${2 * windowS}s]`)} < ${moreBy} * ${tokens(before)}`,
    `(time() - max by (entity) (process_start_time_seconds) > ${youngS})`,
  ].join(" and on (entity) ");
}

function mean(histogram: string, range: string): string {
  return `(sum by (entity) (rate(${histogram}_sum${range})) / (sum by (entity) (rate(${histogram}_count${range})) > 0))`;
}
