// The decoding thread: so that no body, however large or strange, holds up the event loop that answers clients.
import { parentPort, workerData } from "node:worker_threads";
import type { DecoderData, FromDecoder, ToDecoder } from "./decode-messages.ts";
import { createDecoder, type Decoder } from "./decoder.ts";

const { options } = workerData as DecoderData;
/** Each tenant has tables, dictionaries and limits of its own: rows of two never share a batch. Tenants are configured, so few. */
const decoders = new Map<string, Decoder>();

parentPort?.on("message", (message: ToDecoder) => {
  switch (message.type) {
    case "decode": {
      const { id, tenant, signal, encoding, body, nowMs } = message;
      say({ type: "decoded", id, answer: decoderOf(tenant).decode(signal, encoding, body, nowMs) });
      break;
    }
    case "seal": {
      const sealed = [...decoders]
        .map(([tenant, decoder]) => ({ tenant, ...decoder.seal() }))
        .filter(({ batches }) => batches.length > 0);
      // All columns of a batch lie in one buffer, which is handed over, not copied.
      const buffers = new Set(
        sealed.flatMap(({ batches }) =>
          batches.flatMap((batch) => batch.columns.map((column) => column.bytes.buffer as ArrayBuffer)),
        ),
      );
      say({ type: "sealed", sealed }, [...buffers]);
      break;
    }
    case "promised":
      decoderOf(message.tenant).promised(message);
      break;
  }
});

function decoderOf(tenant: string): Decoder {
  let decoder = decoders.get(tenant);
  if (decoder === undefined) {
    decoder = createDecoder(options);
    decoders.set(tenant, decoder);
  }
  return decoder;
}

function say(message: FromDecoder, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
