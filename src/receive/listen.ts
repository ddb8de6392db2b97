// Taking a port, or saying which one could not be had and what to do.
import type { AddressInfo, Server } from "node:net";

/** A door's port could not be taken. */
export interface PortError extends Error {
  readonly name: "PortError";
  readonly host: string;
  readonly port: number;
}

export function portError(host: string, port: number, option: string, cause: unknown): PortError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const says = /EADDRINUSE|address already in use|No address added/i.test(why)
    ? "is in use"
    : `cannot be listened on (${why})`;
  const message = `port ${port} on ${host} ${says}: stop what uses it, or set receive.${option} to another port (0 takes a free one, -1 none)`;
  return Object.assign(new Error(message, { cause }), { name: "PortError" as const, host, port });
}

/** Returns the port taken. Rejects with PortError. */
export function listen(server: Server, host: string, port: number, option: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(portError(host, port, option, error));
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
