// One engine core: vLLM's V1 scheduler over a pool of KV blocks, a step at a time on virtual time.
import type { CostModel, StepWork } from "./cost-model.ts";
import type { Requests } from "./requests.ts";
import type { EngineConfig } from "./scenario.ts";
import { createSlotQueue } from "./slot-queue.ts";
import type { EngineStats } from "./stats.ts";
import { createStats, observe } from "./stats.ts";

export interface Engine {
  readonly stats: EngineStats;
  readonly blocksTotal: number;
  readonly blocksUsed: number;
  readonly running: number;
  readonly waiting: number;
  /** Virtual milliseconds at which the step under way ends; Infinity while idle or hung. */
  readonly stepEndsAt: number;
  /** Takes a request; `dispatchedAt` must be set. Starts a step if idle. */
  add(slot: number, nowMs: number): void;
  /** Ends the step under way and starts the next. Must be called at `stepEndsAt`. */
  step(): void;
  /** Drops a request the client gave up. False if the engine is stuck and keeps it. */
  abort(slot: number, nowMs: number): boolean;
  setHung(hung: boolean, nowMs: number): void;
  readonly hung: boolean;
  /** Every slot it holds, oldest scheduled first. */
  slots(): number[];
}

/** Called once for every request that ends by itself, before its slot is released. */
export type OnFinish = (slot: number, nowMs: number, reason: "stop" | "length") => void;

/**
 * Source of the rules: vLLM V1 `Scheduler.schedule`. Running requests first and in order; a request that finds no block
 * preempts the last running one to the head of the waiting list; waiting ones enter only in steps without preemption.
 * Blind to: prefix caching, speculative decoding, priorities, LoRA slots, remote KV.
 */
