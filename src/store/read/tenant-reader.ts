// Every tenant's metric points as one stream, each series marked with whose it is.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { ColumnPage, RawPage, RawSeries, TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { createTelemetryReader } from "./telemetry-reader.ts";
import { formatCursor, parseCursor } from "./tenant-cursor.ts";
import { hashPrefixOf } from "./tenant-hash.ts";

type OwnReader = Required<TelemetryReader>;

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
  const readers = new WeakMap<Database, OwnReader>();
  const readerOf = ({ tenant, database }: TenantDatabase): OwnReader => {
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

  /** Every tenant's page; the series of all together, marked where there is more than one. */
  const readAll = async <Page extends { readonly series: readonly RawSeries[]; readonly cursor: string }>(
    cursor: string,
    read: (reader: OwnReader, cursor: string) => Promise<Page>,
  ): Promise<{ readonly pages: readonly Page[]; readonly series: readonly RawSeries[]; readonly cursor: string }> => {
    const cursors = parseCursor(cursor);
    const all = options.tenants.all();
    if (all.length === 1 && cursors.size <= 1) {
      const page = await read(readerOf(all[0]!), cursor);
      return { pages: [page], series: page.series, cursor: page.cursor };
    }
    const series: RawSeries[] = [];
    const pages: Page[] = [];
    let failure: unknown;
    for (const one of all) {
      const { tenant } = one;
      try {
        const page = await read(readerOf(one), cursors.get(tenant) ?? "");
        cursors.set(tenant, page.cursor);
        for (const found of page.series) series.push({ ...found, tenant });
        pages.push(page);
      } catch (error) {
        failure = error;
        telemetry.count("homeostat.store.read_failures", 1, { tenant });
        telemetry.log.warn("store: the telemetry of a tenant cannot be read", { tenant, error: messageOf(error) });
      }
    }
    if (pages.length === 0) throw failure;
    return { pages, series, cursor: formatCursor(cursors) };
  };

  return {
    async metricsAfter(after, notBefore): Promise<RawPage> {
      const { pages, series, cursor } = await readAll(after, (reader, at) => reader.metricsAfter(at, notBefore));
      return { series, points: pages.flatMap((page) => page.points), cursor };
    },
    async columnsAfter(after, notBefore): Promise<ColumnPage> {
      const { pages, series, cursor } = await readAll(after, (reader, at) => reader.columnsAfter(at, notBefore));
      return { series, columns: pages.flatMap((page) => page.columns), cursor };
    },
  };
}
