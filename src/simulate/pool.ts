// The KV blocks of an engine, and what requests get of them in a step.
import type { Condition } from "./condition.ts";
import type { StepWork } from "./cost-model.ts";
import type { PrefixCache } from "./prefix-cache.ts";
import type { Requests } from "./requests.ts";

export interface Pool {
  /** Blocks that requests hold. */
  readonly used: number;
  /** Blocks there are for requests, leaked ones not counted. */
  size(): number;
  free(): number;
  /** Gives a request `n` tokens of this step and the blocks they need. False if there are too few. */
  give(slot: number, n: number): boolean;
  /** One more token for an answer under way that has room for it in its last block. False for all others. */
  giveOne(slot: number): boolean;
  /** Gives it so many blocks in all, and nothing to compute. False if there are too few. */
  hold(slot: number, count: number): boolean;
  giveBack(slot: number): void;
}

/** Adds to `work` what is given; lets the cache go where blocks are needed. */
export function createPool(
  total: number,
  blockSize: number,
  condition: Condition,
  { promptTokens, generated, computed, blocks, scheduled }: Requests,
  cache: PrefixCache,
  work: StepWork,
): Pool {
  let used = 0;

  function hold(slot: number, count: number): boolean {
    const more = count - blocks[slot]!;
    if (more === 0) return true;
    const left = total - condition.leakedBlocks - used - more;
    if (left < 0) return false;
    blocks[slot] = count;
    used += more;
    if (cache.blocks > left) cache.fit(left);
    return true;
  }

  return {
    get used() {
      return used;
    },
    size: () => total - condition.leakedBlocks,
    free: () => total - condition.leakedBlocks - used,
    hold,
    giveOne(slot) {
      const done = computed[slot]!;
      const made = generated[slot]!;
      if (made === 0 || promptTokens[slot]! + made - done !== 1 || done >= blocks[slot]! * blockSize) return false;
      scheduled[slot] = 1;
      work.batch++;
      work.decodeTokens++;
      work.decodeContext += done;
      return true;
    },
    give(slot, n) {
      const done = computed[slot]!;
      if (!hold(slot, Math.max(blocks[slot]!, Math.ceil((done + n) / blockSize)))) return false;
      scheduled[slot] = n;
      work.batch++;
      if (generated[slot]! > 0 && promptTokens[slot]! + generated[slot]! - done === 1) {
        work.decodeTokens++;
        work.decodeContext += done;
        // Drafted tokens are checked as a prompt is computed.
        work.prefillTokens += n - 1;
      } else {
        work.prefillTokens += n;
        work.prefillAttention += n * (done + n / 2);
      }
      return true;
    },
    giveBack(slot) {
      used -= blocks[slot]!;
      blocks[slot] = 0;
    },
  };
}
