// The outbox of results: what delivery needs of a store, in one file.
import type { Delivery, RecordKind, RecordQuery, Records, RecordTypes } from "../model/ports/records.ts";
import { openLines } from "./lines.ts";

export interface Outbox extends Records {
  close(): void;
}

const bytesMax = 256 * 1024 * 1024;

/** Keeps deliveries and nothing else; those that ended longer than `rememberMs` ago are forgotten. */
export function openOutbox(file: string, rememberMs: number, now: () => number): Outbox {
  const lines = openLines(file, bytesMax);
  const deliveries = new Map<string, Delivery>();
  for (const delivery of lines.found as readonly Delivery[]) keep(delivery);
  let appended = 0;
  compact();

  /** Last changed is last. */
  function keep(delivery: Delivery): void {
    deliveries.delete(delivery.id);
    deliveries.set(delivery.id, delivery);
  }

  function compact(): void {
    const oldest = now() - rememberMs;
    for (const { id, state, createdAt } of deliveries.values())
      if (state !== "pending" && createdAt < oldest) deliveries.delete(id);
    lines.rewrite(deliveries.values());
    appended = 0;
  }

  return {
    async put(kind, records) {
      if (kind !== "deliveries") throw new Error(`the agent keeps no ${kind}`);
      for (const delivery of records as readonly Delivery[]) {
        lines.append(delivery);
        keep(delivery);
        appended++;
      }
      if (appended > 1000 + deliveries.size) compact();
    },
    async list<K extends RecordKind>(kind: K, query: RecordQuery = {}) {
      if (kind !== "deliveries") return [];
      const one = query.id === undefined ? undefined : deliveries.get(query.id);
      const found = query.id === undefined ? [...deliveries.values()].reverse() : one === undefined ? [] : [one];
      return found.slice(0, query.limit ?? 100) as unknown as readonly RecordTypes[K][];
    },
    close: () => lines.close(),
  };
}
