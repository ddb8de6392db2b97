// The fleet as a process of its own: takes its options over IPC, tells what happens, ends with its parent.
import { z } from "zod";
import type { Logger, Telemetry } from "../model/ports/telemetry.ts";
import { silentTelemetry } from "../model/ports/telemetry.ts";
import { type RunningFleet, runFleet } from "./run.ts";
import { scenarioFor } from "./scenario.ts";

const Options = z.object({
  /** Slug of a failure mode, or `none`. */
  fault: z.string(),
  seed: z.int().min(0),
  endpoint: z.url(),
  changesUrl: z.url().exactOptional(),
  webhookSecret: z.string().exactOptional(),
  controlPort: z.int().min(0).max(65_535).exactOptional(),
  startAt: z.number(),
  replayMs: z.number().min(0),
  speed: z.number().positive(),
  exportIntervalMs: z.number().positive(),
  faultAfterMs: z.number().min(0).exactOptional(),
});

const say = (level: string): Logger["warn"] => {
  return (message, fields) =>
    void process.stderr.write(`fleet: ${level}: ${message} ${JSON.stringify(fields ?? {})}\n`);
};
const telemetry: Telemetry = {
  ...silentTelemetry,
  log: { ...silentTelemetry.log, error: say("error") },
};

let fleet: Promise<RunningFleet> | undefined;

async function start(message: unknown): Promise<RunningFleet> {
  const { fault, seed, ...run } = Options.parse(message);
  const scenario = scenarioFor(fault, seed);
  if (scenario === undefined) throw new Error(`no fault shows the failure mode "${fault}"`);
  const onEvent = (event: object): void => void process.send?.(event);
  return await runFleet({ ...run, scenario, now: Date.now, onEvent, telemetry });
}

function fail(error: unknown): void {
  telemetry.log.error("cannot run", { error: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

process.once("message", (message) => {
  fleet = start(message);
  fleet.then((running) => running.live).catch(fail);
});

process.once("disconnect", () => {
  // Whatever hangs must not outlive the parent.
  setTimeout(() => process.exit(0), 2000).unref();
  Promise.resolve(fleet)
    .then((running) => running?.stop())
    .then(
      () => process.exit(0),
      () => process.exit(0),
    );
});
