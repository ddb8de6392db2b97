// One engine core: vLLM's V1 scheduler over a pool of KV blocks, a step at a time on virtual time.
import { createAdapters } from "./adapters.ts";
import { neutral } from "./condition.ts";
import { type CostModel, clearWork, createWork } from "./cost-model.ts";
import { createDeferred } from "./deferred.ts";
import { createDrafts } from "./drafts.ts";
import type { Engine, EngineOptions, OnFinish } from "./engine-face.ts";
import { createEngineWatch } from "./engine-watch.ts";
import { createPool } from "./pool.ts";
import { createPrefixCache } from "./prefix-cache.ts";
import { CAPPED, type Requests, STRUCTURED, ZOMBIE } from "./requests.ts";
import type { EngineConfig } from "./scenario.ts";
import { createSlotQueue } from "./slot-queue.ts";
import { createStats, observe } from "./stats.ts";

/**
 * Source of the rules: vLLM V1 `Scheduler.schedule`. Running requests first and in order; a request that finds no block
 * preempts the last running one to the head of the waiting list; waiting ones enter only in steps without preemption, past
 * those whose adapter does not fit. One whose prompt exceeds the pool is never let in, and blocks all behind it.
 * Blind to: priorities, sharing of cached blocks.
 */
export function createEngine(
  config: EngineConfig,
  blocksTotal: number,
  cost: CostModel,
  requests: Requests,
  onFinish: OnFinish,
  { condition = neutral(), prefixGroups = 1, adapters: adapterCount = 0, random, deadline }: EngineOptions = {},
): Engine {
  const { promptTokens, outputTokens, generated, computed, scheduled, scheduledAt, readyAt, adapter } = requests;
  const stats = createStats(config.max_model_len);
  const watch = createEngineWatch(stats, requests, cost.admissionMs);
  const cache = createPrefixCache(prefixGroups, config.block_size);
  const adapters = createAdapters(config.max_loras, adapterCount);
  const waiting = createSlotQueue(requests.capacity);
  const running = new Int32Array(config.max_num_seqs);
  const skipped: number[] = [];
  const deferred = createDeferred(requests);
  const blockSize = config.block_size;
  const drafted = config.num_speculative_tokens;
  const drafts = createDrafts(stats, condition, random);
  const chunkMax = config.long_prefill_token_threshold || Number.MAX_SAFE_INTEGER;
  const work = createWork();
  const pool = createPool(blocksTotal, blockSize, condition, requests, cache, work);
  let runningCount = 0;
  const { all: deadlines, place } = deadline ?? { all: new Float64Array(1), place: 0 };
  deadlines[place] = Number.POSITIVE_INFINITY;
  let stallMs = 0;
  let hung = false;

  function takeOff(slot: number): void {
    pool.giveBack(slot);
    adapters.leave(adapter[slot]!);
  }

  function preemptLast(): number {
    const victim = running[--runningCount]!;
    takeOff(victim);
    stats.recomputedTokens += computed[victim]!;
    computed[victim] = 0;
    scheduled[victim] = 0;
    requests.preemptions[victim] = requests.preemptions[victim]! + 1;
    stats.preemptions++;
    waiting.pushFront(victim);
    return victim;
  }

  function wanted(slot: number, budget: number): number {
    const left = promptTokens[slot]! + generated[slot]! - computed[slot]!;
    const ahead = drafted > 0 && left === 1 && generated[slot]! > 0 ? drafted : 0;
    return Math.min(left + ahead, chunkMax, budget);
  }

  function schedule(nowMs: number): void {
    let budget = config.max_num_batched_tokens;
    let preempted = false;
    clearWork(work);
    for (let i = 0; i < runningCount; i++) {
      const slot = running[i]!;
      scheduled[slot] = 0;
      if (budget === 0) continue;
      if (drafted === 0 && pool.giveOne(slot)) {
        budget--;
        continue;
      }
      const n = wanted(slot, budget);
      let given = pool.give(slot, n);
      while (!given) {
        preempted = true;
        if (preemptLast() === slot) break;
        given = pool.give(slot, n);
      }
      if (given) budget -= n;
    }
    if (deferred.length > 0) resumeDeferred(nowMs);
    while (!preempted && budget > 0 && runningCount < config.max_num_seqs) {
      const slot = waiting.peek();
      if (slot < 0) break;
      if (adapter[slot]! > 0 && !adapters.fits(adapter[slot]!)) {
        skipped.push(waiting.shift());
        continue;
      }
      const entered = enter(slot, budget, nowMs);
      if (entered < 0) break;
      budget -= entered;
    }
    while (skipped.length > 0) waiting.pushFront(skipped.pop()!);
    deadlines[place] =
      work.batch === 0 ? deferred.nextAt : nowMs + cost.stepMs(work) * (1 + drafts.stepShare * drafted) + stalled();
  }

  /** Lets a waiting request in; returns the tokens it got, or -1 if there is no room. */
  function enter(slot: number, budget: number, nowMs: number): number {
    if (Math.ceil(promptTokens[slot]! / blockSize) > pool.size()) return -1;
    if (condition.deferMs > 0 && Number.isNaN(readyAt[slot])) return defer(slot, nowMs);
    if (config.enable_prefix_caching && computed[slot] === 0) {
      const most = Math.min(requests.prefixTokens[slot]!, promptTokens[slot]! - 1);
      const found = condition.prefixOff ? 0 : cache.lookUp(requests.prefixGroup[slot]!, most);
      computed[slot] = found;
      if (!pool.give(slot, wanted(slot, budget))) {
        computed[slot] = 0;
        return -1;
      }
      if (requests.preemptions[slot] === 0) {
        stats.prefixQueries += promptTokens[slot]!;
        stats.prefixHits += found;
      }
    } else if (!pool.give(slot, wanted(slot, budget))) return -1;
    waiting.shift();
    if (adapters.enter(adapter[slot]!)) stallMs += condition.loraLoadMs;
    if (condition.grammarMs > 0 && requests.marks[slot]! & STRUCTURED) stallMs += condition.grammarMs;
    running[runningCount++] = slot;
    if (Number.isNaN(scheduledAt[slot])) scheduledAt[slot] = nowMs;
    return scheduled[slot]!;
  }

  /** It holds its blocks and waits for its cache from elsewhere. */
  function defer(slot: number, nowMs: number): number {
    const need = Math.ceil(promptTokens[slot]! / blockSize);
    if (!pool.hold(slot, need)) return -1;
    deferred.add(waiting.shift(), nowMs + condition.deferMs);
    return 0;
  }

  /** The transfer failed: what was to come is computed here, before all others. */
  function resumeDeferred(nowMs: number): void {
    for (;;) {
      const slot = deferred.due(condition.deferMs === 0 ? Number.POSITIVE_INFINITY : nowMs);
      if (slot < 0) return;
      pool.giveBack(slot);
      stats.transfersFailed++;
      waiting.pushFront(slot);
    }
  }

  function stalled(): number {
    const ms = stallMs;
    stallMs = 0;
    return ms;
  }

  function complete(nowMs: number): void {
    let kept = 0;
    let tokens = 0;
    for (let i = 0; i < runningCount; i++) {
      const slot = running[i]!;
      const n = scheduled[slot]!;
      if (n > 0) {
        scheduled[slot] = 0;
        const goal = promptTokens[slot]! + generated[slot]!;
        const done = computed[slot]! + n;
        // With a draft more was scheduled than was known: what is not accepted is computed again.
        const more = done > goal ? drafts.accept(done - goal, outputTokens[slot]! - generated[slot]! - 1) : 0;
        tokens += done > goal ? 1 + more : n;
        computed[slot] = done > goal ? goal + more : done;
        if (done >= goal) {
          generated[slot] = generated[slot]! + 1 + more;
          stats.generationTokens += 1 + more;
          watch.emitted(slot, nowMs);
          if (ends(slot, nowMs)) continue;
        }
      }
      running[kept++] = slot;
    }
    runningCount = kept;
    watch.flush();
    if (work.batch > 0) {
      stats.steps++;
      stats.computedTokens += tokens;
      observe(stats.iterationTokens, tokens);
    }
    report();
  }

  function ends(slot: number, nowMs: number): boolean {
    const full = promptTokens[slot]! + generated[slot]! >= config.max_model_len;
    if (!full && generated[slot]! < outputTokens[slot]!) return false;
    const mark = requests.marks[slot]!;
    if (mark & ZOMBIE) {
      // Goes round in its last blocks for ever.
      const back = Math.min(64, generated[slot]! - 1);
      generated[slot] = generated[slot]! - back;
      computed[slot] = computed[slot]! - back;
      return false;
    }
    if (config.enable_prefix_caching) cache.keep(requests.prefixGroup[slot]!, requests.prefixTokens[slot]!);
    takeOff(slot);
    cache.fit(pool.free());
    watch.ended(slot, nowMs);
    const long = full || (mark & CAPPED) > 0;
    if (long) stats.lengthCapped++;
    else stats.stopped++;
    onFinish(slot, nowMs, long ? "length" : "stop");
    return true;
  }

  function report(): void {
    stats.running = runningCount;
    stats.deferred = deferred.length;
    stats.waiting = waiting.length + deferred.length;
    stats.kvUsage = (pool.used + condition.leakedBlocks) / blocksTotal;
  }

  /** Takes a request out, wherever it is. */
  function remove(slot: number): void {
    if (waiting.remove(slot)) return;
    if (deferred.remove(slot)) {
      pool.giveBack(slot);
      return;
    }
    const i = running.subarray(0, runningCount).indexOf(slot);
    if (i < 0) throw new Error(`request slot ${slot} is not at this engine`);
    running.copyWithin(i, i + 1, runningCount);
    runningCount--;
    takeOff(slot);
  }

  return {
    stats,
    blocksTotal,
    get blocksUsed() {
      return pool.used;
    },
    get running() {
      return runningCount;
    },
    get waiting() {
      return waiting.length + deferred.length;
    },
    get stepEndsAt() {
      return deadlines[place]!;
    },
    get hung() {
      return hung;
    },
    add(slot, nowMs) {
      waiting.pushBack(slot);
      if (!hung && deadlines[place] === Number.POSITIVE_INFINITY) schedule(nowMs);
    },
    step() {
      const nowMs = deadlines[place]!;
      complete(nowMs);
      schedule(nowMs);
    },
    abort(slot, nowMs) {
      if (hung) return false;
      remove(slot);
      watch.ended(slot, nowMs);
      stats.aborted++;
      report();
      return true;
    },
    forget(slot) {
      remove(slot);
      report();
    },
    stall(ms) {
      if (deadlines[place] === Number.POSITIVE_INFINITY) stallMs += ms;
      else deadlines[place] = deadlines[place]! + ms;
    },
    resetPrefixCache: cache.clear,
    setHung(next, nowMs) {
      hung = next;
      if (hung) {
        deadlines[place] = Number.POSITIVE_INFINITY;
        return;
      }
      // What the step had scheduled is lost with it; the blocks are kept.
      schedule(nowMs);
    },
    slots: () => [...running.subarray(0, runningCount), ...deferred.slots(), ...waiting.toArray()],
    adapters: () => ({
      running: adapters.running(),
      waiting: [...new Set(waiting.toArray().map((slot) => adapter[slot]!))].filter((each) => each > 0),
    }),
  };
}
