// Every tenant's metric points as one stream, each series marked with whose it is.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { RawPage, RawPoint, RawSeries, TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { createTelemetryReader } from "./telemetry-reader.ts";
import { formatCursor, parseCursor } from "./tenant-cursor.ts";
import { hashPrefixOf } from "./tenant-hash.ts";

export interface TenantReaderOptions {
  readonly tenants: Pick<Tenants, "all">;
  /** Everything of the tenant up to this batch is stored. */
  readonly storedThrough: (tenant: string) => bigint;
}

/**
 * A tenant whose database cannot be read is counted, and read on from the same place at the next call, so that it blinds
 * nobody else; rejects if none can be read.
 */
export function createTenantReader(options: TenantReaderOptions, telemetry: Telemetry): TelemetryReader {
  const readers = new WeakMap<Database, TelemetryReader>();
  const readerOf = ({ tenant, database }: TenantDatabase): TelemetryReader => {
    const known = readers.get(database);
    if (known !== undefined) return known;
    const made = createTelemetryReader({
      database,
      storedThrough: () => options.storedThrough(tenant),
      hashPrefix: hashPrefixOf(tenant),
    });
    readers.set(database, made);
    return made;
  };

  return {
    async metricsAfter(cursor, notBefore): Promise<RawPage> {
      const cursors = parseCursor(cursor);
      const all = options.tenants.all();
      if (all.length === 1 && cursors.size <= 1) return await readerOf(all[0]!).metricsAfter(cursor, notBefore);
      const series: RawSeries[] = [];
      const points: RawPoint[] = [];
      let failure: unknown;
      let read = 0;
      for (const one of all) {
        const { tenant } = one;
        try {
          const page = await readerOf(one).metricsAfter(cursors.get(tenant) ?? "", notBefore);
          cursors.set(tenant, page.cursor);
          for (const found of page.series) series.push({ ...found, tenant });
          for (const point of page.points) points.push(point);
          read++;
        } catch (error) {
          failure = error;
          telemetry.count("homeostat.store.read_failures", 1, { tenant });
          telemetry.log.warn("store: the telemetry of a tenant cannot be read", { tenant, error: messageOf(error) });
        }
      }
      if (read === 0) throw failure;
      return { series, points, cursor: formatCursor(cursors) };
    },
  };
}
