// Snappy block format, decompression only: what Prometheus remote write wraps its protobuf in.
// Source: google/snappy, format_description.txt. Framed streams are another format and are refused.

export type Snappy =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly tooLarge: boolean; readonly why: string };

/** Decompresses one block. `maxBytes` bounds what it may declare, checked before anything is allocated. */
export function snappyDecompress(input: Uint8Array, maxBytes: number): Snappy {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= input.length || shift > 28) return bad("the length at its start is cut off or longer than 32 bits");
    const byte = input[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > maxBytes)
    return { ok: false, tooLarge: true, why: `declares ${length} bytes, more than the limit of ${maxBytes}` };
  // Two bytes of input can make at most 64 of output; whoever declares more lies, and gets no memory for it.
  if (length > input.length * 32 + 64)
    return bad(`declares ${length} bytes, more than ${input.length} compressed bytes can hold`);
  const out = new Uint8Array(length);
  let made = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    if ((tag & 3) === 0) {
      let size = (tag >>> 2) + 1;
      if (size > 60) {
        const extra = size - 60;
        if (at + extra > input.length) return bad("a literal's length is cut off");
        size = littleEndian(input, at, extra) + 1;
        at += extra;
      }
      if (at + size > input.length || made + size > length) return bad("a literal runs past the end");
      out.set(input.subarray(at, at + size), made);
      at += size;
      made += size;
      continue;
    }
    const [size, offset, used] = copyOf(tag, input, at);
    at += used;
    if (at > input.length) return bad("a copy is cut off");
    if (offset === 0 || offset > made || made + size > length)
      return bad("a copy points outside of what was decompressed");
    if (offset >= size) out.copyWithin(made, made - offset, made - offset + size);
    else for (let i = 0; i < size; i++) out[made + i] = out[made + i - offset]!;
    made += size;
  }
  if (made !== length) return bad(`holds ${made} bytes where it declares ${length}`);
  return { ok: true, bytes: out };
}

/** Size, offset and bytes used of a copy element. */
function copyOf(tag: number, input: Uint8Array, at: number): readonly [size: number, offset: number, used: number] {
  if ((tag & 3) === 1) return [((tag >>> 2) & 7) + 4, ((tag & 0xe0) << 3) | (input[at] ?? 0), 1];
  const used = (tag & 3) === 2 ? 2 : 4;
  return [(tag >>> 2) + 1, at + used > input.length ? 0 : littleEndian(input, at, used), used];
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + input[at + i]!;
  return value;
}

function bad(why: string): Snappy {
  return { ok: false, tooLarge: false, why: `not a snappy block: ${why}` };
}
