// Writing down what becomes of a repair, before anything happens because of it.
import type { ActionState, LedgerEntry } from "../model/action.ts";
import type { Instant } from "../model/time.ts";
import type { Desk, Turn } from "./desk.ts";
import type { Repair } from "./repairs.ts";

/** What an entry tells beside state, author and reason. */
export type Details = Pick<LedgerEntry, "before" | "after" | "verdict" | "compared">;

export interface Book {
  /** A ledger that fails stops the action: the repair stays in the state it was in. */
  write(repair: Repair, state: ActionState, by: string, reason: string, turn: Turn, details?: Details): Promise<void>;
  /** The same hold is told once, however often it is found again. */
  hold(repair: Repair, held: { by: string; reason: string; retryAt?: Instant | undefined }, turn: Turn): Promise<void>;
  /** It is over: what it was to mend is well again before it was tried once more. */
  recovered(repair: Repair, turn: Turn): Promise<void>;
}

export function createBook({ demotions, deps, ledger }: Desk): Book {
  const write: Book["write"] = async (repair, state, by, reason, { now, out }, details = {}) => {
    const action = repair.target === undefined ? repair.action : { ...repair.action, domain: repair.target.domain };
    const { id, mode } = demotions.policyFor(action);
    const entry = await ledger.write({ action, state, at: now, by, reason, policy: { id, mode }, ...details });
    repair.state = state;
    repair.touchedAt = now;
    out.push(entry);
    deps.telemetry.count("homeostat.act.entries", 1, { state, by });
  };
  return {
    write,
    async hold(repair, { by, reason, retryAt }, turn) {
      const told = repair.state === "held" && repair.hold?.by === by;
      repair.hold = { by, reason, ...(retryAt === undefined ? {} : { retryAt }) };
      if (!told) await write(repair, "held", by, reason, turn);
    },
    async recovered(repair, turn) {
      await write(repair, "held", "recovered", "all is well again without another attempt", turn);
      repair.over = true;
    },
  };
}
