// The scheduler's rules, one by one and under random load.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CostModel } from "../../src/simulate/cost-model.ts";
import { createEngine } from "../../src/simulate/engine.ts";
import { createRequests } from "../../src/simulate/requests.ts";
import { EngineConfig } from "../../src/simulate/scenario.ts";

/** Every step takes 10 ms. */
const flatCost: CostModel = { stepMs: () => 10, admissionMs: 0 };

function bench(blocks: number, flags: Partial<EngineConfig> = {}) {
  const requests = createRequests(1024);
  const finished: number[] = [];
  const config = EngineConfig.parse({ max_model_len: 256, max_num_batched_tokens: 64, ...flags });
  const engine = createEngine(config, blocks, flatCost, requests, (slot) => {
    finished.push(slot);
    requests.release(slot);
  });
  const send = (promptTokens: number, outputTokens: number, atMs = 0): number => {
    const slot = requests.take();
    requests.promptTokens[slot] = promptTokens;
    requests.outputTokens[slot] = outputTokens;
    requests.dispatchedAt[slot] = atMs;
    engine.add(slot, atMs);
    return slot;
  };
  const drain = (stepsMax = 100_000): void => {
    for (let i = 0; i < stepsMax && engine.stepEndsAt < Number.POSITIVE_INFINITY; i++) engine.step();
  };
  return { engine, requests, send, drain, finished };
}

describe("the scheduler", () => {
  test("a long prompt is computed in chunks of the token budget", () => {
    const { engine, requests, send } = bench(100);
    const slot = send(150, 5);
    engine.step();
    expect(requests.computed[slot]).toBe(64);
    engine.step();
    engine.step();
    expect(requests.computed[slot]).toBe(150);
    expect(requests.generated[slot]).toBe(1);
    expect(engine.stats.ttft.count).toBe(1);
    expect(engine.stats.ttft.sum).toBeCloseTo(0.03, 9);
  });

  test("running requests decode before waiting ones get the rest of the budget", () => {
    const { engine, requests, send } = bench(100);
    const first = send(60, 50);
    engine.step();
    const second = send(100, 5, 10);
    engine.step();
    engine.step();
    expect(requests.generated[first]).toBe(3);
    expect(requests.computed[second]).toBe(63);
  });

  test("a prompt chunk is no longer than the long-prefill threshold", () => {
    const { engine, requests, send } = bench(100, { long_prefill_token_threshold: 20 });
    const slot = send(100, 5);
    engine.step();
    expect(requests.computed[slot]).toBe(20);
  });

  test("blocks are allocated by 16 tokens, rounded up", () => {
    const { engine, send } = bench(100);
    send(17, 50);
    expect(engine.blocksUsed).toBe(2);
    send(16, 50);
    engine.step();
    expect(engine.blocksUsed).toBe(3);
  });

  test("when blocks run out the last running request goes to the head of the waiting list and starts over", () => {
    const { engine, requests, send } = bench(5);
    const first = send(47, 60);
    const second = send(20, 60);
    const third = send(10, 5);
    engine.step();
    expect(engine.running).toBe(2);
    expect(engine.stats.preemptions).toBe(0);
    engine.step();
    expect(engine.stats.preemptions).toBe(1);
    expect(engine.slots()).toEqual([first, second, third]);
    expect(requests.computed[second]).toBe(0);
    expect(requests.preemptions[second]).toBe(1);
    expect(requests.generated[second]).toBe(1);
  });

  test("nothing is admitted in a step that preempted, not even what would fit", () => {
    // With chunks of 16 the victim itself could come back at once: one of its two blocks is still free.
    const { engine, send } = bench(5, { long_prefill_token_threshold: 16 });
    send(47, 60);
    send(20, 60);
    while (engine.stats.preemptions === 0) engine.step();
    expect(engine.blocksUsed).toBe(4);
    expect(engine.running).toBe(1);
    engine.step();
    expect(engine.running).toBe(2);
  });

  test("no more requests run than max_num_seqs", () => {
    const { engine, send } = bench(100, { max_num_seqs: 2 });
    for (let i = 0; i < 5; i++) send(4, 50);
    engine.step();
    expect(engine.running).toBe(2);
    expect(engine.waiting).toBe(3);
  });

  test("an answer ends with reason length where the model's context ends", () => {
    const { engine, send, drain } = bench(100);
    send(250, 100);
    drain();
    expect(engine.stats.lengthCapped).toBe(1);
    expect(engine.stats.generationTokens).toBe(6);
  });

  test("a stuck engine reports what it last reported and takes no step until it goes on", () => {
    const { engine, send, drain } = bench(100);
    send(4, 50);
    engine.step();
    engine.setHung(true, 15);
    send(4, 50, 20);
    expect(engine.stepEndsAt).toBe(Number.POSITIVE_INFINITY);
    expect(engine.stats.waiting).toBe(0);
    expect(engine.waiting).toBe(1);
    engine.setHung(false, 100);
    drain();
    expect(engine.stats.stopped).toBe(2);
  });

  test("an aborted request gives its blocks back", () => {
    const { engine, requests, send, drain } = bench(100);
    const slot = send(30, 50);
    send(30, 5);
    engine.step();
    expect(engine.abort(slot, 12)).toBe(true);
    requests.release(slot);
    drain();
    expect(engine.blocksUsed).toBe(0);
    expect(engine.stats.aborted).toBe(1);
    expect(engine.stats.stopped).toBe(1);
  });
});

