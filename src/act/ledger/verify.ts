// Whether the ledger is what was written: each hash is recomputed, each link followed, the end compared with where it was last seen.
import type { LedgerEntry } from "../../model/action.ts";
import type { LedgerBreak, LedgerHead, LedgerReport } from "../../model/ledger.ts";
import { chainStart, isSealed, type Sealed, sealOf } from "./chain.ts";

const breaksMax = 100;

export interface VerifyOptions {
  /** Where the chain ended at some time before `entries` were read; what ends earlier was cut short. */
  readonly head?: LedgerHead | undefined;
  /** The order of `entries` is that of writing, as in a file. By default no order is expected, as with rows of a table. */
  readonly inOrder?: boolean;
}

/**
 * Judges all entries there are. Blind to entries removed from the beginning (age does that too: the report says where the chain begins)
 * and, without `head`, from the end; and to somebody who rewrites the whole chain and the head kept beside it.
 */
export function verifyChain(entries: readonly LedgerEntry[], options: VerifyOptions = {}): LedgerReport {
  const sealed = entries.filter(isSealed);
  const breaks: LedgerBreak[] = options.inOrder === true ? disordered(sealed) : [];
  const places = placesOf(sealed);
  const changed = sealed.filter((entry) => sealOf(entry) !== entry.hash);
  const chain = [...places.entries()].sort(([a], [b]) => a - b);
  let before: Sealed | undefined;
  for (const [sequence, here] of chain) {
    const expected = before === undefined ? sequence : before.sequence + 1;
    if (sequence > expected) breaks.push(missing(expected, sequence - 1));
    const linked = sequence === expected && before !== undefined ? before.hash : undefined;
    const entry = genuine(here, linked, places.get(sequence + 1));
    for (const other of here) {
      if (other === entry) continue;
      const says = `a second entry claims the place of entry ${sequence}: ${textOf(other)}`;
      breaks.push({ sequence, kind: "inserted", says });
    }
    if (changed.includes(entry)) breaks.push(changedOf(entry, changed));
    else if (linked !== undefined && entry.previous !== linked && !changed.includes(before!))
      breaks.push({
        sequence: before!.sequence,
        kind: "changed",
        says: `entry ${before!.sequence} is not the one that entry ${sequence} was written after`,
      });
    else if (sequence === 1 && entry.previous !== chainStart.hash)
      breaks.push({ sequence, kind: "changed", says: "entry 1 says that there was one before it" });
    before = entry;
  }
  const first = chain[0]?.[1][0];
  const unsealed = entries.filter((entry) => !isSealed(entry));
  breaks.push(...strays(unsealed, first), ...cutShort(before, places, options.head));
  const sorted = breaks.sort((a, b) => a.sequence - b.sequence);
  const report = {
    intact: breaks.length === 0,
    entries: places.size,
    repeats: sealed.length - [...places.values()].reduce((sum, here) => sum + here.length, 0),
    unsealed: unsealed.length,
    ...(first === undefined ? {} : { first: { sequence: first.sequence, hash: first.hash, at: first.at } }),
    ...(before === undefined ? {} : { last: { sequence: before.sequence, hash: before.hash, at: before.at } }),
    ...(options.head === undefined ? {} : { head: options.head }),
    breaks: sorted.slice(0, breaksMax),
  };
  return { ...report, says: summaryOf(report, breaks.length) };
}

/** Distinct entries by their place; a retry that wrote one twice is no second entry. */
function placesOf(sealed: readonly Sealed[]): Map<number, Sealed[]> {
  const places = new Map<number, Sealed[]>();
  for (const entry of sealed) {
    const here = places.get(entry.sequence) ?? [];
    const same = here.some((other) => other.hash === entry.hash && sealOf(other) === sealOf(entry));
    if (!same) here.push(entry);
    places.set(entry.sequence, here);
  }
  return places;
}

/** Of several that claim a place, the one its neighbours know. */
function genuine(here: readonly Sealed[], linked: string | undefined, next: readonly Sealed[] | undefined): Sealed {
  const score = (entry: Sealed): number =>
    (sealOf(entry) === entry.hash ? 2 : 0) +
    (linked === entry.previous ? 1 : 0) +
    (next?.some(({ previous }) => previous === entry.hash) === true ? 4 : 0);
  return here.toSorted((a, b) => score(b) - score(a))[0]!;
}

function changedOf(entry: Sealed, changed: readonly Sealed[]): LedgerBreak {
  const { sequence } = entry;
  const place = changed.find((other) => other !== entry && sealOf(entry, other.sequence) === entry.hash)?.sequence;
  if (place === undefined)
    return { sequence, kind: "changed", says: `entry ${sequence} was changed after it was written: ${textOf(entry)}` };
  return { sequence, kind: "reordered", says: `entry ${sequence} was written as entry ${place}: ${textOf(entry)}` };
}

function disordered(sealed: readonly Sealed[]): LedgerBreak[] {
  return sealed.flatMap(({ sequence }, i): LedgerBreak[] => {
    const before = sealed[i - 1]?.sequence;
    if (before === undefined || before <= sequence) return [];
    return [{ sequence, kind: "reordered", says: `entry ${sequence} stands behind entry ${before}` }];
  });
}

function missing(from: number, to: number): LedgerBreak {
  const which = from === to ? `entry ${from} is` : `entries ${from} to ${to} are`;
  return { sequence: from, kind: "missing", says: `${which} missing` };
}

/** Entries without a hash are of a version before the chain: none of them can be younger than its beginning. */
function strays(unsealed: readonly LedgerEntry[], first: Sealed | undefined): LedgerBreak[] {
  if (first === undefined || first.sequence !== 1) return [];
  return unsealed
    .filter(({ at }) => at > first.at)
    .map((entry) => ({
      sequence: first.sequence,
      kind: "inserted",
      says: `an entry without a hash is younger than the chain: ${textOf(entry)}`,
    }));
}

function cutShort(
  last: Sealed | undefined,
  places: Map<number, Sealed[]>,
  head: LedgerHead | undefined,
): LedgerBreak[] {
  if (head === undefined || head.sequence === 0) return [];
  const ends = last?.sequence ?? 0;
  if (ends < head.sequence) return [missing(ends + 1, head.sequence)];
  const { sequence } = head;
  if (places.get(sequence)?.some(({ hash }) => hash === head.hash) !== false) return [];
  return [{ sequence, kind: "changed", says: `entry ${sequence} is not the one that was last written under it` }];
}

function textOf({ action, state, by }: LedgerEntry): string {
  return `${action.kind} of ${action.target} ${state} by ${by}`;
}

function summaryOf(report: Omit<LedgerReport, "says">, found: number): string {
  const { first, last, unsealed, repeats } = report;
  const old = unsealed === 0 ? "" : `; ${unsealed} of a version before the chain, of which nothing can be said`;
  const twice = repeats === 0 ? "" : `; ${repeats} written twice by a retry, alike`;
  if (first === undefined || last === undefined) return `the chain has no entries${old}`;
  const begins = first.sequence === 1 ? "" : "; what was before has been let go by age, or removed";
  const range = `entries ${first.sequence} to ${last.sequence}`;
  const broken = report.breaks[0];
  const verdict =
    broken === undefined ? `${range} are intact` : `${range} break in ${found} places, first at ${broken.sequence}`;
  return `${verdict}${begins}${twice}${old}`;
}
