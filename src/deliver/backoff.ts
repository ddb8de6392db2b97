// How long to wait before the next try.
import { stableId } from "../model/ids.ts";

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
}

/** Retry-After beyond this is not followed to the letter: a receiver cannot park a message for ever. */
const retryAfterMsMax = 6 * 3_600_000;
const usual: Backoff = { firstMs: 1000, maxMs: 3_600_000, factor: 2 };

/**
 * Exponential back-off with "equal jitter": half fixed, half random, so that many messages do not come back at once
 * and none comes back at once. Never shorter than what the receiver asked for. `attempts` counts from 1.
 */
export function backoffMs(
  options: Partial<Backoff> | undefined,
  id: string,
  attempts: number,
  retryAfterMs: number | undefined,
  random?: () => number,
): number {
  const { firstMs, maxMs, factor } = { ...usual, ...options };
  const full = Math.min(maxMs, firstMs * factor ** (attempts - 1));
  const share = random?.() ?? Number.parseInt(stableId(id, attempts).slice(0, 8), 16) / 2 ** 32;
  return Math.round(Math.max(full / 2 + (full / 2) * share, Math.min(retryAfterMs ?? 0, retryAfterMsMax)));
}
