// Advice on engine knobs and GPU-kernel parameters. It recommends; whether something is tried is decided elsewhere.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Recommendation } from "../model/recommendation.ts";
import type { Situation, Sources } from "./advisor.ts";
import { advisors } from "./advisors.ts";

export interface Tune {
  /** Advice of all advisors; one that fails is counted and says nothing. */
  recommend(situation: Situation): Promise<readonly Recommendation[]>;
}

export function createTune({ source, logs, telemetry }: Sources & { readonly telemetry: Telemetry }): Tune {
  return {
    async recommend(situation) {
      const advice: Recommendation[] = [];
      for (const advisor of advisors) {
        try {
          const found = await advisor.advise(situation, { source, logs });
          advice.push(...found);
          telemetry.count("homeostat.tune.recommendations", found.length, { advisor: advisor.name });
        } catch (error) {
          telemetry.count("homeostat.tune.errors", 1, { advisor: advisor.name });
          telemetry.log.error("an advisor failed", { advisor: advisor.name, error: String(error) });
        }
      }
      return advice;
    },
  };
}
