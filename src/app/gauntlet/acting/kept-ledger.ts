// A ledger in memory for one played scenario: what is put can be listed again, and nothing outlives the run.
import type { LedgerEntry } from "../../../model/action.ts";
import type { KeptHead } from "../../../model/ledger.ts";
import type { RecordKind, RecordQuery, Records, RecordTypes } from "../../../model/ports/records.ts";

export interface KeptLedger {
  readonly records: Records;
  readonly head: { load(): Promise<KeptHead | undefined>; save(head: KeptHead): Promise<void> };
  entries(): readonly LedgerEntry[];
}

export function createKeptLedger(): KeptLedger {
  const kept = new Map<RecordKind, unknown[]>();
  let end: KeptHead | undefined;
  return {
    records: {
      put(kind, records) {
        kept.set(kind, [...(kept.get(kind) ?? []), ...records]);
        return Promise.resolve();
      },
      list<K extends RecordKind>(kind: K, { id, limit = 100 }: RecordQuery = {}) {
        const found = ((kept.get(kind) ?? []) as RecordTypes[K][]).filter(
          (one) => id === undefined || idOf(one) === id,
        );
        return Promise.resolve(found.toReversed().slice(0, limit));
      },
    },
    head: {
      load: () => Promise.resolve(end),
      save(head) {
        end = head;
        return Promise.resolve();
      },
    },
    entries: () => (kept.get("actions") ?? []) as LedgerEntry[],
  };
}

/** Entries of the ledger are found by the action they are about. */
function idOf(record: { readonly id?: string } | { readonly action: { readonly id: string } }): string | undefined {
  return "action" in record ? record.action.id : record.id;
}
