// The real service on a clock of its own: OTLP goes in at the door, records go to a store of its own.
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { SteppedClock } from "../../model/clock.ts";
import type { Instant } from "../../model/time.ts";
import { postChange } from "../../simulate/changes.ts";
import { createShipper } from "../../simulate/ship.ts";
import { createSteppedClock } from "../clock/stepped.ts";
import { Config, type ConfigInput } from "../config-schema.ts";
import { version } from "../paths.ts";
import { startService } from "../service.ts";
import { createTelemetry } from "../telemetry.ts";
import { createUndo } from "../undo.ts";
import { type Probing, withTargets } from "./probing.ts";
import type { Subject } from "./subject.ts";

/** Rejects if the service does not start. `folder`: where its data lie until it is closed; what is left there is the caller's. */
export async function openRealSubject(
  startAt: Instant,
  { folder, settings, probing }: { readonly folder: string; readonly settings: object; readonly probing: Probing },
): Promise<Subject> {
  const directory = mkdtempSync(join(folder, "scenario-"));
  const telemetry = createTelemetry({ level: "error", version });
  const undo = createUndo(telemetry.log);
  undo.push("telemetry", () => telemetry[Symbol.asyncDispose]());
  // Thousands of small files: the next scenario need not wait for them.
  undo.push("data", () => void rm(directory, { recursive: true, force: true, maxRetries: 5 }).catch(() => {}));
  try {
    const clock = onlyTicks(createSteppedClock(startAt));
    const config = Config.parse(withTargets({ ...gauntletConfig(directory), ...settings }, probing));
    const service = await startService(config, { clock, telemetry, probing });
    undo.push("service", () => service[Symbol.asyncDispose]());
    const shipper = createShipper({ endpoint: service.otlpUrl, telemetry, attemptsMax: 3 });
    undo.push("shipper", () => shipper.stop());
    const stopping = new AbortController();
    return {
      feed: service.feed,
      head: service.head,
      async take(recorded, changes) {
        await shipper.ship(recorded);
        for (const change of changes)
          await postChange(`${service.apiUrl}/api/v1/changes`, change, telemetry, stopping.signal);
        await service.store.flushed();
      },
      step: (at) => clock.step(at),
      [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose](),
    };
  } catch (error) {
    await undo[Symbol.asyncDispose]();
    throw error;
  }
}

/** Rollups, budgets and saved state are not what is judged, and every virtual minute of them is a real second. */
function onlyTicks(clock: SteppedClock): SteppedClock {
  return {
    ...clock,
    every: (cron, name, run) =>
      name === "tick" || name === "probes" ? clock.every(cron, name, run) : { name, stop: () => Promise.resolve() },
  };
}

/** As it ships, but for its doors, and without the parts that ask for more than a scenario's half hour. */
function gauntletConfig(directory: string): ConfigInput {
  return {
    dataDirectory: directory,
    // What is played is long past: it must not expire while it is judged.
    store: { retentionDays: { traces: "forever", logs: "forever", metrics: "forever", own: "forever" } },
    receive: { httpPort: 0, grpcPort: -1, anyTime: true },
    show: { port: 0 },
    observe: { tick: "*/15 * * * * *" },
    detect: { learned: false },
  };
}
