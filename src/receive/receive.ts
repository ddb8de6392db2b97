// The room's door to the rest of the house: telemetry in over OTLP, into the journal, acknowledged.
import type { Journal } from "../model/ports/journal.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Credential, createAuthenticate } from "./credentials.ts";
import { openGrpcDoor } from "./grpc-door.ts";
import { type Door, openHttpDoor } from "./http-door.ts";
import { openIntake } from "./intake.ts";
import { limits } from "./limits.ts";

export interface ReceiveOptions {
  /** Address both doors listen on. Anything but loopback should come with credentials. */
  readonly host: string;
  /** 0 takes a free port, -1 keeps the door shut; the same for `grpcPort`. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Event times taken, around the time of arrival; null takes any. */
  readonly window: { readonly pastMs: number; readonly futureMs: number } | null;
  /** Largest body on the wire, default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Largest body once inflated, default 64 MiB. */
  readonly maxInflatedBytes?: number;
  /** Without any, everybody may send. */
  readonly credentials?: readonly Credential[];
}

export interface Receive extends AsyncDisposable {
  /** The ports taken; -1 for a door that is shut. */
  readonly httpPort: number;
  readonly grpcPort: number;
}

const noDoor: Door = { port: -1, [Symbol.asyncDispose]: () => Promise.resolve() };

/**
 * Opens the doors. Rejects with PortError if a port cannot be taken. Disposing stops accepting, finishes and
 * acknowledges what is in flight, then ends; the journal must outlive it.
 */
export async function openReceive(
  options: ReceiveOptions,
  deps: { readonly journal: Journal; readonly telemetry: Telemetry; readonly now: () => number },
): Promise<Receive> {
  const { host, httpPort, grpcPort } = options;
  const inflatedBytes = options.maxInflatedBytes ?? limits.inflatedBytes;
  const body = { wireBytes: options.maxBodyBytes ?? limits.wireBytes, inflatedBytes };
  const credentials = options.credentials ?? [];
  if (credentials.length === 0 && !isLoopback(host)) {
    deps.telemetry.log.warn("OTLP is open to everybody who can reach it; set receive.credentials", { host });
  }
  const intake = openIntake({ window: options.window }, deps);
  const doorDeps = { intake, authenticate: createAuthenticate(credentials), telemetry: deps.telemetry };
  let http = noDoor;
  let grpc = noDoor;
  const close = async (): Promise<void> => {
    await Promise.all([http[Symbol.asyncDispose](), grpc[Symbol.asyncDispose]()]);
    await intake[Symbol.asyncDispose]();
  };
  try {
    if (httpPort >= 0) http = await openHttpDoor({ host, port: httpPort, body }, doorDeps);
    if (grpcPort >= 0) grpc = await openGrpcDoor({ host, port: grpcPort, inflatedBytes }, doorDeps);
  } catch (error) {
    await close();
    throw error;
  }
  return { httpPort: http.port, grpcPort: grpc.port, [Symbol.asyncDispose]: close };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
