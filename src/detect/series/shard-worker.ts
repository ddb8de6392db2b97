// Thread that judges a share of all series: answers until it is ended.
import { parentPort, workerData } from "node:worker_threads";
import { createShard, type ShardRequest, type Share } from "./shard.ts";

const port = parentPort;
if (port === null) throw new Error("shard-worker runs as a worker thread only");
const answer = createShard(workerData as Share);
port.on("message", (request: ShardRequest) => {
  const reply = answer(request);
  if (reply !== undefined) port.postMessage(reply);
});
