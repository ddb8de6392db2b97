// A process that runs the shards it is told, one after the other, and says what each came to.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { runShard, type Shard, type ShardResult } from "./shard.ts";

export interface ShardAnswer extends ShardResult {
  /** Resident bytes after a collection. */
  readonly rss: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("message", (shard: Shard) => {
  const result = runShard(shard);
  collect();
  const answer: ShardAnswer = { ...result, rss: process.memoryUsage.rss() };
  process.send!(answer);
});
// The parent decides when it is over, also where both get the same signal from a terminal.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit(0));
