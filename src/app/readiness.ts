// Whether the service does its job: what /readyz says.
import type { Store } from "../store/store.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Upkeep } from "./upkeep.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Readiness {
  checks(): Promise<readonly Check[]>;
  /** Runs a tick and remembers how it went. */
  watch(tick: () => Promise<void>): Promise<void>;
  /** Wall time when a tick ended well last; start-up counts as one. */
  healthyAt(): number;
}

export function createReadiness(parts: {
  store: Store;
  upkeep: Upkeep;
  pipeline: Pipeline;
  now: () => number;
}): Readiness {
  let lastError: string | undefined;
  let healthyAt = parts.now();
  let ticks = 0;

  return {
    async watch(tick) {
      try {
        await tick();
        ticks += 1;
        lastError = undefined;
        healthyAt = parts.now();
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error);
        throw error;
      }
    },
    healthyAt: () => healthyAt,
    async checks() {
      const pressure = parts.store.journal.pressure();
      return [
        await storeAnswers(parts.store),
        {
          name: "journal",
          ok: pressure.writable,
          detail: pressure.reason ?? `${pressure.backlogBytes} bytes received and not yet stored`,
        },
        storedWhole(parts.upkeep),
        { name: "tick", ok: lastError === undefined, detail: lastError ?? `${ticks} ticks since start` },
      ];
    },
  };
}

/** A damaged part makes answers wrong, not the service unready: it is told here, and as an alarm. */
function storedWhole(upkeep: Upkeep): Check {
  const alarms = upkeep.alarms();
  const says = alarms.map((alarm) => `${alarm.table}: ${alarm.says}`).join("; ");
  return { name: "store-data", ok: true, detail: alarms.length === 0 ? "no damaged part known" : says };
}

async function storeAnswers(store: Store): Promise<Check> {
  try {
    await store.rows("SELECT 1");
    return { name: "store", ok: true, detail: `${store.info().mode} ClickHouse ${store.info().engineVersion} answers` };
  } catch (error) {
    return { name: "store", ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
