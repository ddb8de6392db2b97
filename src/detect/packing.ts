// Snapshots as bytes: a JSON header, then number columns. Read back with every length checked.

export interface Packed {
  readonly header: Readonly<Record<string, unknown>>;
  readonly columns: readonly Float64Array[];
}

/** Bytes of a header and its columns. */
export function pack(header: Readonly<Record<string, unknown>>, columns: readonly Float64Array[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ header, lengths: columns.map((column) => column.length) }));
  const bytes = new Uint8Array(4 + text.length + 8 * columns.reduce((sum, column) => sum + column.length, 0));
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  let offset = 4 + text.length;
  for (const column of columns) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  return bytes;
}

/** The inverse of {@link pack}; undefined for bytes that are not a whole snapshot. */
export function unpack(bytes: Uint8Array): Packed | undefined {
  if (bytes.length < 4) return undefined;
  const textLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + textLength > bytes.length) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + textLength)));
  } catch {
    return undefined;
  }
  if (!isEnvelope(parsed)) return undefined;
  let offset = 4 + textLength;
  const columns: Float64Array[] = [];
  for (const length of parsed.lengths) {
    const end = offset + 8 * length;
    if (end > bytes.length) return undefined;
    // Copied: the header's length leaves the columns unaligned.
    columns.push(new Float64Array(bytes.slice(offset, end).buffer));
    offset = end;
  }
  return offset === bytes.length ? { header: parsed.header, columns } : undefined;
}

/** The bytes of narrower numbers as a column, the last one filled up with zeros. */
export function doublesOf(narrow: Float32Array | Uint8Array): Float64Array {
  const column = new Float64Array(Math.ceil(narrow.byteLength / 8));
  new Uint8Array(column.buffer).set(new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength));
  return column;
}

/** The inverse of {@link doublesOf}: a column of another length is left alone. */
export function bytesInto(column: Float64Array, narrow: Float32Array | Uint8Array): void {
  if (column.length !== Math.ceil(narrow.byteLength / 8)) return;
  const bytes = new Uint8Array(column.buffer, column.byteOffset, narrow.byteLength);
  new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength).set(bytes);
}

function isEnvelope(value: unknown): value is { header: Record<string, unknown>; lengths: number[] } {
  if (typeof value !== "object" || value === null) return false;
  if (!("header" in value && typeof value.header === "object" && value.header !== null)) return false;
  if (!("lengths" in value && Array.isArray(value.lengths))) return false;
  return value.lengths.every((length) => Number.isSafeInteger(length) && length >= 0);
}