const load = fc.array(
  fc.record({
    prompt: fc.integer({ min: 1, max: 200 }),
    output: fc.integer({ min: 1, max: 120 }),
    stepsBefore: fc.integer({ min: 0, max: 8 }),
  }),
  { minLength: 1, maxLength: 40 },
);

describe("under any load", () => {
  test("blocks stay within the pool, match what requests hold, and every request ends", () => {
    fc.assert(
      fc.property(load, fc.integer({ min: 16, max: 60 }), (arrivals, blocks) => {
        const { engine, requests, send, drain, finished } = bench(blocks, { max_num_seqs: 16 });
        let nowMs = 0;
        const check = (): void => {
          let held = 0;
          for (const slot of engine.slots()) held += requests.blocks[slot]!;
          expect(engine.blocksUsed).toBe(held);
          expect(engine.blocksUsed).toBeGreaterThanOrEqual(0);
          expect(engine.blocksUsed).toBeLessThanOrEqual(blocks);
        };
        for (const { prompt, output, stepsBefore } of arrivals) {
          for (let i = 0; i < stepsBefore && engine.stepEndsAt < Number.POSITIVE_INFINITY; i++) {
            nowMs = engine.stepEndsAt;
            engine.step();
            check();
          }
          send(prompt, output, nowMs);
        }
        drain();
        check();
        const { stats } = engine;
        expect(finished.length).toBe(arrivals.length);
        expect(stats.stopped + stats.lengthCapped).toBe(arrivals.length);
        expect(stats.ttft.count).toBe(arrivals.length);
        expect(stats.itl.count).toBe(stats.generationTokens - arrivals.length);
        expect(engine.blocksUsed).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test("work thrown away by preemption rises as the pool shrinks", () => {
    const wasted = [4200, 2800, 1600, 800, 400].map((blocks) => {
      const { engine, send, drain } = bench(blocks, { max_model_len: 4096, max_num_batched_tokens: 8192 });
      for (let i = 0; i < 96; i++) send(200 + (i % 7) * 30, 400);
      drain();
      return engine.stats.recomputedTokens / engine.stats.computedTokens;
    });
    expect(wasted[0]).toBe(0);
    expect(wasted[4]).toBeGreaterThan(0.1);
    expect(wasted).toEqual([...wasted].sort((a, b) => a - b));
  });
});
