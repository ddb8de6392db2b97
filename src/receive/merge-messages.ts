// Merges messages that must come once but came twice, as protobuf wants it: fields of the later replace those of the
// earlier, repeated ones follow them. Nobody who serializes does this on purpose; joining serialized messages does.
import { type Message, oneofTags, requestMessages } from "./json-schema.ts";
import { limits } from "./limits.ts";
import { readEnd, readTag, skip, tooLarge, type Wire, wireOf } from "./wire.ts";

/** A field on its way: copied as it stands, or a message made of the stretches `parts` (starts and ends, alternating). */
interface Entry {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
  readonly message: Message | undefined;
  readonly parts: number[];
}

/** Filled from its end, so that a message's length is known when it is due. */
interface Output {
  readonly data: Uint8Array;
  at: number;
  entries: number;
}

/** Values deeper than the decoder looks are left as they are; a level of a value is three messages. */
const DEPTH_MAX = limits.valueDepth * 3 + 16;

/** The body with every message that must come once in one piece. Throws Malformed or TooLarge. */
export function mergeMessages(wire: Wire, signal: keyof typeof requestMessages): Wire {
  // Never longer than before: what is joined shares one tag and length.
  const out: Output = { data: new Uint8Array(wire.data.length), at: wire.data.length, entries: 0 };
  writeMessage(out, wire, requestMessages[signal], [0, wire.data.length], 0);
  return wireOf(out.data.subarray(out.at), true);
}

function writeMessage(out: Output, wire: Wire, message: Message, parts: readonly number[], depth: number): void {
  const entries = entriesOf(out, wire, message, parts);
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i]!;
    if (entry.message === undefined) {
      putBefore(out, wire, entry.start, entry.end);
      continue;
    }
    const end = out.at;
    if (depth < DEPTH_MAX) writeMessage(out, wire, entry.message, entry.parts, depth + 1);
    else
      for (let k = entry.parts.length - 2; k >= 0; k -= 2) putBefore(out, wire, entry.parts[k]!, entry.parts[k + 1]!);
    putVarintBefore(out, end - out.at);
    putVarintBefore(out, entry.tag);
  }
}

function entriesOf(out: Output, wire: Wire, message: Message, parts: readonly number[]): Entry[] {
  let entries: Entry[] = [];
  const singles = new Map<number, Entry>();
  const oneof = oneofTags.get(message);
  let chosen = 0;
  for (let k = 0; k < parts.length; k += 2) {
    const end = parts[k + 1]!;
    wire.pos = parts[k]!;
    while (wire.pos < end) {
      const start = wire.pos;
      const tag = readTag(wire, end);
      const field = message.fields.find((one) => one.tag === tag);
      let valueStart = wire.pos;
      if (field?.kind === "message") {
        const valueEnd = readEnd(wire, end);
        valueStart = wire.pos;
        wire.pos = valueEnd;
      } else skip(wire, tag, end);
      if (oneof?.has(tag) === true && tag !== chosen) {
        entries = entries.filter((entry) => entry.tag !== chosen);
        singles.delete(chosen);
        chosen = tag;
      }
      const earlier = singles.get(tag);
      if (earlier !== undefined) {
        earlier.parts.push(valueStart, wire.pos);
        continue;
      }
      if (++out.entries > limits.parts)
        throw tooLarge(
          `more than ${limits.parts} fields in a request with messages that come twice; send smaller batches`,
        );
      const entry = { tag, start, end: wire.pos, message: field?.message, parts: [valueStart, wire.pos] };
      entries.push(entry);
      if (field?.kind === "message" && !field.repeated) singles.set(tag, entry);
    }
  }
  return entries;
}

function putBefore(out: Output, wire: Wire, start: number, end: number): void {
  out.at -= end - start;
  out.data.set(wire.data.subarray(start, end), out.at);
}

function putVarintBefore(out: Output, value: number): void {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  out.at -= size;
  let rest = value;
  for (let i = 0; i < size; i++) {
    out.data[out.at + i] = (rest % 128) | (i < size - 1 ? 128 : 0);
    rest = Math.floor(rest / 128);
  }
}
