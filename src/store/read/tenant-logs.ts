// Every tenant's log records as one stream, each origin marked with whose it is.
import type { LogOrigin, LogPage, LogReader } from "../../model/ports/log-reader.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { TenantDatabase } from "../tenants.ts";
import { createLogReader } from "./log-reader.ts";
import { formatCursor, parseCursor } from "./tenant-cursor.ts";
import type { TenantReaderOptions } from "./tenant-reader.ts";

export interface TenantLogsOptions extends TenantReaderOptions {
  /** The highest batch there ever was, of all tenants. */
  readonly lastId: () => bigint;
}

/** Deals with a tenant whose database cannot be read as the reader of metric points does. */
export function createTenantLogs(options: TenantLogsOptions, telemetry: Telemetry): LogReader {
  const readers = new WeakMap<Database, LogReader>();
  const readerOf = ({ tenant, database }: TenantDatabase): LogReader => {
    const known = readers.get(database);
    if (known !== undefined) return known;
    const made = createLogReader({
      database,
      storedThrough: () => options.storedThrough(tenant),
      lastId: options.lastId,
    });
    readers.set(database, made);
    return made;
  };

  return {
    async logsAfter(cursor, notBefore): Promise<LogPage> {
      const cursors = parseCursor(cursor);
      const all = options.tenants.all();
      if (all.length === 1 && cursors.size <= 1) return await readerOf(all[0]!).logsAfter(cursor, notBefore);
      const pages: (readonly [tenant: string, page: LogPage])[] = [];
      let failure: unknown;
      for (const one of all) {
        const { tenant } = one;
        try {
          const page = await readerOf(one).logsAfter(cursors.get(tenant) ?? "", notBefore);
          cursors.set(tenant, page.cursor);
          pages.push([tenant, page]);
        } catch (error) {
          failure = error;
          telemetry.count("homeostat.store.read_failures", 1, { tenant });
          telemetry.log.warn("store: the log records of a tenant cannot be read", { tenant, error: messageOf(error) });
        }
      }
      if (pages.length === 0) throw failure;
      return joined(pages, formatCursor(cursors));
    },
  };
}

function joined(pages: readonly (readonly [tenant: string, page: LogPage])[], cursor: string): LogPage {
  const records = pages.reduce((sum, [, page]) => sum + page.records, 0);
  const at = new Float64Array(records);
  const severity = new Uint8Array(records);
  const origin = new Int32Array(records);
  const origins: LogOrigin[] = [];
  let offset = 0;
  for (const [tenant, page] of pages) {
    at.set(page.at, offset);
    severity.set(page.severity, offset);
    for (let i = 0; i < page.records; i++) origin[offset + i] = page.origin[i]! + origins.length;
    for (const one of page.origins) origins.push({ ...one, tenant });
    offset += page.records;
  }
  const bodies = pages.flatMap(([, page]) => page.bodies);
  const more = pages.some(([, page]) => page.more);
  const beyond = pages.some(([, page]) => page.beyond);
  return { records, at, severity, origin, bodies, origins, cursor, more, ...(beyond ? { beyond } : {}) };
}
