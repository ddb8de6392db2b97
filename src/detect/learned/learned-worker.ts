// Thread that runs the autoencoder: loads model and TensorFlow.js, then answers until it is ended.
import { parentPort, workerData } from "node:worker_threads";
import { autoencoderKind } from "./autoencoder.ts";
import type { Reply, Request, WorkerSetUp } from "./messages.ts";
import { loadModel } from "./model-files.ts";
import { loadTensorFlow } from "./tensorflow.ts";

const port = parentPort;
if (port === null) throw new Error("learned-worker runs as a worker thread only");
const say = (reply: Reply): void => port.postMessage(reply);

try {
  const { directory, snapshot } = workerData as WorkerSetUp;
  const saved = await loadModel(directory);
  const loaded = await loadTensorFlow();
  const detector = (await autoencoderKind(saved, loaded)).create(snapshot);
  port.on("message", (request: Request) => {
    try {
      if (request.type === "learn") detector.learn(request.batch);
      else if (request.type === "snapshot") say({ type: "snapshot", id: request.id, bytes: detector.snapshot() });
      else {
        const scores = new Float64Array(request.batch.rows);
        const why = detector.examine(request.batch, scores);
        say({ type: "scored", id: request.id, scores, why });
      }
    } catch (error) {
      fail(error);
    }
  });
  say({ type: "ready", backend: loaded.backend });
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  say({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
}
