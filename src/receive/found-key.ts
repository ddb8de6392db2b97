// Key and value of one attribute on the wire.
import { meetAgain, readEnd, readTag, skip, type Wire } from "./wire.ts";

/** Set by {@link findKeyValue}: out-parameters, since this runs for every attribute. */
export const found = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };

/** Sets the key and value of {@link found}. */
export function findKeyValue(wire: Wire, start: number, end: number): void {
  wire.pos = start;
  found.keyStart = found.keyEnd = found.valueStart = found.valueEnd = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x0a) {
      found.keyEnd = readEnd(wire, end);
      found.keyStart = wire.pos;
      wire.pos = found.keyEnd;
    } else if (tag === 0x12) {
      if (found.valueEnd !== start) meetAgain(wire);
      found.valueEnd = readEnd(wire, end);
      found.valueStart = wire.pos;
      wire.pos = found.valueEnd;
    } else skip(wire, tag, end);
  }
}
