// Attributes off the wire into a Map(LowCardinality(String), String) column: keys by dictionary, values as text.

import { appendUint32, appendWord, type Bytes, ensure } from "../model/columns/bytes.ts";
import type { MapColumn } from "../model/columns/column.ts";
import { lookUp } from "../model/columns/dictionary.ts";
import { collectValue, lookForReason } from "./content.ts";
import { findKeyValue, found } from "./found-key.ts";
import { limits } from "./limits.ts";
import { eventSide, isContentEvent, type Side } from "./privacy/carriers.ts";
import { type AttributeColumn, DROP, HASH, MASK, OURS, OVER, syncGuard } from "./privacy/redactor.ts";
import type { Spans } from "./spans.ts";
import { noteOverKey, redact, repair, type Tally } from "./tally.ts";
import { appendUsual, syncRowBefore } from "./usual-attributes.ts";
import { appendDigest, appendShort, appendValue, countText, findValue, foundValue, valueLength } from "./values.ts";
import type { Wire } from "./wire.ts";

/** Grows by one for each map row, so that a key's stamp tells whether this row already has it. */
let row = 0;

/**
 * Appends the entries of one row; {@link endMapRow} ends it. Attributes over a limit are dropped and counted, those the
 * privacy policy speaks of are treated as it says. `inContentEvent`: ordinary keys such as `content` hold prompts here.
 * Returns whether all went the usual way, so that nothing was counted and a copy of the row is as good.
 */
export function appendAttributes(
  map: AttributeColumn,
  wire: Wire,
  spans: Spans,
  tally: Tally,
  inContentEvent = false,
): boolean {
  row = row === 0x7fffffff ? 1 : row + 1;
  const { guard } = map;
  syncGuard(guard, map.keys.dictionary);
  syncRowBefore(map.before, wire, map.values);
  const usual = appendEach(map, wire, spans, tally, inContentEvent);
  // Facts of the row's texts are this row's own.
  if (guard.hasFacts) appendFacts(map, wire, spans, tally);
  map.before.valuesLength = map.values.length;
  return usual && !guard.hasFacts;
}

function appendEach(map: AttributeColumn, wire: Wire, spans: Spans, tally: Tally, inContentEvent: boolean): boolean {
  const { guard } = map;
  if (spans.count === 0) return true;
  const count = Math.min(spans.count, limits.attributes);
  let usual = count === spans.count;
  for (let done = 0; done < count; ) {
    const actions = inContentEvent ? guard.inContentEvents : guard.actions;
    done = appendUsual(map, wire, spans, done, count, row, actions, guard.known, map.before);
    if (done === count) break;
    usual = false;
    appendAttribute(map, wire, spans.at[done * 2]!, spans.at[done * 2 + 1]!, done, tally, inContentEvent);
    done++;
  }
  if (count < spans.count) repair(tally, "attribute-limit", spans.count - count);
  return usual;
}

export function endMapRow(map: MapColumn): void {
  ensure(map.offsets, 8);
  appendWord(map.offsets, map.keys.index.length >> 2, 0);
}

/** Whether every key is short enough: items whose identity hangs on their attributes are rejected if not. */
export function keysFit(wire: Wire, spans: Spans): boolean {
  for (let i = 0; i < spans.count; i++) {
    findKeyValue(wire, spans.at[i * 2]!, spans.at[i * 2 + 1]!);
    if (found.keyEnd - found.keyStart > limits.keyBytes) return false;
  }
  return true;
}

/** Appends the length in bytes of a text that was dropped to the row being built. */
export function appendLength(map: MapColumn, key: Bytes, length: number, position: number, tally: Tally): void {
  redact(tally, "dropped");
  appendOurs(map, key, String(length), position, tally);
}

/** Notes that the row is of a model call, and appends the facts of the texts that came in it. */
function appendFacts(map: AttributeColumn, wire: Wire, spans: Spans, tally: Tally): void {
  const { guard } = map;
  const { ledger } = map.redactor;
  const { stamps } = map.keys.dictionary;
  for (let i = 0; i < guard.marks.length && !ledger.isModelCall; i++)
    ledger.isModelCall = stamps[guard.marks[i]!] === row;
  if (!ledger.pending) return;
  if (ledger.wantsReason) lookForReason(wire, findText(wire, spans, "gen_ai.response.finish_reasons"), ledger);
  let position = limits.attributes;
  for (const { key, value } of ledger.take()) appendOurs(map, key, value, position++, tally);
}

