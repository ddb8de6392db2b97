// What became of points on their way in: counted by page, told once a page.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Refusal } from "./intake.ts";

/** What was put right on the way in. */
export type Repair = "unit" | "clock-skew";

export interface IntakeTally {
  refuse(reason: Refusal): undefined;
  repaired(reason: Repair): void;
  /** Tells what was counted since the last time. */
  report(stored: number, late: number): void;
}

export function createIntakeTally(telemetry: Telemetry): IntakeTally {
  const refused = new Map<Refusal, number>();
  const repairs = new Map<Repair, number>();
  return {
    refuse(reason) {
      refused.set(reason, (refused.get(reason) ?? 0) + 1);
      return undefined;
    },
    repaired(reason) {
      repairs.set(reason, (repairs.get(reason) ?? 0) + 1);
    },
    report(stored, late) {
      telemetry.count("homeostat.observe.points", stored);
      if (late > 0) telemetry.count("homeostat.observe.late", late);
      for (const [reason, amount] of refused) telemetry.count("homeostat.observe.dropped", amount, { reason });
      refused.clear();
      for (const [reason, amount] of repairs) telemetry.count("homeostat.observe.repaired", amount, { reason });
      repairs.clear();
    },
  };
}
