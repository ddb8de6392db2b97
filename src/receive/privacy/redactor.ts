// The policy on the hot path: what to do with a key is decided once per dictionary entry and then is one byte to look up.
import { createHmac } from "node:crypto";
import { type Bytes, textSource } from "../../model/columns/bytes.ts";
import type { MapColumn } from "../../model/columns/column.ts";
import { clearDictionary, createLowCardinality, type Dictionary, lookUp } from "../../model/columns/dictionary.ts";
import type { KeyGuard } from "../key-guard.ts";
import { createRowBefore, type RowBefore } from "../usual-attributes.ts";
import { type Carrier, carrierOf, marksModelCall } from "./carriers.ts";
import type { PrivacyAction } from "./default-rules.ts";
import { createLedger, factPrefix, type Ledger } from "./ledger.ts";
import { keyActions, type PrivacyPolicy } from "./policy.ts";

/** Actions as bytes; 0 is the one that costs nothing. */
export const KEEP = 0;
export const DROP = 1;
export const MASK = 2;
export const HASH = 3;
/** Kept as it is, but facts are read from it: the fast path must not pass it by. */
export const READ = 4;
/** The key is beyond the tenant's limit of distinct keys. */
export const OVER = 5;
/** A key only we may write: what a sender puts there is not stored. */
export const OURS = 6;
const codes: Readonly<Record<PrivacyAction, number>> = { keep: KEEP, drop: DROP, mask: MASK, hash: HASH };

/** Actions for the entries of one dictionary. */
export interface Guard {
  /** By entry, as far as `known`. */
  actions: Uint8Array;
  inContentEvents: Uint8Array;
  known: number;
  /** What the entry holds that facts are read from, inside and outside of content events; empty if this column has no facts. */
  readonly carriers: Carrier[];
  readonly eventCarriers: Carrier[];
  /** Entries that only calls of a model have. */
  readonly marks: number[];
  /** Whether facts of texts are put beside them in this column. */
  readonly hasFacts: boolean;
  /** Key under which the length of a dropped text is kept, by entry. */
  readonly lengthKeys: Bytes[];
}

/** A map column whose entries pass the policy. */
export interface AttributeColumn extends MapColumn {
  readonly guard: Guard;
  readonly redactor: Redactor;
  readonly before: RowBefore;
}

export interface Redactor {
  readonly content: number;
  readonly logBodies: number;
  readonly statusMessages: number;
  /** Facts of the texts of the item being decoded. */
  readonly ledger: Ledger;
  /** The column with a guard. One guard per column: see {@link syncGuard}. `hasFacts`: of spans, events and log records. */
  column(map: MapColumn, hasFacts?: boolean): AttributeColumn;
  /** Action for an entry that {@link lookUp} just gave. */
  actionOf(guard: Guard, dictionary: Dictionary, entry: number, inContentEvent: boolean): number;
  /** Action for a key inside a map value. */
  actionInside(source: Bytes, start: number, end: number): number;
  /** 16 hex digits of HMAC-SHA-256 under the salt. */
  digest(bytes: Uint8Array): string;
}

