// A column under construction, of whatever type, and how it is laid out in the ClickHouse Native format.
import { appendWord, type Bytes, clearBytes, createBytes, ensure } from "./bytes.ts";
import { clearDictionary, createLowCardinality, type LowCardinality, truncateDictionary } from "./dictionary.ts";

/** Map(LowCardinality(String), String). */
export interface MapColumn {
  readonly kind: "map";
  /** Where each row ends, counted in entries: UInt64. */
  readonly offsets: Bytes;
  readonly keys: LowCardinality;
  readonly values: Bytes;
}

export type ColumnBuilder =
  | { readonly kind: "fixed"; readonly width: number; readonly bytes: Bytes }
  | { readonly kind: "text"; readonly bytes: Bytes }
  | { readonly kind: "low"; readonly low: LowCardinality }
  | MapColumn
  /** `offsets` is one object for all columns of a Nested. */
  | { readonly kind: "array"; readonly offsets: Bytes; readonly of: ColumnBuilder };

/** State the Native format wants before a column that holds a LowCardinality: version 1. */
const STATE_PREFIX = 8;
/** The block carries its own dictionary, in full: HasAdditionalKeys and NeedUpdateDictionary. */
const OWN_DICTIONARY = 0x600;

const fixedWidths: Readonly<Record<string, number>> = {
  UInt8: 1,
  Bool: 1,
  Date: 2,
  UInt32: 4,
  Int32: 4,
  UInt64: 8,
  Float64: 8,
  "DateTime64(3)": 8,
  "DateTime64(9)": 8,
};

/** A builder for a type of the telemetry schema. Throws on a type that schema does not use. */
export function createColumn(type: string, offsets: Bytes = createBytes()): ColumnBuilder {
  const width = fixedWidths[type];
  if (width !== undefined) return { kind: "fixed", width, bytes: createBytes() };
  if (type === "String") return { kind: "text", bytes: createBytes() };
  if (type === "LowCardinality(String)") return { kind: "low", low: createLowCardinality() };
  if (type === "Map(LowCardinality(String), String)") {
    return { kind: "map", offsets: createBytes(), keys: createLowCardinality(), values: createBytes() };
  }
  const inner = /^Array\((.*)\)$/.exec(type)?.[1];
  if (inner === undefined) throw new Error(`no column builder for type ${type}`);
  return { kind: "array", offsets, of: createColumn(inner) };
}

/** Ends a row of an array or map that now has `total` elements over all rows. */
export function endRow(offsets: Bytes, total: number): void {
  ensure(offsets, 8);
  appendWord(offsets, total, 0);
}

/** Ends a row of an array that has `more` elements. */
export function endArray(offsets: Bytes, more: number): void {
  const before = offsets.length === 0 ? 0 : offsets.view.getUint32(offsets.length - 8, true);
  endRow(offsets, before + more);
}

/** Bytes of the finished column. */
export function sizeOf(column: ColumnBuilder): number {
  return (hasDictionary(column) ? STATE_PREFIX : 0) + bodySize(column);
}

/** Writes the finished column, state prefix first, at the end of `out`, which has room for it. */
export function writeColumn(column: ColumnBuilder, out: Bytes): void {
  if (hasDictionary(column)) appendWord(out, 1, 0);
  writeBody(column, out);
}

/** Every growable part of a column: what mark, rollback and clear go over. */
export function partsOf(column: ColumnBuilder): {
  readonly bytes: readonly Bytes[];
  readonly lows: readonly LowCardinality[];
} {
  switch (column.kind) {
    case "fixed":
    case "text":
      return { bytes: [column.bytes], lows: [] };
    case "low":
      return { bytes: [column.low.index], lows: [column.low] };
    case "map":
      return { bytes: [column.offsets, column.keys.index, column.values], lows: [column.keys] };
    case "array": {
      const inner = partsOf(column.of);
      return { bytes: [column.offsets, ...inner.bytes], lows: inner.lows };
    }
  }
}

export function clearColumn(column: ColumnBuilder): void {
  const parts = partsOf(column);
  for (const bytes of parts.bytes) clearBytes(bytes);
  for (const low of parts.lows) clearDictionary(low.dictionary);
}

/** Undoes what was appended since the lengths and counts were noted. */
export function cutColumn(
  bytes: readonly Bytes[],
  lengths: readonly number[],
  lows: readonly LowCardinality[],
  counts: readonly number[],
): void {
  bytes.forEach((part, i) => {
    part.length = lengths[i]!;
  });
  lows.forEach((low, i) => {
    truncateDictionary(low.dictionary, counts[i]!);
  });
}

function hasDictionary(column: ColumnBuilder): boolean {
  if (column.kind === "array") return hasDictionary(column.of);
  return column.kind === "low" || column.kind === "map";
}

function bodySize(column: ColumnBuilder): number {
  switch (column.kind) {
    case "fixed":
    case "text":
      return column.bytes.length;
    case "low":
      return lowSize(column.low);
    case "map":
      return column.offsets.length + lowSize(column.keys) + column.values.length;
    case "array":
      return column.offsets.length + bodySize(column.of);
  }
}

function writeBody(column: ColumnBuilder, out: Bytes): void {
  switch (column.kind) {
    case "fixed":
    case "text":
      writeBytes(column.bytes, out);
      return;
    case "low":
      writeLow(column.low, out);
      return;
    case "map":
      writeBytes(column.offsets, out);
      writeLow(column.keys, out);
      writeBytes(column.values, out);
      return;
    case "array":
      writeBytes(column.offsets, out);
      writeBody(column.of, out);
  }
}

/** Index type, dictionary size, dictionary, row count, indexes. Nothing at all when there are no rows. */
function lowSize(low: LowCardinality): number {
  const rows = low.index.length / 4;
  return rows === 0 ? 0 : 24 + low.dictionary.bytes.length + rows * indexWidth(low.dictionary.count);
}

function writeLow(low: LowCardinality, out: Bytes): void {
  const rows = low.index.length / 4;
  if (rows === 0) return;
  const width = indexWidth(low.dictionary.count);
  appendWord(out, OWN_DICTIONARY | (width >> 1), 0);
  appendWord(out, low.dictionary.count, 0);
  writeBytes(low.dictionary.bytes, out);
  appendWord(out, rows, 0);
  const { data, view } = low.index;
  const to = out.length;
  out.length = to + rows * width;
  if (width === 1) {
    const bytes = out.data;
    for (let i = 0; i < rows; i++) bytes[to + i] = data[i * 4]!;
  } else if (width === 2) {
    for (let i = 0; i < rows; i++) out.view.setUint16(to + i * 2, view.getUint16(i * 4, true), true);
  } else out.data.set(data.subarray(0, rows * 4), to);
}

function writeBytes(bytes: Bytes, out: Bytes): void {
  out.data.set(bytes.data.subarray(0, bytes.length), out.length);
  out.length += bytes.length;
}

/** Bytes an index takes: 1, 2 or 4; shifted right by one it is the format's number for the type. */
function indexWidth(entries: number): number {
  if (entries <= 256) return 1;
  return entries <= 65_536 ? 2 : 4;
}