/** Appends an attribute of ours, unless the row has it already. */
function appendOurs(map: MapColumn, key: Bytes, value: string, position: number, tally: Tally): void {
  const { dictionary, index } = map.keys;
  const entry = lookUp(dictionary, key, 0, key.length, position + limits.attributes, limits.keyBytes * 4);
  if (dictionary.stamps[entry] === row) {
    repair(tally, "duplicate-key");
    return;
  }
  dictionary.stamps[entry] = row;
  appendShort(map.values, value);
  ensure(index, 4);
  appendUint32(index, entry);
}

/** What a record's attributes say of it as an event: whether it carries a prompt or a completion, and whose words. */
export function contentEventOf(
  wire: Wire,
  attributes: Spans,
): { readonly isContent: boolean; readonly side: Side | undefined } {
  const name = findText(wire, attributes, "event.name");
  if (name === undefined) return noEvent;
  findValue(wire, name.start, name.end);
  const { tag, start, end } = foundValue;
  if (tag !== 0x0a || !isContentEvent(wire.data, start, end)) return noEvent;
  return { isContent: true, side: eventSide(wire.data, start, end) };
}

const noEvent = { isContent: false, side: undefined } as const;

/** Position range of the text of the attribute with this key; `undefined` if there is none or it is not text. */
export function findText(
  wire: Wire,
  spans: Spans,
  key: string,
): { readonly start: number; readonly end: number } | undefined {
  for (let i = 0; i < spans.count; i++) {
    findKeyValue(wire, spans.at[i * 2]!, spans.at[i * 2 + 1]!);
    if (found.keyEnd - found.keyStart !== key.length) continue;
    let same = true;
    for (let j = 0; j < key.length; j++) same &&= wire.data[found.keyStart + j] === key.charCodeAt(j);
    if (same) return { start: found.valueStart, end: found.valueEnd };
  }
  return undefined;
}

function appendAttribute(
  map: AttributeColumn,
  wire: Wire,
  start: number,
  end: number,
  position: number,
  tally: Tally,
  inContentEvent: boolean,
): void {
  findKeyValue(wire, start, end);
  if (found.keyEnd - found.keyStart > limits.keyBytes) {
    repair(tally, "key-length");
    return;
  }
  const { dictionary, index } = map.keys;
  const key = lookUp(dictionary, wire.source, found.keyStart, found.keyEnd, position, limits.keyBytes * 3);
  if (dictionary.repairs !== 0) countText(dictionary.repairs, tally);
  if (dictionary.stamps[key] === row) {
    repair(tally, "duplicate-key");
    return;
  }
  const { guard, redactor } = map;
  const { keyStart, keyEnd, valueStart, valueEnd } = found;
  const action = redactor.actionOf(guard, dictionary, key, inContentEvent);
  if (action === OURS) {
    // Not stamped: our own of that key may still come.
    repair(tally, "reserved-key");
    return;
  }
  dictionary.stamps[key] = row;
  if (action === OVER) {
    repair(tally, "key-limit");
    noteOverKey(tally, wire.data, keyStart, keyEnd);
    return;
  }
  if (guard.hasFacts) {
    const carrier = (inContentEvent ? guard.eventCarriers : guard.carriers)[key]!;
    if (carrier !== 0) collectValue(redactor.ledger, carrier, wire, valueStart, valueEnd);
  }
  if (action === DROP) {
    appendLength(map, guard.lengthKeys[key]!, valueLength(wire, valueStart, valueEnd), position, tally);
    return;
  }
  if (action === HASH) appendDigest(map.values, wire, valueStart, valueEnd, redactor, tally);
  else appendValue(map.values, wire, valueStart, valueEnd, limits.valueBytes, tally, redactor, action === MASK);
  ensure(index, 4);
  appendUint32(index, key);
}
