// Speculative decoding: how many of the tokens a draft proposes stand, and what is counted of it.
import type { Condition } from "./condition.ts";
import type { Random } from "./random.ts";
import type { EngineStats } from "./stats.ts";

export interface Drafts {
  /** Part of a step that each drafted token costs beyond being checked. */
  readonly stepShare: number;
  /** How many of `proposed` tokens stand, at most `most`. */
  accept(proposed: number, most: number): number;
}

/** Source: each token is accepted on its own until one is not (Leviathan et al. 2023). Without `random` none is. */
export function createDrafts(stats: EngineStats, condition: Condition, random: Random | undefined): Drafts {
  return {
    stepShare: 0.03,
    accept(proposed, most) {
      let accepted = 0;
      while (accepted < proposed && random !== undefined && random.uniform() < condition.acceptance) accepted++;
      stats.drafts++;
      stats.draftTokens += proposed;
      stats.acceptedTokens += accepted;
      return Math.max(0, Math.min(accepted, most));
    },
  };
}
