// Sends bodies over kept connections and waits for the acknowledgements.
import { Agent, request as httpRequest } from "node:http";
import type { Signal } from "./bodies.ts";

export interface Client {
  /** The answer's status; rejects if the connection fails. */
  send(signal: Signal, body: Uint8Array, gzip: boolean): Promise<number>;
  /** Sends all, some at a time; throws if one is not acknowledged. */
  sendAll(signal: Signal, bodies: readonly Uint8Array[], gzip: boolean): Promise<void>;
  close(): void;
}

const atOnce = 8;
const busyMs = 200;

export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const send: Client["send"] = (signal, body, gzip) =>
    new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/x-protobuf",
        "content-length": body.length,
        ...(gzip ? { "content-encoding": "gzip" } : {}),
      };
      httpRequest(`${url}/v1/${signal}`, { method: "POST", agent, headers })
        .once("response", (answer) => {
          answer.resume().once("end", () => resolve(answer.statusCode!));
        })
        .once("error", reject)
        .end(body);
    });
  return {
    send,
    async sendAll(signal, bodies, gzip) {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < bodies.length) {
          const body = bodies[next++]!;
          for (;;) {
            const status = await send(signal, body, gzip);
            if (status === 200) break;
            if (status !== 503) throw new Error(`a body of ${signal} was answered ${status}`);
            await new Promise((resolve) => setTimeout(resolve, busyMs));
          }
        }
      };
      await Promise.all(Array.from({ length: atOnce }, lane));
    },
    close: () => agent.destroy(),
  };
}
