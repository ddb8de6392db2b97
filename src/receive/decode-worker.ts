// The decoding thread: so that no body, however large or strange, holds up the event loop that answers clients.
import { parentPort, workerData } from "node:worker_threads";
import type { DecoderData, FromDecoder, ToDecoder } from "./decode-messages.ts";
import { createDecoder } from "./decoder.ts";

const { options } = workerData as DecoderData;
const decoder = createDecoder(options);

parentPort?.on("message", (message: ToDecoder) => {
  switch (message.type) {
    case "decode": {
      const { id, signal, encoding, body, nowMs } = message;
      say({ type: "decoded", id, answer: decoder.decode(signal, encoding, body, nowMs) });
      break;
    }
    case "seal": {
      const sealed = decoder.seal();
      // All columns of a batch lie in one buffer, which is handed over, not copied.
      const buffers = new Set(
        sealed.batches.flatMap((batch) => batch.columns.map((column) => column.bytes.buffer as ArrayBuffer)),
      );
      say({ type: "sealed", sealed }, [...buffers]);
      break;
    }
    case "promised":
      decoder.promised(message);
      break;
  }
});

function say(message: FromDecoder, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
