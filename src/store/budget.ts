// A byte budget a signal: the oldest days go first, and today never goes.
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Database, localTable, onCluster } from "./database.ts";
import { quote } from "./engine/sql-text.ts";
import { dayOf, type PartitionSize, partitionSizes, storedTables } from "./tables.ts";
import type { TenantDatabase } from "./tenants.ts";

/** Bytes on disk; of a cluster, of one replica of each shard. Absent signals have no budget. */
export interface BudgetBytes {
  readonly traces?: number;
  readonly logs?: number;
  readonly metrics?: number;
}

export interface DroppedDay {
  readonly tenant: string;
  readonly signal: keyof BudgetBytes;
  /** The day of event time, as `2026-01-02`. */
  readonly day: string;
  readonly tables: readonly string[];
  readonly rows: number;
  readonly bytes: number;
}

const dayMs = 86_400_000;
const signals = ["traces", "logs", "metrics"] as const;

/**
 * Drops whole days of a signal while it takes more than its budget. What today alone takes is never dropped, so a budget
 * below that is told and not kept. `beforeDrop` is called with a day's end before anything of it goes.
 */
export async function enforceBudgets(
  { tenant, database }: TenantDatabase,
  budget: BudgetBytes,
  now: number,
  telemetry: Telemetry,
  beforeDrop: (signal: keyof BudgetBytes, dayEnd: number) => Promise<void>,
): Promise<readonly DroppedDay[]> {
  const dropped: DroppedDay[] = [];
  const sizes = await partitionSizes(database);
  for (const signal of signals) {
    const limit = budget[signal];
    if (limit === undefined) continue;
    const tables = new Set(storedTables.filter((table) => table.signal === signal).map((table) => table.name));
    const own = sizes.filter((size) => tables.has(size.table));
    let bytes = own.reduce((sum, size) => sum + size.diskBytes, 0);
    for (const [start, parts] of oldestDays(own, now)) {
      if (bytes <= limit) break;
      await beforeDrop(signal, start + dayMs);
      for (const { table, partition } of parts) await dropPartition(database, table, partition);
      const day: DroppedDay = {
        tenant,
        signal,
        day: new Date(start).toISOString().slice(0, 10),
        tables: parts.map((part) => part.table),
        rows: parts.reduce((sum, part) => sum + part.rows, 0),
        bytes: parts.reduce((sum, part) => sum + part.diskBytes, 0),
      };
      bytes -= day.bytes;
      dropped.push(day);
      telemetry.count("homeostat.store.dropped", day.rows, { reason: "budget", signal, tenant });
      telemetry.log.warn("store: a day was dropped to keep the byte budget", { ...day, budget: limit });
    }
    if (bytes <= limit) continue;
    telemetry.count("homeostat.store.over_budget", 1, { signal, tenant });
    telemetry.log.warn("store: over its byte budget with nothing old left to drop", {
      tenant,
      signal,
      bytes,
      budget: limit,
    });
  }
  return dropped;
}

/** Days before today, oldest first, with their partitions. */
function oldestDays(sizes: readonly PartitionSize[], now: number): readonly (readonly [number, PartitionSize[]])[] {
  const today = Math.floor(now / dayMs) * dayMs;
  const days = new Map<number, PartitionSize[]>();
  const dailyTables = new Set(storedTables.filter((table) => table.daily).map((table) => table.name));
  for (const size of sizes) {
    const start = dailyTables.has(size.table) ? dayOf(size.partition) : undefined;
    if (start === undefined || start >= today) continue;
    days.set(start, [...(days.get(start) ?? []), size]);
  }
  return [...days].toSorted(([a], [b]) => a - b);
}

async function dropPartition(database: Database, table: string, partition: string): Promise<void> {
  const name = localTable(database, table);
  await database.command(`ALTER TABLE ${name}${onCluster(database)} DROP PARTITION ID ${quote(partition)}`);
}
