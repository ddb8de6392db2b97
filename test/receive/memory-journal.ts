// A journal in memory whose promises the test makes and breaks.
import type { ColumnBatch } from "../../src/model/batch.ts";
import type { Journal, JournalPressure } from "../../src/model/ports/journal.ts";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Row, rowsOf } from "./read-native.ts";

export interface MemoryJournal extends Journal {
  readonly batches: (ColumnBatch & { readonly tenant: string })[];
  /** Number of `append` calls so far. */
  appends: number;
  /** While set, `append` waits for it. */
  gate: Promise<void> | undefined;
  /** While set, `append` rejects with it. */
  failure: string | undefined;
  /** Only appends of this tenant fail, if set. */
  failureOf: string | undefined;
  state: JournalPressure;
  /** Of all tenants, or of one. */
  rows(table: string, tenant?: string): Row[];
}

export function createMemoryJournal(): MemoryJournal {
  const keys = new Set<string>();
  const journal: MemoryJournal = {
    batches: [],
    appends: 0,
    gate: undefined,
    failure: undefined,
    failureOf: undefined,
    state: { backlogBytes: 0, backlogLimitBytes: 1000, writable: true },
    async append(batches, requestKeys = [], tenant = "default") {
      journal.appends++;
      await journal.gate;
      if (journal.failure !== undefined && (journal.failureOf ?? tenant) === tenant) throw new Error(journal.failure);
      journal.batches.push(...batches.map((batch) => ({ ...batch, tenant })));
      for (const key of requestKeys) keys.add(key);
    },
    seen: (key) => keys.has(key),
    pressure: () => journal.state,
    rows: (table, tenant) =>
      journal.batches
        .filter((batch) => batch.table === table && (tenant ?? batch.tenant) === batch.tenant)
        .flatMap(rowsOf),
  };
  return journal;
}

/** A latch: `wait` resolves once `open` is called. */
export function latch(): { readonly wait: Promise<void>; open(): void } {
  let open = (): void => {};
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open: () => open() };
}

/** Sums of what was counted, by name and attributes. */
export function countingTelemetry(): {
  readonly telemetry: Telemetry;
  total(name: string, attributes?: Readonly<Record<string, string>>): number;
} {
  const counted: { name: string; amount: number; attributes: Readonly<Record<string, string>> }[] = [];
  return {
    telemetry: {
      ...silentTelemetry,
      count: (name, amount = 1, attributes = {}) => void counted.push({ name, amount, attributes }),
    },
    total: (name, attributes = {}) =>
      counted
        .filter(
          (count) =>
            count.name === name && Object.entries(attributes).every(([key, value]) => count.attributes[key] === value),
        )
        .reduce((sum, count) => sum + count.amount, 0),
  };
}

/** Waits until `condition` holds, giving everything else its turn meanwhile. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
