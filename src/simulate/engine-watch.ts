// What an engine observes of its requests, when vLLM does: first tokens and gaps as they come, all else at the end.
import type { Requests } from "./requests.ts";
import type { EngineStats } from "./stats.ts";
import { observe } from "./stats.ts";

export interface EngineWatch {
  /** A token came out: the first of an answer, or one more. Several at once are told as one. */
  emitted(slot: number, nowMs: number): void;
  /** The step is over. */
  flush(): void;
  /** The request ends, by itself or not. */
  ended(slot: number, nowMs: number): void;
}

export function createEngineWatch(stats: EngineStats, requests: Requests, admissionMs: number): EngineWatch {
  const { dispatchedAt, scheduledAt, firstTokenAt, lastTokenAt, promptTokens, generated } = requests;
  // Equal gaps between tokens come in runs: all that decoded in the step before share one.
  let gapMs = -1;
  let gapCount = 0;

  function flush(): void {
    if (gapCount > 0) observe(stats.itl, gapMs / 1000, gapCount);
    gapCount = 0;
  }

  return {
    emitted(slot, nowMs) {
      if (Number.isNaN(firstTokenAt[slot])) {
        firstTokenAt[slot] = nowMs;
        stats.promptTokens += promptTokens[slot]!;
        observe(stats.ttft, (nowMs - dispatchedAt[slot]! + admissionMs) / 1000);
      } else {
        const gap = nowMs - lastTokenAt[slot]!;
        if (gap !== gapMs) flush();
        gapMs = gap;
        gapCount++;
      }
      lastTokenAt[slot] = nowMs;
    },
    flush,
    ended(slot, nowMs) {
      observe(stats.e2e, (nowMs - dispatchedAt[slot]! + admissionMs) / 1000);
      observe(stats.promptLength, promptTokens[slot]!);
      observe(stats.generationLength, generated[slot]!);
      observe(stats.limit, requests.limit[slot]!);
      if (Number.isNaN(scheduledAt[slot])) return;
      observe(stats.queue, (scheduledAt[slot]! - dispatchedAt[slot]!) / 1000);
      const first = firstTokenAt[slot]!;
      if (Number.isNaN(first)) return;
      observe(stats.prefill, (first - scheduledAt[slot]!) / 1000);
      observe(stats.decode, (lastTokenAt[slot]! - first) / 1000);
      if (generated[slot]! > 1) observe(stats.tpot, (lastTokenAt[slot]! - first) / (generated[slot]! - 1) / 1000);
    },
  };
}