/** Keys inside map values whose action is remembered. */
const INSIDE_KEYS_MAX = 4096;
const KEY_BYTES_MAX = 1024;
/** Keys marking a model call that are looked for in each span. */
const MARKS_MAX = 16;
/** Says how many bytes a dropped text had. */
export const bodyLengthKey = lengthKeyOf("body");
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** `admits`: whether a key is stored at all. Throws if the policy cannot be followed; see {@link keyActions}. */
export function createRedactor(policy: PrivacyPolicy, admits: KeyGuard["admits"] = () => true): Redactor {
  const keys = keyActions(policy);
  const salt = policy.salt ?? "";
  const inside = createLowCardinality().dictionary;
  const insideGuard = createGuard(false);

  /** `outside`: keys of attributes; those inside their values are no attributes and not counted. */
  function judge(guard: Guard, dictionary: Dictionary, outside: boolean): void {
    const { starts, lengths } = dictionary;
    if (guard.actions.length < starts.length) {
      guard.actions = larger(guard.actions, starts.length);
      guard.inContentEvents = larger(guard.inContentEvents, starts.length);
    }
    for (let entry = guard.known; entry < dictionary.count; entry++) {
      const start = starts[entry]!;
      const key = decoder.decode(dictionary.bytes.data.subarray(start, start + lengths[entry]!));
      const barred = outside ? bar(key, dictionary, entry) : undefined;
      guard.actions[entry] = barred ?? codes[keys.of(key, false)];
      const inContentEvent = barred ?? codes[keys.of(key, true)];
      guard.inContentEvents[entry] = inContentEvent;
      if (inContentEvent === DROP) guard.lengthKeys[entry] = lengthKeyOf(key);
      if (guard.hasFacts) noteFacts(guard, entry, key);
    }
    guard.known = dictionary.count;
  }

  /** Why no attribute of a sender may have this key. */
  function bar(key: string, { bytes, starts, lengths }: Dictionary, entry: number): number | undefined {
    if (key.startsWith(factPrefix)) return OURS;
    const start = starts[entry]!;
    return admits(bytes, start, start + lengths[entry]!, entry) ? undefined : OVER;
  }

  const redactor: Redactor = {
    content: codes[keys.content],
    logBodies: codes[keys.logBodies],
    statusMessages: codes[keys.statusMessages],
    ledger: createLedger(),
    column: (map, hasFacts = false) => ({ ...map, guard: createGuard(hasFacts), redactor, before: createRowBefore() }),
    actionOf(guard, dictionary, entry, inContentEvent) {
      if (entry >= guard.known) judge(guard, dictionary, guard !== insideGuard);
      return (inContentEvent ? guard.inContentEvents : guard.actions)[entry]!;
    },
    actionInside(source, start, end) {
      if (inside.count >= INSIDE_KEYS_MAX) clearDictionary(inside);
      syncGuard(insideGuard, inside);
      const entry = lookUp(inside, source, start, end, end - start, KEY_BYTES_MAX);
      return redactor.actionOf(insideGuard, inside, entry, false);
    },
    digest: (bytes) => createHmac("sha256", salt).update(bytes).digest("hex").slice(0, 16),
  };
  return redactor;
}

/**
 * Forgets the actions of entries that a rollback or a seal took away. Must run before the dictionary grows again, or an
 * entry could inherit the action of another key that had its number.
 */
export function syncGuard(guard: Guard, dictionary: Dictionary): void {
  if (dictionary.count >= guard.known) return;
  guard.known = dictionary.count;
  while (guard.marks.length > 0 && guard.marks.at(-1)! >= guard.known) guard.marks.pop();
}

function createGuard(hasFacts: boolean): Guard {
  const [actions, inContentEvents] = [new Uint8Array(64), new Uint8Array(64)];
  return { actions, inContentEvents, known: 0, carriers: [], eventCarriers: [], marks: [], hasFacts, lengthKeys: [] };
}

function noteFacts(guard: Guard, entry: number, key: string): void {
  const carrier = carrierOf(key, false);
  const eventCarrier = carrierOf(key, true);
  guard.carriers[entry] = carrier;
  guard.eventCarriers[entry] = eventCarrier;
  if (carrier !== 0 && guard.actions[entry] === KEEP) guard.actions[entry] = READ;
  if (eventCarrier !== 0 && guard.inContentEvents[entry] === KEEP) guard.inContentEvents[entry] = READ;
  if (marksModelCall(key) && guard.marks.length < MARKS_MAX) guard.marks.push(entry);
}

function lengthKeyOf(key: string): Bytes {
  return textSource(`${factPrefix}${key}.length`);
}

function larger(old: Uint8Array, length: number): Uint8Array {
  const fresh = new Uint8Array(length);
  fresh.set(old);
  return fresh;
}
