// The cost model and the KV capacity against published figures.
import { describe, expect, test } from "vitest";
import { createCostModel } from "../../src/simulate/cost-model.ts";
import { gpus, kvBlocks, kvBytesPerToken, models } from "../../src/simulate/hardware.ts";

const options = { moeConfigTuned: true, stepTimeFactor: 1 };
const llama = createCostModel(models["llama-3-8b"], gpus.h100, options);

function decode(batch: number, context: number) {
  return { prefillTokens: 0, prefillAttention: 0, decodeTokens: batch, decodeContext: batch * context, batch };
}

function prefill(tokens: number) {
  const prefillAttention = (tokens * tokens) / 2;
  return { prefillTokens: tokens, prefillAttention, decodeTokens: 0, decodeContext: 0, batch: 1 };
}

describe("the cost model", () => {
  test.each([
    [1, 6.9],
    [16, 8.1],
    [64, 12.0],
    [128, 17.2],
    [256, 27.5],
  ])("an 8B model on an H100 decodes a batch of %i at 1k context in %f ms", (batch, ms) => {
    expect(llama.stepMs(decode(batch, 1000))).toBeCloseTo(ms, 0);
  });

  test("prefill runs at the speed that 45 % of the peak allows, never above the peak", () => {
    const ms = llama.stepMs(prefill(8192));
    expect(ms).toBeGreaterThan(132);
    expect(8192 / (ms / 1000)).toBeGreaterThan(20_000);
    expect(8192 / (ms / 1000)).toBeLessThan(35_000);
  });

  test("a mixture of experts reads few experts for one token and nearly all for a batch", () => {
    const moe = createCostModel(models["qwen3-30b-a3b"], gpus.h100, options);
    expect(moe.stepMs(decode(1, 1000))).toBeLessThan(5);
    expect(moe.stepMs(decode(64, 1000))).toBeGreaterThan(20);
  });

  test("an untuned expert kernel makes a step longer, and so does a slower version", () => {
    const model = models["qwen3-30b-a3b"];
    const tuned = createCostModel(model, gpus.h100, options).stepMs(decode(32, 1000));
    const untuned = createCostModel(model, gpus.h100, { ...options, moeConfigTuned: false }).stepMs(decode(32, 1000));
    const slow = createCostModel(model, gpus.h100, { ...options, stepTimeFactor: 2.2 }).stepMs(decode(32, 1000));
    expect(untuned).toBeGreaterThan(tuned * 1.05);
    expect(slow).toBeCloseTo(tuned * 2.2, 9);
  });
});

describe("the KV cache", () => {
  test("an 8B model leaves the published 26,313 blocks of 80 GB at 0.9, give or take one", () => {
    expect(Math.abs(kvBlocks(models["llama-3-8b"], gpus.h100, 0.9, 16) - 26_313)).toBeLessThanOrEqual(1);
  });

  test("holds 128 KiB a token for the 8B model and 96 KiB for the mixture of experts", () => {
    expect(kvBytesPerToken(models["llama-3-8b"])).toBe(131_072);
    expect(kvBytesPerToken(models["qwen3-30b-a3b"])).toBe(98_304);
  });

  test("a model whose weights do not fit leaves nothing", () => {
    expect(kvBlocks(models["qwen3-30b-a3b"], gpus.h100, 0.5, 16)).toBe(0);
  });
});
