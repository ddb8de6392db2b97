// Every tenant's stored points as one history: series marked and hashed as the reader of all tenants has them.
import type { StoredMetric, TelemetryHistory } from "../../model/ports/telemetry-history.ts";
import type { RawPoint, RawSeries } from "../../model/ports/telemetry-reader.ts";
import type { Database } from "../database.ts";
import type { TenantDatabase, Tenants } from "../tenants.ts";
import { createTelemetryHistory } from "./history.ts";
import { hashPrefixOf, tenantOfHash } from "./tenant-hash.ts";

/**
 * Rejects if any tenant's database cannot be read: an answer without it would be wrong in silence. Series of a tenant whose
 * database is gone have no points.
 */
export function createTenantHistory(tenants: Pick<Tenants, "all">): TelemetryHistory {
  const histories = new WeakMap<Database, TelemetryHistory>();
  const historyOf = ({ database }: TenantDatabase): TelemetryHistory => {
    const known = histories.get(database) ?? createTelemetryHistory(database);
    histories.set(database, known);
    return known;
  };

  return {
    async metrics(range) {
      const all = tenants.all();
      if (all.length === 1) return await historyOf(all[0]!).metrics(range);
      const found = new Map<string, StoredMetric>();
      for (const one of all)
        for (const metric of await historyOf(one).metrics(range)) {
          const key = `${metric.metric} ${metric.kind}`;
          if (!found.has(key)) found.set(key, metric);
        }
      return [...found.values()].toSorted((a, b) => (a.metric < b.metric ? -1 : a.metric > b.metric ? 1 : 0));
    },
    async series(metrics, range, limit) {
      const all = tenants.all();
      if (all.length === 1) return await historyOf(all[0]!).series(metrics, range, limit);
      const found: RawSeries[] = [];
      for (const one of all) {
        if (found.length >= limit) break;
        const { tenant } = one;
        const prefix = hashPrefixOf(tenant);
        for (const series of await historyOf(one).series(metrics, range, limit - found.length))
          found.push({ ...series, hash: prefix + series.hash, tenant });
      }
      return found;
    },
    async countPoints(series, range) {
      let total = 0;
      for (const [one, own] of byTenant(tenants.all(), series)) total += await historyOf(one).countPoints(own, range);
      return total;
    },
    async *points(series, range, thinToMs) {
      for (const [one, own] of byTenant(tenants.all(), series)) {
        const prefix = hashPrefixOf(one.tenant);
        for await (const page of historyOf(one).points(own, range, thinToMs))
          yield prefix === "" ? page : page.map((point): RawPoint => ({ ...point, hash: prefix + point.hash }));
      }
    },
  };
}

/** The series of each tenant, under the hashes its own database has. */
function byTenant(
  tenants: readonly TenantDatabase[],
  series: readonly RawSeries[],
): readonly (readonly [TenantDatabase, readonly RawSeries[]])[] {
  const found = new Map<string, RawSeries[]>();
  for (const one of series) {
    const tenant = tenantOfHash(one.hash);
    const own = { ...one, hash: one.hash.slice(hashPrefixOf(tenant).length) };
    const members = found.get(tenant);
    if (members === undefined) found.set(tenant, [own]);
    else members.push(own);
  }
  return tenants.flatMap((one) => {
    const members = found.get(one.tenant);
    return members === undefined ? [] : [[one, members] as const];
  });
}
