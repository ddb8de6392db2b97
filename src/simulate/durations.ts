// Durations as people write them: `900s`, `2.5s`, `250ms`, `15m`, `1h`.
import { z } from "zod";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const form = "a duration such as 900s, 250ms, 15m or 1h";

/** Milliseconds. */
export const Duration = z
  .string({ error: `must be ${form}` })
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, { error: `must be ${form}` })
  .transform(toMs);

/** Milliseconds, also negative ones. */
export const Offset = z
  .string({ error: `must be ${form}, with a - before it for less` })
  .regex(/^-?\d+(\.\d+)?(ms|s|m|h)$/, { error: `must be ${form}, with a - before it for less` })
  .transform(toMs);

function toMs(text: string): number {
  const found = /^(-?[\d.]+)([a-z]+)$/.exec(text)!;
  return Number(found[1]) * unitMs[found[2]!]!;
}
