// What follows a cause: the queue it fills, the cache that overflows, the clients that ask again look like causes of their own.
import type { FailureMode } from "../model/failure-mode.ts";

/** How often what a mode may bring about is there when the mode is: a guess that only has to be far from never. */
const followsShare = 0.3;

/** Whether the discriminator speaks for something that the settled cause brings about itself. */
export function isForgiven(mode: FailureMode, against: string, settled: FailureMode | undefined): boolean {
  return settled?.id === mode.id && mode.consequences.includes(against);
}

/**
 * Log odds that a settled cause has of explaining what came after it: "the cause, and what it brings about" is one explanation, and where
 * the latter is seen it is as well explained by that as by itself, at the price of {@link followsShare} (explaining away; Pearl,
 * Probabilistic Reasoning in Intelligent Systems, 1988, 4.3). The likeliest of its consequences counts: they are views of one overload.
 * Blind to a second trouble of that very kind.
 */
export function aftermathOf(
  settled: FailureMode,
  judged: readonly { readonly mode: Pick<FailureMode, "id">; readonly logOdds: number }[],
): number {
  let most = 0;
  for (const { mode, logOdds } of judged) {
    if (!settled.consequences.includes(mode.id)) continue;
    most = Math.max(most, Math.log(1 - followsShare + followsShare * Math.exp(logOdds)));
  }
  return most;
}
