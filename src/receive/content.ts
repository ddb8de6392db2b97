// Values that carry prompts and completions, handed to the ledger before the policy drops them.
import { type Bytes, clearBytes, createBytes } from "../model/columns/bytes.ts";
import { writeValueAsJson } from "./any-value.ts";
import type { Carrier } from "./privacy/carriers.ts";
import type { Ledger } from "./privacy/ledger.ts";
import { MESSAGES_BYTES_MAX } from "./privacy/messages.ts";
import { findValue, foundValue } from "./values.ts";
import type { Wire } from "./wire.ts";

const scratch: Bytes = createBytes();

/** Text as it is, arrays and maps as JSON; numbers say nothing. Larger structures than are taken apart leave their length. */
export function collectValue(ledger: Ledger, carrier: Carrier, wire: Wire, start: number, end: number): void {
  findValue(wire, start, end);
  const { tag } = foundValue;
  if (tag === 0x0a || tag === 0x3a) ledger.collect(carrier, wire.source, foundValue.start, foundValue.end);
  else if (tag === 0x2a || tag === 0x32) {
    if (end - start > MESSAGES_BYTES_MAX) ledger.collectLength(carrier, end - start);
    else {
      writeStructure(wire, start, end);
      ledger.collect(carrier, scratch, 0, scratch.length);
    }
  }
}

/** Tells the ledger the finish reasons in a value: an array of texts, or one. */
export function lookForReason(
  wire: Wire,
  value: { readonly start: number; readonly end: number } | undefined,
  ledger: Ledger,
): void {
  if (value === undefined || value.end - value.start > 1024) return;
  writeStructure(wire, value.start, value.end);
  const { data, length } = scratch;
  for (let quote = data.indexOf(0x22); quote >= 0 && quote < length; ) {
    const close = data.indexOf(0x22, quote + 1);
    if (close < 0 || close >= length) return;
    ledger.noteReason(data, quote + 1, close);
    quote = data.indexOf(0x22, close + 1);
  }
}

function writeStructure(wire: Wire, start: number, end: number): void {
  clearBytes(scratch);
  wire.pos = start;
  writeValueAsJson(scratch, wire, end, 0);
}
