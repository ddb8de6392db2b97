// Receivers on loopback and delivery to them, for tests of what leaves by webhook.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { createDeliver, type Deliver, type DeliverDeps, type DeliverOptions } from "../../src/deliver/deliver.ts";
import type { OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type MemoryRecords, memoryRecords } from "./memory-records.ts";

export const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
export const message: OutgoingMessage = { id: "m-1", receiver: "ops", type: "action.escalated", data: { n: 1 } };
/** The same, as it changes the fleet. */
export const asked: OutgoingMessage = {
  ...message,
  type: "action.requested",
  change: { action: "a-1", target: "replica:vllm-0" },
};

export interface Seen {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
export type Answer = (response: http.ServerResponse, count: number) => void;

const cleanup: (() => Promise<unknown> | unknown)[] = [];
export const atEnd = (undo: () => Promise<unknown> | unknown): void => void cleanup.push(undo);
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

export async function receiver(answer: Answer, host = "127.0.0.1", port = 0): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      seen.push({ headers: request.headers, body });
      answer(response, seen.length);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const shown = host.includes(":") ? `[${host}]` : host;
  return { url: `http://${shown}:${(server.address() as AddressInfo).port}/hook`, seen };
}

export const answering = (...statuses: number[]): Answer => {
  return (response, count) => response.writeHead(statuses[Math.min(count, statuses.length) - 1]!).end();
};

export function deliverTo(
  url: string,
  options: Partial<DeliverOptions> = {},
  deps: Partial<DeliverDeps> & { readonly records?: MemoryRecords } = {},
): { deliver: Deliver; records: MemoryRecords } {
  const { records = memoryRecords() } = deps;
  const deliver = createDeliver(
    {
      receivers: [{ name: "ops", url, secret }],
      allow: ["127.0.0.0/8"],
      backoff: { firstMs: 1, maxMs: 2 },
      ...options,
    },
    { telemetry: silentTelemetry, now: () => Date.now(), ...deps, records },
  );
  atEnd(() => deliver[Symbol.asyncDispose]());
  return { deliver, records };
}