export function createEngine(
  config: EngineConfig,
  blocksTotal: number,
  cost: CostModel,
  requests: Requests,
  onFinish: OnFinish,
): Engine {
  const { promptTokens, outputTokens, generated, computed, blocks, scheduled } = requests;
  const { dispatchedAt, scheduledAt, firstTokenAt, lastTokenAt } = requests;
  const stats = createStats(config.max_model_len);
  const waiting = createSlotQueue(requests.capacity);
  const running = new Int32Array(config.max_num_seqs);
  const blockSize = config.block_size;
  const chunkMax = config.long_prefill_token_threshold || Number.MAX_SAFE_INTEGER;
  const work: StepWork = { prefillTokens: 0, prefillAttention: 0, decodeTokens: 0, decodeContext: 0, batch: 0 };
  let runningCount = 0;
  let blocksUsed = 0;
  let stepEndsAt = Number.POSITIVE_INFINITY;
  let hung = false;
  // Equal gaps between tokens come in runs: all that decoded in the step before share one.
  let gapMs = -1;
  let gapCount = 0;

  /** Gives a request `n` tokens of this step and the blocks they need. False if the pool has too few. */
  function give(slot: number, n: number): boolean {
    const done = computed[slot]!;
    const more = Math.ceil((done + n) / blockSize) - blocks[slot]!;
    if (more > blocksTotal - blocksUsed) return false;
    blocks[slot] = blocks[slot]! + more;
    blocksUsed += more;
    scheduled[slot] = n;
    work.batch++;
    if (n === 1 && generated[slot]! > 0) {
      work.decodeTokens++;
      work.decodeContext += done;
    } else {
      work.prefillTokens += n;
      work.prefillAttention += n * (done + n / 2);
    }
    return true;
  }

  function preemptLast(): number {
    const victim = running[--runningCount]!;
    blocksUsed -= blocks[victim]!;
    stats.recomputedTokens += computed[victim]!;
    blocks[victim] = 0;
    computed[victim] = 0;
    scheduled[victim] = 0;
    requests.preemptions[victim] = requests.preemptions[victim]! + 1;
    stats.preemptions++;
    waiting.pushFront(victim);
    return victim;
  }

  function wanted(slot: number, budget: number): number {
    return Math.min(promptTokens[slot]! + generated[slot]! - computed[slot]!, chunkMax, budget);
  }

  function schedule(nowMs: number): void {
    let budget = config.max_num_batched_tokens;
    let preempted = false;
    work.prefillTokens = 0;
    work.prefillAttention = 0;
    work.decodeTokens = 0;
    work.decodeContext = 0;
    work.batch = 0;
    for (let i = 0; i < runningCount; i++) {
      const slot = running[i]!;
      scheduled[slot] = 0;
      if (budget === 0) continue;
      const n = wanted(slot, budget);
      let given = give(slot, n);
      while (!given) {
        preempted = true;
        if (preemptLast() === slot) break;
        given = give(slot, n);
      }
      if (given) budget -= n;
    }
    while (!preempted && budget > 0 && runningCount < config.max_num_seqs) {
      const slot = waiting.peek();
      if (slot < 0) break;
      const n = wanted(slot, budget);
      if (!give(slot, n)) break;
      waiting.shift();
      running[runningCount++] = slot;
      budget -= n;
      if (Number.isNaN(scheduledAt[slot])) scheduledAt[slot] = nowMs;
    }
    stepEndsAt = work.batch === 0 ? Number.POSITIVE_INFINITY : nowMs + cost.stepMs(work);
  }

  /** A token came out: the first of an answer, or one more. */
  function emit(slot: number, nowMs: number): void {
    generated[slot] = generated[slot]! + 1;
    stats.generationTokens++;
    if (Number.isNaN(firstTokenAt[slot])) {
      firstTokenAt[slot] = nowMs;
      stats.promptTokens += promptTokens[slot]!;
      observe(stats.ttft, (nowMs - dispatchedAt[slot]! + cost.admissionMs) / 1000);
    } else {
      const gap = nowMs - lastTokenAt[slot]!;
      if (gap !== gapMs) flushGaps();
      gapMs = gap;
      gapCount++;
    }
    lastTokenAt[slot] = nowMs;
  }

  function flushGaps(): void {
    if (gapCount > 0) observe(stats.itl, gapMs / 1000, gapCount);
    gapCount = 0;
  }

  function observeEnd(slot: number, nowMs: number): void {
    observe(stats.e2e, (nowMs - dispatchedAt[slot]! + cost.admissionMs) / 1000);
    if (!Number.isNaN(scheduledAt[slot])) observe(stats.queue, (scheduledAt[slot]! - dispatchedAt[slot]!) / 1000);
    observe(stats.promptLength, promptTokens[slot]!);
    observe(stats.generationLength, generated[slot]!);
  }

  function complete(nowMs: number): void {
    let kept = 0;
    let tokens = 0;
    for (let i = 0; i < runningCount; i++) {
      const slot = running[i]!;
      const n = scheduled[slot]!;
      if (n > 0) {
        scheduled[slot] = 0;
        tokens += n;
        const done = computed[slot]! + n;
        computed[slot] = done;
        if (done === promptTokens[slot]! + generated[slot]!) {
          emit(slot, nowMs);
          const full = promptTokens[slot]! + generated[slot]! >= config.max_model_len;
          if (full || generated[slot]! >= outputTokens[slot]!) {
            blocksUsed -= blocks[slot]!;
            observeEnd(slot, nowMs);
            if (full) stats.lengthCapped++;
            else stats.stopped++;
            onFinish(slot, nowMs, full ? "length" : "stop");
            continue;
          }
        }
      }
      running[kept++] = slot;
    }
    runningCount = kept;
    flushGaps();
    stats.steps++;
    stats.computedTokens += tokens;
    observe(stats.iterationTokens, tokens);
    report();
  }

  function report(): void {
    stats.running = runningCount;
    stats.waiting = waiting.length;
    stats.kvUsage = blocksUsed / blocksTotal;
  }

  return {
    stats,
    blocksTotal,
    get blocksUsed() {
      return blocksUsed;
    },
    get running() {
      return runningCount;
    },
    get waiting() {
      return waiting.length;
    },
    get stepEndsAt() {
      return stepEndsAt;
    },
    get hung() {
      return hung;
    },
    add(slot, nowMs) {
      waiting.pushBack(slot);
      if (!hung && stepEndsAt === Number.POSITIVE_INFINITY) schedule(nowMs);
    },
    step() {
      const nowMs = stepEndsAt;
      complete(nowMs);
      schedule(nowMs);
    },
    abort(slot, nowMs) {
      if (hung) return false;
      if (!waiting.remove(slot)) {
        const i = running.subarray(0, runningCount).indexOf(slot);
        if (i < 0) throw new Error(`request slot ${slot} is not at this engine`);
        running.copyWithin(i, i + 1, runningCount);
        runningCount--;
        blocksUsed -= blocks[slot]!;
      }
      observeEnd(slot, nowMs);
      stats.aborted++;
      report();
      return true;
    },
    setHung(next, nowMs) {
      hung = next;
      if (hung) {
        stepEndsAt = Number.POSITIVE_INFINITY;
        return;
      }
      // What the step had scheduled is lost with it; the blocks are kept.
      schedule(nowMs);
    },
    slots: () => [...running.subarray(0, runningCount), ...waiting.toArray()],
  };
}
