// Detection played through hours of a made-up fleet, for tests that look at what it tells and when.
import { createDetection, type Detection, type DetectionOptions } from "../../src/detect/detection.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import type { Frame } from "../../src/model/frame.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { SignalId } from "../../src/model/signal.ts";
import type { Fault, Values } from "./fleet.ts";

/** Steps of 15 s: hours pass quickly, and a dozen points is still three minutes. */
export const stepMs = 15_000;
export const minute = 60_000 / stepMs;
export const hour = 60 * minute;
export const hit = "replica:vllm-1";

export interface Told {
  readonly step: number;
  readonly anomaly: Anomaly;
}

export function create(
  more: Partial<DetectionOptions> = {},
  deps: Partial<Parameters<typeof createDetection>[1]> = {},
) {
  const quiet = { exclusions: { current: () => [] }, telemetry: silentTelemetry, modelsDirectory: "" };
  return createDetection({ stepMs, ...more }, { ...quiet, ...deps });
}

/** Plays frames from step `from` up to `to`; `change` may alter, hold back or repeat a frame. */
export async function play(
  detection: Detection,
  fleet: () => Frame,
  steps: number,
  change: (frame: Frame, step: number) => readonly Frame[] = (frame) => [frame],
): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (let step = 0; step < steps; step++) {
    for (const frame of change(fleet(), step)) {
      for (const anomaly of await detection.step(frame)) told.push({ step, anomaly });
    }
  }
  return told;
}

export function only(replica: number, act: (values: Values, step: number) => void): Fault {
  return (values, step, index) => {
    if (index === replica) act(values, step);
  };
}

export const about = (told: readonly Told[], signal: string, entity = hit) =>
  told.filter(({ anomaly }) => anomaly.signal === signal && anomaly.entity === entity);

/** What detection would call odd: the band shown for a value that is plainly too high. */
export async function bandFor(
  signal: SignalId,
  detection: Detection,
  fleet: () => Frame,
  steps: number,
): Promise<Anomaly> {
  const told = await play(detection, fleet, steps);
  const [first] = about(told, signal);
  if (first === undefined) throw new Error(`nothing was told of ${signal}`);
  return first.anomaly;
}
