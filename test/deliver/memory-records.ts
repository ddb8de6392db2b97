// Records kept in memory, with the promises of the port: the outbox and the ledger of tests.
import type { RecordKind, RecordQuery, Records, RecordTypes } from "../../src/model/ports/records.ts";

export interface MemoryRecords extends Records {
  readonly all: { [K in RecordKind]: RecordTypes[K][] };
  /** Called on every put, before it is stored; may throw. */
  onPut: (kind: RecordKind, records: readonly unknown[]) => void;
}

export function memoryRecords(): MemoryRecords {
  const all: MemoryRecords["all"] = {
    anomalies: [],
    alerts: [],
    findings: [],
    incidents: [],
    diagnoses: [],
    actions: [],
    recommendations: [],
    changes: [],
    deliveries: [],
    feedback: [],
  };
  const memory: MemoryRecords = {
    all,
    onPut: () => {},
    put(kind, records) {
      try {
        memory.onPut(kind, records);
      } catch (error) {
        return Promise.reject(error as Error);
      }
      const kept = all[kind] as unknown[];
      for (const record of records) {
        const id = (record as { id?: string }).id;
        const at = kind === "actions" ? -1 : kept.findIndex((old) => (old as { id?: string }).id === id);
        if (at >= 0) kept[at] = record;
        else kept.push(record);
      }
      return Promise.resolve();
    },
    list<K extends RecordKind>(kind: K, query: RecordQuery = {}) {
      const found = (all[kind] as RecordTypes[K][]).filter(
        (record) => (query.id === undefined || idOf(record) === query.id) && isWithin(record, query.range),
      );
      return Promise.resolve(
        found
          .slice()
          .reverse()
          .slice(0, query.limit ?? 100),
      );
    },
  };
  return memory;
}

/** Ranges are of messages only: by when they were written. */
function isWithin(record: object, range: RecordQuery["range"]): boolean {
  if (range === undefined || !("createdAt" in record)) return true;
  const at = Number(record.createdAt);
  return at >= range.from && at < range.to;
}

/** Entries of the ledger are found by the action they are about. */
function idOf(record: { readonly id?: string } | { readonly action: { readonly id: string } }): string | undefined {
  return "action" in record ? record.action.id : record.id;
}
