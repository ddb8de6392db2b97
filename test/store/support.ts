// Real folders, engines and clients for the store's tests, and how to be rid of them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

export interface Folder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "hs-test-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Polls until `condition` holds; fails after 40 s with `what`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (await condition()) return;
    await wait(20);
  }
  throw new Error(`gave up waiting until ${what}`);
}

export interface Counts {
  readonly telemetry: Telemetry;
  /** Sum of a counter, over all attributes or those with this reason. */
  of(name: string, reason?: string): number;
  /** Forgets all. */
  clear(): void;
}

/** Telemetry that remembers counters. */
export function countingTelemetry(): Counts {
  const counts = new Map<string, number>();
  const add = (key: string, amount: number): void => void counts.set(key, (counts.get(key) ?? 0) + amount);
  return {
    telemetry: {
      ...silentTelemetry,
      count: (name, amount = 1, attributes = {}) => {
        add(name, amount);
        if (attributes["reason"] !== undefined) add(`${name}/${attributes["reason"]}`, amount);
      },
    },
    of: (name, reason) => counts.get(reason === undefined ? name : `${name}/${reason}`) ?? 0,
    clear: () => counts.clear(),
  };
}
