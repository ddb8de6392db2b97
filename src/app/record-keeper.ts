// What was found goes to the store; what it does not take is kept and tried again, so that thinking goes on without it.
import type { RecordKind, Records, RecordTypes } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";

export interface RecordKeeper {
  /** Never rejects: what cannot be stored is tried again with the next of its kind. */
  keep<K extends KeptKind>(kind: K, found: readonly RecordTypes[K][]): Promise<void>;
  /** Why records wait to be stored; undefined while none does. */
  trouble(): string | undefined;
}

/** Kinds whose later version replaces the earlier one. */
export type KeptKind = Exclude<RecordKind, "actions" | "deliveries" | "changes" | "feedback">;

/** Records of a kind that may wait. */
const waitingMax = 1000;

export function createRecordKeeper(records: Records, telemetry: Telemetry): RecordKeeper {
  const waiting = new Map<KeptKind, Map<string, RecordTypes[KeptKind]>>();
  let failure: string | undefined;

  return {
    trouble: () => failure,
    async keep(kind, found) {
      const own = waiting.get(kind) ?? new Map<string, RecordTypes[KeptKind]>();
      if (found.length === 0 && own.size === 0) return;
      waiting.delete(kind);
      for (const one of found) {
        // The later version goes last.
        own.delete(one.id);
        own.set(one.id, one);
      }
      try {
        await records.put(kind, [...own.values()] as (typeof found)[number][]);
        if (waiting.size === 0 && failure !== undefined) {
          telemetry.log.info("what is found is stored again");
          failure = undefined;
        }
      } catch (error) {
        waiting.set(kind, own);
        letGo(kind, own);
        const says = error instanceof Error ? error.message : String(error);
        telemetry.count("homeostat.app.store_failed", 1, { kind });
        if (failure === undefined)
          telemetry.log.error("what is found cannot be stored: it is kept, and judging goes on", { kind, error: says });
        failure = says;
      }
    },
  };

  function letGo(kind: KeptKind, own: Map<string, unknown>): void {
    const over = own.size - waitingMax;
    if (over <= 0) return;
    telemetry.count("homeostat.app.dropped", over, { reason: `unkept-${kind}` });
    for (const id of [...own.keys()].slice(0, over)) own.delete(id);
  }
}
