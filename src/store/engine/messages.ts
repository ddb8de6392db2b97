// What the supervisor and the engine process say to each other.

/** First message to a new engine process. */
export interface StartEngine {
  readonly kind: "start";
  /** Data directory; made if absent. */
  readonly path: string;
  /** Private folder for the socket and data in flight. */
  readonly folder: string;
  readonly socket: string;
  readonly memoryBytes: number;
  /** Also listen on a free loopback TCP port, without any credentials: for tests on throw-away data only. */
  readonly tcp?: boolean;
}

export type FromEngine =
  | { readonly kind: "ready"; readonly version: string; readonly tcpPort?: number }
  | { readonly kind: "failed"; readonly missing: boolean; readonly message: string };
