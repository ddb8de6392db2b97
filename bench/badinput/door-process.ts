// The receive doors over the embedded store, alone in a process: what bad input costs is then theirs and not the sender's.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openReceive } from "../../src/receive/receive.ts";
import { openStore } from "../../src/store/store.ts";

export type ToDoor = { readonly id: number } & (
  | { readonly ask: "reset" | "stats" }
  | { readonly ask: "texts"; readonly sql: string }
);
export interface DoorStats {
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** `name reason` of everything counted so far. */
  readonly counts: Readonly<Record<string, number>>;
}

const directory = process.argv[2]!;
const day = 86_400_000;
const counts: Record<string, number> = {};
const telemetry: typeof silentTelemetry = {
  ...silentTelemetry,
  log: { ...silentTelemetry.log, error: (message, fields) => console.error(message, fields ?? "") },
  count(name, amount = 1, attributes = {}) {
    const key = `${name} ${attributes["reason"] ?? attributes["outcome"] ?? ""}`.trim();
    counts[key] = (counts[key] ?? 0) + amount;
  },
};
const store = await openStore({ directory, diskFloorBytes: 0, now: Date.now }, telemetry);
const receive = await openReceive(
  {
    host: "0.0.0.0",
    httpPort: 0,
    grpcPort: 0,
    window: { pastMs: 20 * 365 * day, futureMs: 3_600_000 },
    privacy: { content: "keep", logBodies: "keep" },
    // The defaults would only make the bench longer.
    patience: { headersMs: 1000, requestMs: 2000, checkMs: 200 },
  },
  { journal: store.journal, telemetry, now: Date.now },
);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

process.on("message", (message: ToDoor) => {
  void answer(message).then(
    (result) => process.send!({ id: message.id, result }),
    (error: unknown) => process.send!({ id: message.id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
process.send!({ id: 0, result: { httpPort: receive.httpPort, grpcPort: receive.grpcPort } });

async function answer(message: ToDoor): Promise<unknown> {
  switch (message.ask) {
    case "reset":
      delay.reset();
      return undefined;
    case "stats": {
      const ms = (nanoseconds: number): number => Math.round(nanoseconds / 1e5) / 10;
      const stats: DoorStats = { delayP99Ms: ms(delay.percentile(99)), delayMaxMs: ms(delay.max), counts };
      return stats;
    }
    case "texts": {
      await store.flushed();
      return (await store.rows<{ text: string }>(message.sql)).map((row) => row.text);
    }
  }
}
