// Every tenant's counted spans as one stream, each group marked with whose it is.
import type { SpanGroup, SpanPage, SpanReader } from "../../model/ports/span-reader.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { TenantDatabase } from "../tenants.ts";
import { createSpanReader } from "./span-reader.ts";
import { formatCursor, parseCursor } from "./tenant-cursor.ts";
import type { TenantReaderOptions } from "./tenant-reader.ts";

/** Deals with a tenant whose database cannot be read as the reader of metric points does. */
export function createTenantSpans(options: TenantReaderOptions, telemetry: Telemetry): SpanReader {
  const readers = new WeakMap<Database, SpanReader>();
  const readerOf = ({ tenant, database }: TenantDatabase): SpanReader => {
    const known = readers.get(database);
    if (known !== undefined) return known;
    const made = createSpanReader({ database, storedThrough: () => options.storedThrough(tenant) });
    readers.set(database, made);
    return made;
  };

  return {
    async spansAfter(cursor, notBefore, stepMs): Promise<SpanPage> {
      const cursors = parseCursor(cursor);
      const all = options.tenants.all();
      if (all.length === 1 && cursors.size <= 1) return await readerOf(all[0]!).spansAfter(cursor, notBefore, stepMs);
      const groups: SpanGroup[] = [];
      let truncated = false;
      let failure: unknown;
      let read = 0;
      for (const one of all) {
        const { tenant } = one;
        try {
          const page = await readerOf(one).spansAfter(cursors.get(tenant) ?? "", notBefore, stepMs);
          cursors.set(tenant, page.cursor);
          for (const group of page.groups) groups.push({ ...group, tenant });
          truncated ||= page.truncated;
          read++;
        } catch (error) {
          failure = error;
          telemetry.count("homeostat.store.read_failures", 1, { tenant });
          telemetry.log.warn("store: the spans of a tenant cannot be read", { tenant, error: messageOf(error) });
        }
      }
      if (read === 0) throw failure;
      return { groups, cursor: formatCursor(cursors), truncated };
    },
  };
}
