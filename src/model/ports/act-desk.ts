// What people and programs may ask of the room that acts.
import type { LedgerReport } from "../ledger.ts";

export interface ActDesk {
  /** Reads the whole ledger and says whether it is what was written. */
  ledger(): Promise<LedgerReport>;
}
