// What has to be done to every tenant's database from time to time: rollups and byte budgets.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { type BudgetBytes, type DroppedDay, enforceBudgets } from "./budget.ts";
import type { Database } from "./database.ts";
import { messageOf } from "./errors.ts";
import type { Spool } from "./journal/journal.ts";
import type { RetentionDays } from "./retention.ts";
import { createRollups, type RollUpReport, type Rollups } from "./rollup.ts";
import type { TenantDatabase, Tenants } from "./tenants.ts";

export interface Upkeep {
  rollUp(upTo: Instant): Promise<RollUpReport>;
  enforceBudgets(): Promise<readonly DroppedDay[]>;
}

export interface UpkeepOptions {
  readonly tenants: Pick<Tenants, "all">;
  readonly spool: Pick<Spool, "storedThrough">;
  readonly retention: RetentionDays;
  /** Of each tenant for itself, so that one that sends much pushes out its own days only. */
  readonly budget: BudgetBytes;
  readonly now: () => number;
}

/** A tenant whose database fails is told of and left for the next time; a call rejects only if the default tenant's does. */
export function createUpkeep(options: UpkeepOptions, telemetry: Telemetry): Upkeep {
  const { retention, budget, now, spool } = options;
  const rollups = new WeakMap<Database, Rollups>();

  const rollupsOf = ({ tenant, database }: TenantDatabase): Rollups => {
    const known = rollups.get(database);
    if (known !== undefined) return known;
    const made = createRollups(
      {
        database,
        storedThrough: () => spool.storedThrough(tenant),
        ...(retention.metrics === undefined ? {} : { rawDays: retention.metrics }),
      },
      telemetry,
    );
    rollups.set(database, made);
    return made;
  };
  const forEach = async (what: string, work: (one: TenantDatabase) => Promise<void>): Promise<void> => {
    const [main, ...others] = options.tenants.all();
    for (const one of others) {
      await work(one).catch((error: unknown) => {
        telemetry.count("homeostat.store.upkeep_failures", 1, { reason: what, tenant: one.tenant });
        telemetry.log.warn(`store: ${what} of a tenant failed`, { tenant: one.tenant, error: messageOf(error) });
      });
    }
    await work(main!);
  };

  return {
    async rollUp(asked) {
      let sum: RollUpReport = { hours: 0, tooLate: 0, upTo: asked };
      await forEach("rollup", async (one) => {
        const { hours, tooLate, upTo } = await rollupsOf(one).rollUp(asked);
        sum = { hours: sum.hours + hours, tooLate: sum.tooLate + tooLate, upTo };
      });
      return sum;
    },
    async enforceBudgets() {
      const dropped: DroppedDay[] = [];
      await forEach("budget", async (one) => {
        const days = await enforceBudgets(one, budget, now(), telemetry, async (signal, dayEnd) => {
          if (signal === "metrics") await rollupsOf(one).freeze(dayEnd);
        });
        dropped.push(...days);
      });
      return dropped;
    },
  };
}
