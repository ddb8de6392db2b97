// Whether the service does its job: what /readyz says.
import type { Clock } from "../model/clock.ts";
import type { Store } from "../store/store.ts";
import type { Pipeline } from "./pipeline.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Readiness {
  checks(): Promise<readonly Check[]>;
  /** Runs a tick and remembers how it went. */
  watch(tick: () => Promise<void>): Promise<void>;
}

export function createReadiness(parts: { store: Store; clock: Clock; pipeline: Pipeline }): Readiness {
  let lastError: string | undefined;
  let ticks = 0;

  return {
    async watch(tick) {
      try {
        await tick();
        ticks += 1;
        lastError = undefined;
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error);
        throw error;
      }
    },
    async checks() {
      const pressure = parts.store.journal.pressure();
      return [
        await storeAnswers(parts.store),
        {
          name: "journal",
          ok: pressure.writable,
          detail: pressure.reason ?? `${pressure.backlogBytes} bytes received and not yet stored`,
        },
        { name: "tick", ok: lastError === undefined, detail: lastError ?? `${ticks} ticks since start` },
      ];
    },
  };
}

async function storeAnswers(store: Store): Promise<Check> {
  try {
    await store.rows("SELECT 1");
    return { name: "store", ok: true, detail: `${store.info().mode} ClickHouse ${store.info().engineVersion} answers` };
  } catch (error) {
    return { name: "store", ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
