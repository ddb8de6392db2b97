// What is known of a series before anything is learned of it: whether it only says how much is asked for, and whom it is compared with.
import { METRIC_NAME } from "../../model/labels.ts";
import type { SeriesFacts } from "../../model/ports/series-steps.ts";

export interface SeriesProfile {
  readonly facts: SeriesFacts;
  /** How much comes in or is worked on, which is neither good nor bad: it never begins an episode group. */
  readonly load: boolean;
  /** Its own and its siblings' episodes are one group's. */
  readonly group: string;
  /** Place among {@link pools}. */
  readonly pool: number;
}

/** Scores of series that read alike are calibrated together. */
export const pools = ["series/value", "series/rate", "series/p95"] as const;

const readings = ["value", "rate", "p95"] as const;
/** Words of counters that count what should not be. */
const troubles =
  /err|fail|drop|timeout|retr|reject|evict|preempt|throttl|oom|xid|abort|cancel|discard|lost|crash|restart|exceed|violat|corrupt|denied|refus|unhealthy|overflow|warn|fatal|panic|kill/i;

export function profileOf(facts: SeriesFacts): SeriesProfile {
  const load = facts.reading === "rate" && facts.harm === "either" && !troubles.test(facts.labels()[METRIC_NAME] ?? "");
  return { facts, load, group: facts.parent ?? facts.entity, pool: readings.indexOf(facts.reading) };
}
