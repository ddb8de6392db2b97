// A share of all blocks of series and what can be asked of it: the same in a thread and without one.
import type { Instant } from "../../model/time.ts";
import { type Band, type Block, type BlockColumns, blockSlots, createBlock } from "./block.ts";

/** Columns of a step, in shared memory: written by whoever measures, read by the threads. */
export interface StepEntry {
  readonly id: number;
  readonly values: Float32Array;
  readonly quality: Uint8Array;
}

/** Where the scores go, in shared memory too. */
export interface StepScores {
  readonly now: Float32Array;
  readonly held: Float32Array;
}

export type ShardRequest =
  /** Memory to work on from now on, by its number. */
  | { readonly type: "entry"; readonly entry: StepEntry }
  | { readonly type: "drop"; readonly entry: number }
  | { readonly type: "scores"; readonly scores: StepScores }
  | {
      readonly type: "score";
      readonly ask: number;
      readonly entry: number;
      readonly slots: number;
      readonly at: Instant;
    }
  | {
      readonly type: "learn";
      readonly entry: number;
      readonly slots: number;
      /** Slots not to be learned, in order. */
      readonly hidden: Int32Array;
    }
  | { readonly type: "forget"; readonly slots: readonly number[] }
  | { readonly type: "bands"; readonly ask: number; readonly slots: readonly number[] }
  | { readonly type: "snapshot"; readonly ask: number }
  | { readonly type: "restore"; readonly blocks: ReadonlyMap<number, Uint8Array> };

export type ShardReply =
  /** Blocks whose detectors failed; they start anew. */
  | { readonly type: "scored"; readonly ask: number; readonly failed: readonly BlockFailure[] }
  | { readonly type: "bands"; readonly ask: number; readonly bands: readonly Band[] }
  | { readonly type: "snapshot"; readonly ask: number; readonly blocks: ReadonlyMap<number, Uint8Array> };

export interface BlockFailure {
  readonly block: number;
  readonly reason: string;
}

export interface Share {
  readonly shard: number;
  readonly shards: number;
}

/** Block `b` belongs to shard `b % shards`. */
export function shardOf(slot: number, shards: number): number {
  return Math.floor(slot / blockSlots) % shards;
}

export function createShard({ shard, shards }: Share): (request: ShardRequest) => ShardReply | undefined {
  const blocks = new Map<number, Block>();
  const entries = new Map<number, StepEntry>();
  let scores: StepScores = { now: new Float32Array(0), held: new Float32Array(0) };
  let failures: BlockFailure[] = [];

  return (request) => {
    switch (request.type) {
      case "entry":
        entries.set(request.entry.id, request.entry);
        return undefined;
      case "drop":
        entries.delete(request.entry);
        return undefined;
      case "scores":
        scores = request.scores;
        return undefined;
      case "score":
        eachBlock(request.slots, (number, from, to) => score(number, from, to, request.entry, request.at));
        return { type: "scored", ask: request.ask, failed: takeFailures() };
      case "learn":
        learn(request.entry, request.slots, request.hidden);
        return undefined;
      case "forget":
        for (const slot of request.slots)
          if (shardOf(slot, shards) === shard) blocks.get(Math.floor(slot / blockSlots))?.forget(slot % blockSlots);
        return undefined;
      case "bands":
        return {
          type: "bands",
          ask: request.ask,
          bands: request.slots.map((slot) => blockOf(Math.floor(slot / blockSlots)).band(slot % blockSlots)),
        };
      case "snapshot":
        return {
          type: "snapshot",
          ask: request.ask,
          blocks: new Map([...blocks].map(([number, block]) => [number, block.snapshot()])),
        };
      case "restore":
        for (const [number, bytes] of request.blocks)
          if (number % shards === shard) blocks.set(number, createBlock(bytes));
        return undefined;
    }
  };

  function eachBlock(slots: number, work: (number: number, from: number, to: number) => void): void {
    for (let number = shard; number * blockSlots < slots; number += shards)
      work(number, number * blockSlots, Math.min(slots, (number + 1) * blockSlots));
  }

  function blockOf(number: number): Block {
    let block = blocks.get(number);
    if (block === undefined) {
      block = createBlock();
      blocks.set(number, block);
    }
    return block;
  }

  function score(number: number, from: number, to: number, entry: number, at: Instant): void {
    const out = { now: scores.now.subarray(from, to), held: scores.held.subarray(from, to) };
    const columns = columnsOf(entry, from, to);
    try {
      blockOf(number).score(columns, at, out);
    } catch (error) {
      out.now.fill(Number.NaN);
      out.held.fill(Number.NaN);
      fail(number, error);
    }
  }

  function learn(entry: number, slots: number, hidden: Int32Array): void {
    let next = 0;
    eachBlock(slots, (number, from, to) => {
      while (next < hidden.length && (hidden[next] as number) < from) next++;
      const places: number[] = [];
      for (; next < hidden.length && (hidden[next] as number) < to; next++)
        places.push((hidden[next] as number) - from);
      try {
        blockOf(number).learn(columnsOf(entry, from, to), places);
      } catch (error) {
        fail(number, error);
      }
    });
  }

  function columnsOf(id: number, from: number, to: number): BlockColumns {
    const entry = entries.get(id);
    if (entry === undefined) throw new Error(`there is no step ${id}`);
    return { values: entry.values.subarray(from, to), quality: entry.quality.subarray(from, to) };
  }

  /** A broken block starts anew; all others go on. */
  function fail(block: number, error: unknown): void {
    blocks.delete(block);
    failures.push({ block, reason: error instanceof Error ? error.message : String(error) });
  }

  function takeFailures(): readonly BlockFailure[] {
    const told = failures;
    failures = [];
    return told;
  }
}
