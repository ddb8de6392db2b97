// The ledger as a chain: each entry names the one before it by its hash, so that what was written stays what was written.
import type { Instant } from "./time.ts";

/** What an entry of the chain carries beside its content. Absent on entries of versions before the chain. */
export interface Seal {
  /** Counted from 1, without gaps. */
  readonly sequence: number;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 of the entry's canonical JSON without this member, in hexadecimal. */
  readonly hash: string;
}

/** Where the chain ends. */
export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
}

export interface LedgerBreak {
  readonly sequence: number;
  readonly kind: "changed" | "missing" | "inserted" | "reordered";
  /** One sentence for the auditor. */
  readonly says: string;
}

export interface LedgerReport {
  readonly intact: boolean;
  /** Entries of the chain; one that was written twice by a retry counts once. */
  readonly entries: number;
  readonly repeats: number;
  /** Of a version before the chain: nothing can be said of them. */
  readonly unsealed: number;
  readonly first?: LedgerHead & { readonly at: Instant };
  readonly last?: LedgerHead & { readonly at: Instant };
  /** Where the chain was known to end when it was read. */
  readonly head?: LedgerHead;
  /** In the order of the chain, at most 100. */
  readonly breaks: readonly LedgerBreak[];
  readonly says: string;
}

/** The end of the chain, and what was about to be appended to it. */
export interface KeptHead extends LedgerHead {
  /** Entries that the store may have or not: whoever wrote them ended before it knew. */
  readonly pending?: readonly unknown[];
  /** Why the kill switch is on: known here also where the ledger could not take it. */
  readonly killed?: string;
}

/** Keeps the end of the chain outside the ledger, durably, so that a ledger cut short is told from a whole one. */
export interface HeadKeeper {
  load(): Promise<KeptHead | undefined>;
  save(head: KeptHead): Promise<void>;
}
