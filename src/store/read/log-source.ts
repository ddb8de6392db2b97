// Log records by text and time, of every tenant.
import type { Labels } from "../../model/labels.ts";
import type { LogRecord, LogSource } from "../../model/ports/log-source.ts";
import { defaultTenant } from "../../model/tenant.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { clamp } from "./records.ts";

const limitMax = 10_000;
/** SQL for rows whose body has one of `{texts:Array(String)}`, and for at most `{limit:UInt32}` of each. All bodies have the empty text. */
export function textClauses(texts: readonly string[]): { readonly filter: string; readonly limit: string } {
  if (texts.includes("")) return { filter: "1", limit: "LIMIT {limit:UInt32}" };
  const first = "multiSearchFirstIndex(Body, {texts:Array(String)})";
  return { filter: `${first} > 0`, limit: `LIMIT {limit:UInt32} BY ${first}` };
}

export function createLogSource(tenants: Pick<Tenants, "all">): LogSource {
  return {
    async search({ contains, range, limit }): Promise<readonly LogRecord[]> {
      const most = Math.min(limitMax, Math.max(0, Math.floor(limit)));
      const texts = typeof contains === "string" ? [contains] : contains;
      if (texts.length === 0) return [];
      const query = { texts, from: clamp(range.from), to: clamp(range.to), limit: most };
      const found = await Promise.all(tenants.all().map((one) => searchIn(one, query)));
      if (found.length === 1) return found[0]!;
      const counts = new Map<number, number>();
      return found
        .flat()
        .toSorted((a, b) => b.at - a.at)
        .filter(({ body }) => {
          const first = texts.includes("") ? 0 : texts.findIndex((text) => body.includes(text));
          counts.set(first, (counts.get(first) ?? 0) + 1);
          return counts.get(first)! <= most;
        });
    },
  };
}

async function searchIn(
  { tenant, database }: TenantDatabase,
  query: { readonly texts: readonly string[]; readonly from: number; readonly to: number; readonly limit: number },
): Promise<readonly LogRecord[]> {
  const { filter, limit } = textClauses(query.texts);
  const rows = await database.select<[number, string, number, string, Labels, Labels]>(
    `SELECT toFloat64(toUnixTimestamp64Milli(Timestamp)), ServiceName, SeverityNumber, Body, ResourceAttributes, LogAttributes
      FROM ${database.table("otel_logs")}
      WHERE Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64})
        AND ${filter}
      ORDER BY Timestamp DESC, _batch DESC, _i DESC ${limit}`,
    query,
  );
  return rows.map(([at, service, severity, body, resource, attributes]) => ({
    at,
    service,
    severity,
    body,
    resource,
    attributes,
    ...(tenant === defaultTenant ? {} : { tenant }),
  }));
}
