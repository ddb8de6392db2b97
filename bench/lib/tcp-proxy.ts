// A TCP proxy that can be told to misbehave: what stands between a service and its database when the network is in trouble.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Refuse: connections are reset at once. Hang: bytes stop, and go on later. Cut: each answer dies after its first bytes. */
export type ProxyMode = "pass" | "refuse" | "hang" | "cut";

export interface TcpProxy {
  readonly port: number;
  mode(mode: ProxyMode): void;
  close(): Promise<void>;
}

/** Bytes of answers, over all connections, between two cuts. */
const cutAfterBytes = 200;

/** Leads from a free loopback port to `target()`, which is asked for each connection. */
export async function startTcpProxy(target: () => number | undefined): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: ProxyMode = "pass";
  let answered = 0;
  const drop = (pair: readonly [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((client) => {
    const port = target();
    if (mode === "refuse" || port === undefined) {
      client.on("error", () => {}).resetAndDestroy();
      return;
    }
    const upstream = connect({ port, host: "127.0.0.1" });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) socket.on("error", () => drop(pair)).once("close", () => drop(pair));
    client.on("data", (bytes) => {
      if (!upstream.write(bytes)) client.pause();
    });
    upstream.on("drain", () => mode !== "hang" && client.resume());
    client.on("drain", () => mode !== "hang" && upstream.resume());
    upstream.on("data", (bytes) => {
      answered += bytes.length;
      if (mode === "cut" && answered >= cutAfterBytes) {
        // The statement was run, and nobody is told how it went.
        answered = 0;
        client.end(bytes.subarray(0, bytes.length >> 1));
        drop(pair);
      } else if (!client.write(bytes)) upstream.pause();
    });
    if (mode === "hang") for (const socket of pair) socket.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    mode(next) {
      mode = next;
      answered = 0;
      for (const pair of [...pairs]) {
        if (next === "refuse") drop(pair);
        else for (const socket of pair) next === "hang" ? socket.pause() : socket.resume();
      }
    },
    async close() {
      for (const pair of [...pairs]) drop(pair);
      server.close();
      await once(server, "close");
    },
  };
}
