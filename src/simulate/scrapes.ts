// When each target is scraped: all at the same interval, each at its own offset, a little late now and then, some not at all.
import { createRandom } from "./random.ts";
import type { Scenario } from "./scenario.ts";

export interface Scrapes {
  /** Virtual milliseconds of the next scrape of any target; Infinity if there are no targets. */
  readonly nextAt: number;
  /** The target whose turn it is, and whether the scrape gets lost on the way. */
  /** There are so many targets now. */
  fit(targets: number): void;
  take(): { readonly target: number; readonly lost: boolean };
}

/** A scrape is at most this share of the interval late. */
const jitterShare = 0.004;

/** Source of the offsets: Prometheus spreads its targets over the interval so. */
export function createScrapes(scenario: Scenario, targets: number): Scrapes {
  const random = createRandom(scenario.seed, "scrapes");
  const { scrapeMs, drop } = scenario.telemetry;
  const slots = Array.from({ length: targets }, () => Math.floor(random.uniform() * scrapeMs));
  const due = [...slots];
  let next = earliest();

  function earliest(): number {
    let first = 0;
    for (let i = 1; i < due.length; i++) if (due[i]! < due[first]!) first = i;
    return first;
  }

  return {
    get nextAt() {
      return due[next] ?? Number.POSITIVE_INFINITY;
    },
    fit(count) {
      for (const now = due[next] ?? 0; due.length < count; ) {
        const at = now + Math.floor(random.uniform() * scrapeMs);
        slots.push(at);
        due.push(at);
      }
    },
    take() {
      const target = next;
      slots[target] = slots[target]! + scrapeMs;
      due[target] = slots[target]! + Math.floor(random.uniform() * jitterShare * scrapeMs);
      next = earliest();
      return { target, lost: random.uniform() < drop };
    },
  };
}
