// What stored telemetry takes and will take, from what the engine knows of its parts: no rows are read.
import type { Database } from "./database.ts";
import type { RetentionDays } from "./retention.ts";
import {
  dayOf,
  type PartitionSize,
  partitionSizes,
  type StoredSignal,
  type StoredTable,
  storedTables,
} from "./tables.ts";

export interface Size {
  readonly rows: number;
  /** Column data as stored. */
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** Everything on disk: column data, indexes, marks. Of a cluster: one replica of each shard. */
  readonly diskBytes: number;
}

export interface TableCost extends Size {
  readonly table: string;
  readonly signal: StoredSignal;
  /** On disk; 0 without rows. */
  readonly bytesPerRow: number;
  /** First and last day of event time with rows, as `2026-01-02`; absent where partitions are not days. */
  readonly days?: { readonly from: string; readonly to: string; readonly count: number };
  /** On disk, mean of the last up to 7 whole days; while there is only today, what today has come to, scaled to a day. */
  readonly bytesPerDay: number;
  /** On disk when as old as the retention allows; absent if kept for ever. */
  readonly projectedBytes?: number;
  readonly retentionDays?: number;
}

export interface SignalCost extends Size {
  readonly signal: StoredSignal;
  readonly bytesPerDay: number;
  readonly projectedBytes?: number;
  readonly retentionDays?: number;
}

export interface CostReport {
  /** Unix ms of wall time. */
  readonly at: number;
  readonly database: string;
  readonly tables: readonly TableCost[];
  readonly signals: readonly SignalCost[];
  readonly total: Size & { readonly bytesPerDay: number; readonly projectedBytes?: number };
}

const dayMs = 86_400_000;
const recentDays = 7;

/**
 * Blind to what is not merged yet: fresh parts are larger than they will be. Tables that are not cut by day are taken to
 * have grown evenly over the days their signal has rows of (over all days, if it has none).
 */
export async function readCost(database: Database, retention: RetentionDays, now: number): Promise<CostReport> {
  const sizes = await partitionSizes(database);
  const known = (table: string): readonly PartitionSize[] => sizes.filter((size) => size.table === table);
  const spanOf = (signal?: StoredSignal): number => {
    const starts = storedTables
      .filter((table) => table.daily && (signal === undefined || table.signal === signal))
      .flatMap(({ name }) => known(name).flatMap(({ partition }) => dayOf(partition) ?? []));
    return starts.length === 0 ? 0 : Math.max(1 / 24, (now - Math.min(...starts)) / dayMs);
  };
  const tables = storedTables.map((table) => {
    const days = spanOf(table.signal) || spanOf() || 1;
    return tableCost(table, known(table.name), days, retention[table.signal], now);
  });
  const signals = [...new Set(storedTables.map((table) => table.signal))].map((signal): SignalCost => {
    const retentionDays = retention[signal];
    return {
      signal,
      ...sumOf(tables.filter((table) => table.signal === signal)),
      ...(retentionDays === undefined ? {} : { retentionDays }),
    };
  });
  return { at: now, database: database.name, tables, signals, total: sumOf(tables) };
}

function tableCost(
  { name, signal, daily }: StoredTable,
  sizes: readonly PartitionSize[],
  ageDays: number,
  retentionDays: number | undefined,
  now: number,
): TableCost {
  const size = addSizes(sizes);
  const starts = daily ? sizes.flatMap(({ partition }) => dayOf(partition) ?? []).toSorted((a, b) => a - b) : [];
  const bytesPerDay = daily ? dailyBytes(sizes, now) : size.diskBytes / ageDays;
  const text = (at: number): string => new Date(at).toISOString().slice(0, 10);
  return {
    table: name,
    signal,
    ...size,
    bytesPerRow: size.rows === 0 ? 0 : size.diskBytes / size.rows,
    ...(starts.length === 0
      ? {}
      : { days: { from: text(starts[0]!), to: text(starts.at(-1)!), count: starts.length } }),
    bytesPerDay,
    ...(retentionDays === undefined ? {} : { retentionDays, projectedBytes: bytesPerDay * retentionDays }),
  };
}

function dailyBytes(sizes: readonly PartitionSize[], now: number): number {
  const today = Math.floor(now / dayMs) * dayMs;
  const days = sizes.map(({ partition, diskBytes }) => ({ start: dayOf(partition) ?? today, diskBytes }));
  const whole = days.filter(({ start }) => start < today).toSorted((a, b) => b.start - a.start);
  if (whole.length === 0) {
    // An hour at least: the first minutes of a day say little about it.
    const share = Math.max(1 / 24, (now - today) / dayMs);
    return days.reduce((sum, day) => sum + day.diskBytes, 0) / share;
  }
  // Days without rows count too, from the newest back.
  const newest = whole[0]!.start;
  const recent = whole.filter(({ start }) => start > newest - recentDays * dayMs);
  const span = Math.round((newest - recent.at(-1)!.start) / dayMs) + 1;
  return recent.reduce((sum, day) => sum + day.diskBytes, 0) / span;
}

function addSizes(sizes: readonly Size[]): Size {
  const total = { rows: 0, compressedBytes: 0, uncompressedBytes: 0, diskBytes: 0 };
  for (const size of sizes) {
    total.rows += size.rows;
    total.compressedBytes += size.compressedBytes;
    total.uncompressedBytes += size.uncompressedBytes;
    total.diskBytes += size.diskBytes;
  }
  return total;
}

/** No projection if any table of them is kept for ever. */
function sumOf(tables: readonly TableCost[]): CostReport["total"] {
  const projected = tables.map((table) => table.projectedBytes);
  return {
    ...addSizes(tables),
    bytesPerDay: tables.reduce((sum, table) => sum + table.bytesPerDay, 0),
    ...(projected.includes(undefined) ? {} : { projectedBytes: projected.reduce<number>((a, b) => a + (b ?? 0), 0) }),
  };
}
