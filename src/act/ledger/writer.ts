// The one writer of the ledger: seals each entry to the one before it and appends it.
import type { LedgerEntry } from "../../model/action.ts";
import type { HeadKeeper, KeptHead, LedgerHead } from "../../model/ledger.ts";
import type { Records } from "../../model/ports/records.ts";
import { chainStart, isSealed, type Sealed, seal, type Unsealed } from "./chain.ts";

export interface Ledger {
  /**
   * Durable once resolved. Rejects when the store or the keeper of the head takes nothing: the entry may then be stored all the same, so
   * before the next one, also of another run, it is put once more together with one that voids it.
   */
  write(entry: Unsealed): Promise<LedgerEntry>;
  /**
   * Goes on where the chain ends: after its newest entries, or after the kept head where the store does not show as much. Voids what an
   * earlier run did not know to be stored, and gives what it wrote for that.
   */
  continueAfter(newest: readonly LedgerEntry[]): Promise<readonly LedgerEntry[]>;
  head(): LedgerHead;
  /** Keeps beside the head why the kill switch is on, or that it is off. */
  keepKilled(why: string | undefined): Promise<void>;
  killed(): string | undefined;
}

export function createLedger(records: Records, keeper: HeadKeeper): Ledger {
  let head = chainStart;
  /** Not known to be stored, with the entry that voids it. */
  let doubtful: readonly Sealed[] = [];
  let killed: string | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  const save = (kept: KeptHead): Promise<void> => keeper.save({ ...kept, ...(killed === undefined ? {} : { killed }) });

  async function append(entries: readonly Sealed[]): Promise<void> {
    try {
      await save({ ...head, pending: entries });
      await records.put("actions", entries);
      const { sequence, hash } = entries.at(-1)!;
      await save({ sequence, hash });
      head = { sequence, hash };
      doubtful = [];
    } catch (error) {
      doubtful = voided(entries);
      throw error;
    }
  }

  return {
    head: () => head,
    killed: () => killed,
    keepKilled(why) {
      killed = why;
      const done = tail.then(() => save(doubtful.length === 0 ? head : { ...head, pending: doubtful }));
      tail = done.catch(() => {});
      return done;
    },
    write(entry) {
      const done = tail.then(async () => {
        if (doubtful.length > 0) await append(doubtful);
        const sealed = seal(entry, head);
        await append([sealed]);
        return sealed;
      });
      tail = done.catch(() => {});
      return done;
    },
    async continueAfter(newest) {
      const kept: KeptHead = (await keeper.load()) ?? chainStart;
      killed = kept.killed;
      const pending = ((kept.pending ?? []) as readonly Sealed[]).filter(isSealed);
      const known = (pending.at(-1) ?? kept).sequence;
      const later = newest.filter(isSealed).filter(({ sequence }) => sequence > known);
      const last = later.reduce<LedgerHead>((a, b) => (b.sequence > a.sequence ? b : a), kept);
      head = { sequence: last.sequence, hash: last.hash };
      if (later.length > 0 || pending.length === 0) return [];
      const written = voided(pending);
      await append(written);
      return written;
    },
  };
}

function voided(entries: readonly Sealed[]): readonly Sealed[] {
  const last = entries.at(-1)!;
  if (last.state === "void") return entries;
  const { action, at, sequence } = last;
  const reason = `entry ${sequence} is void: it was not known to be stored, so nothing was done on it`;
  return [...entries, seal({ action, state: "void", at, by: "ledger", reason, voids: sequence }, last)];
}
