// All shards of the series together: asks each, notices when a thread died, and starts it again from what was saved last.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import { type Band, blockSlots } from "./block.ts";
import { inlineLine, type Line, type Thread, threadLine } from "./lines.ts";
import { type ShardReply, type Share, type StepEntry, type StepScores, shardOf } from "./shard.ts";

export interface ShardsOptions {
  /** 0: everything in the caller's thread. */
  readonly threads: number;
  readonly start: (share: Share) => Thread;
  /** Blocks as they were saved last, and slots that have belonged to others since. */
  readonly saved: () => Promise<{
    readonly blocks: ReadonlyMap<number, Uint8Array>;
    readonly stale: readonly number[];
  }>;
  readonly telemetry: Telemetry;
}

export interface Shards extends AsyncDisposable {
  /** Memory to work on; told once. */
  share(entry: StepEntry): void;
  drop(entry: StepEntry): void;
  scores(scores: StepScores): void;
  restore(blocks: ReadonlyMap<number, Uint8Array>): void;
  /** Writes the scores of a step; NaN for the slots of a shard that does not answer. Gives how many slots those are. */
  score(entry: StepEntry, slots: number, at: Instant): Promise<number>;
  learn(entry: StepEntry, slots: number, hidden: Int32Array): void;
  forget(slots: readonly number[]): void;
  /** One for each slot; NaN where nothing is known. */
  bands(slots: readonly number[]): Promise<readonly Band[]>;
  /** State of every block; undefined while a shard is down. */
  snapshot(): Promise<ReadonlyMap<number, Uint8Array> | undefined>;
}

/** Event time between attempts to start a thread again. */
const retryMs = 30_000;
const unknownBand: Band = { low: Number.NaN, high: Number.NaN };

export function createShards({ threads, start, saved, telemetry }: ShardsOptions): Shards {
  const shards = Math.max(1, threads);
  const entries = new Map<number, StepEntry>();
  let scores: StepScores = { now: new Float32Array(0), held: new Float32Array(0) };
  const triedAt = new Float64Array(shards).fill(Number.NEGATIVE_INFINITY);
  const toldDown = new Set<Line>();
  let closed = false;
  const lines = Array.from({ length: shards }, (_, shard) => begin(shard));

  return {
    share(entry) {
      entries.set(entry.id, entry);
      for (const line of lines) line.tell({ type: "entry", entry });
    },
    drop(entry) {
      entries.delete(entry.id);
      for (const line of lines) line.tell({ type: "drop", entry: entry.id });
    },
    scores(next) {
      scores = next;
      for (const line of lines) line.tell({ type: "scores", scores });
    },
    restore(blocks) {
      for (const line of lines) line.tell({ type: "restore", blocks });
    },
    async score(entry, slots, at) {
      await mend(at);
      const replies = await Promise.all(
        lines.map((line) => line.ask((ask) => ({ type: "score", ask, entry: entry.id, slots, at }))),
      );
      let unknown = 0;
      for (const [shard, reply] of replies.entries()) unknown += take(shard, reply, slots);
      return unknown;
    },
    learn(entry, slots, hidden) {
      for (const line of lines) line.tell({ type: "learn", entry: entry.id, slots, hidden });
    },
    forget(slots) {
      for (const line of lines) line.tell({ type: "forget", slots });
    },
    async bands(slots) {
      const found = new Map<number, Band>();
      await Promise.all(
        lines.map(async (line, shard) => {
          const own = slots.filter((slot) => shardOf(slot, shards) === shard);
          if (own.length === 0) return;
          const reply = await line.ask((ask) => ({ type: "bands", ask, slots: own }));
          if (reply?.type !== "bands") return;
          for (const [i, slot] of own.entries()) found.set(slot, reply.bands[i] ?? unknownBand);
        }),
      );
      return slots.map((slot) => found.get(slot) ?? unknownBand);
    },
    async snapshot() {
      const replies = await Promise.all(lines.map((line) => line.ask((ask) => ({ type: "snapshot", ask }))));
      const blocks = new Map<number, Uint8Array>();
      for (const reply of replies) {
        if (reply?.type !== "snapshot") return undefined;
        for (const [number, bytes] of reply.blocks) blocks.set(number, bytes);
      }
      return blocks;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all(lines.map((line) => line.close()));
    },
  };

  function begin(shard: number): Line {
    const share = { shard, shards };
    return threads === 0 ? inlineLine(share) : threadLine(share, start);
  }

  /** Says what went wrong, and that nothing is known of the slots it went wrong with. */
  function take(shard: number, reply: ShardReply | undefined, slots: number): number {
    if (reply?.type === "scored") {
      for (const { block, reason } of reply.failed) {
        telemetry.count("homeostat.detect.failures", 1, { reason: "block" });
        telemetry.log.error("judging a block of series failed: what was learned of them starts anew", {
          block,
          reason,
        });
      }
      return 0;
    }
    const line = lines[shard] as Line;
    if (!closed && !toldDown.has(line)) {
      toldDown.add(line);
      telemetry.count("homeostat.detect.failures", 1, { reason: "thread" });
      telemetry.log.error("a thread that judges series died: they are unknown until it runs again", {
        shard,
        reason: line.down() ?? "no answer",
      });
    }
    let unknown = 0;
    for (let block = shard; block * blockSlots < slots; block += shards) {
      const to = Math.min(slots, (block + 1) * blockSlots);
      scores.now.fill(Number.NaN, block * blockSlots, to);
      scores.held.fill(Number.NaN, block * blockSlots, to);
      unknown += to - block * blockSlots;
    }
    return unknown;
  }

  /** After the end nothing is mended: a step may still be under way, and a thread begun then would be nobody's to close. */
  async function mend(at: Instant): Promise<void> {
    if (closed) return;
    for (const [shard, line] of lines.entries()) {
      if (line.down() === undefined || !toldDown.has(line) || at < (triedAt[shard] as number) + retryMs) continue;
      triedAt[shard] = at;
      toldDown.delete(line);
      const fresh = begin(shard);
      lines[shard] = fresh;
      for (const entry of entries.values()) fresh.tell({ type: "entry", entry });
      fresh.tell({ type: "scores", scores });
      const { blocks, stale } = await saved();
      fresh.tell({ type: "restore", blocks });
      fresh.tell({ type: "forget", slots: stale });
      telemetry.count("homeostat.detect.threads_restarted");
      telemetry.log.warn("a thread that judges series runs again, from what was saved last", {
        shard,
        blocks: blocks.size,
      });
    }
  }
}
