// Every entry of the ledger there is in the store, page by page.
import type { LedgerEntry } from "../model/action.ts";
import type { Records } from "../model/ports/records.ts";

/** What one question answers with at most. */
const pageMax = 1000;

/** Newest first, at most `max` of them. Rejects if more entries than one answer holds are of the same millisecond. */
export async function ledgerEntries(records: Pick<Records, "list">, max: number): Promise<readonly LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (let to: number | undefined; found.length < max; ) {
    const range = to === undefined ? {} : { range: { from: 0, to } };
    const page = await records.list("actions", { ...range, limit: pageMax });
    const last = page.at(-1);
    if (last === undefined || page.length < pageMax) return [...found, ...page].slice(0, max);
    // The last millisecond of a full page may go on in the next: it is read there as a whole.
    const at = Math.floor(last.at);
    const whole = page.filter((entry) => Math.floor(entry.at) > at);
    if (whole.length === 0) throw new Error(`more than ${pageMax} entries are of ${at}: they cannot all be read`);
    found.push(...whole);
    to = at + 1;
  }
  return found.slice(0, max);
}
