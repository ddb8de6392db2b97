// What is kept over a restart: saved at its interval, and when the service ends.
import type { Clock } from "../model/clock.ts";
import type { State } from "./state.ts";
import type { Undo } from "./undo.ts";

interface Bytes {
  snapshot(): Uint8Array;
}

interface Saved {
  readonly clock: Clock;
  readonly state: State;
  readonly detection: { snapshot(): Uint8Array | Promise<Uint8Array> };
  readonly logs: Bytes;
  readonly gpus: Bytes;
  /** JSON. */
  readonly rules: { snapshot(): string };
  readonly diagnose: { snapshot(): object };
  readonly series: { remember(): Promise<void> };
}

const encoder = new TextEncoder();

export function startSaving({ clock, state, detection, logs, gpus, rules, diagnose, series }: Saved, undo: Undo): void {
  const remember = async (): Promise<void> => {
    await state.save("baselines", await detection.snapshot());
    await state.save("logs", logs.snapshot());
    await state.save("gpus", gpus.snapshot());
    await state.save("alerts", encoder.encode(rules.snapshot()));
    await state.save("incidents", encoder.encode(JSON.stringify(diagnose.snapshot())));
  };
  undo.push("state", remember);
  const saving = clock.every("30 * * * * *", "state", remember);
  undo.push("saving", () => saving.stop());
  // Far more than all else: seldom, and when it ends.
  undo.push("series state", series.remember);
  const savingSeries = clock.every("15 */5 * * * *", "series state", series.remember);
  undo.push("saving series", () => savingSeries.stop());
}
