// Reads column batches back into rows: a plain reader of the Native layout, itself checked against the real engine.
import type { Column, ColumnBatch } from "../../src/model/batch.ts";

export type Row = Readonly<Record<string, unknown>>;

interface Cursor {
  readonly data: Uint8Array;
  readonly view: DataView;
  at: number;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Rows with 64-bit numbers as bigint, times as bigint of their unit, maps as arrays of pairs. */
export function rowsOf(batch: ColumnBatch): Row[] {
  const columns = batch.columns.map((column) => [column.name, valuesOf(column, batch.rows)] as const);
  return Array.from({ length: batch.rows }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
  );
}

/** The batch as a file in the Native format. */
export function nativeFile(batch: ColumnBatch): Uint8Array {
  const encoder = new TextEncoder();
  const text = (value: string): Uint8Array => {
    const bytes = encoder.encode(value);
    return Uint8Array.from([...varint(bytes.length), ...bytes]);
  };
  const parts = [
    Uint8Array.from([...varint(batch.columns.length), ...varint(batch.rows)]),
    ...batch.columns.flatMap((column) => [text(column.name), text(column.type), column.bytes]),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

function valuesOf(column: Column, rows: number): unknown[] {
  const { bytes, type } = column;
  const cursor: Cursor = { data: bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  if (type.includes("LowCardinality")) expectWord(cursor, 1n);
  const values = readValues(cursor, type, rows);
  if (cursor.at !== bytes.length) throw new Error(`${column.name}: ${bytes.length - cursor.at} bytes left over`);
  return values;
}

function readValues(cursor: Cursor, type: string, rows: number): unknown[] {
  const inner = /^Array\((.*)\)$/.exec(type)?.[1];
  if (inner !== undefined) return split(cursor, rows, (total) => readValues(cursor, inner, total));
  if (type.startsWith("Map(")) {
    return split(cursor, rows, (total) => {
      const keys = readLow(cursor, total);
      return keys.map((key) => [key, readText(cursor)]);
    });
  }
  if (type === "LowCardinality(String)") return readLow(cursor, rows);
  return Array.from({ length: rows }, () => readOne(cursor, type));
}

function split(cursor: Cursor, rows: number, read: (total: number) => unknown[]): unknown[][] {
  const ends = Array.from({ length: rows }, () => Number(readWord(cursor)));
  const all = read(ends.at(-1) ?? 0);
  return ends.map((end, i) => all.slice(i === 0 ? 0 : ends[i - 1], end));
}

function readLow(cursor: Cursor, rows: number): string[] {
  if (rows === 0) return [];
  const flags = Number(readWord(cursor));
  const entries = Array.from({ length: Number(readWord(cursor)) }, () => readText(cursor));
  expectWord(cursor, BigInt(rows));
  const width = 1 << (flags & 0xff);
  return Array.from({ length: rows }, () => {
    let index = 0;
    for (let i = 0; i < width; i++) index += cursor.data[cursor.at++]! * 256 ** i;
    const entry = entries[index];
    if (entry === undefined) throw new Error(`no dictionary entry ${index}`);
    return entry;
  });
}

function readOne(cursor: Cursor, type: string): unknown {
  const { view } = cursor;
  const at = cursor.at;
  switch (type) {
    case "String":
      return readText(cursor);
    case "UInt8":
      return cursor.data[cursor.at++];
    case "Bool":
      return cursor.data[cursor.at++] === 1;
    case "Date":
      cursor.at += 2;
      return view.getUint16(at, true);
    case "UInt32":
      cursor.at += 4;
      return view.getUint32(at, true);
    case "Int32":
      cursor.at += 4;
      return view.getInt32(at, true);
    case "Float64":
      cursor.at += 8;
      return view.getFloat64(at, true);
    default:
      return readWord(cursor);
  }
}

function readText(cursor: Cursor): string {
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.data[cursor.at++]!;
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  const text = decoder.decode(cursor.data.subarray(cursor.at, cursor.at + length));
  cursor.at += length;
  return text;
}

function readWord(cursor: Cursor): bigint {
  cursor.at += 8;
  return cursor.view.getBigUint64(cursor.at - 8, true);
}

function expectWord(cursor: Cursor, wanted: bigint): void {
  const word = readWord(cursor);
  if (word !== wanted) throw new Error(`${word} where ${wanted} should stand`);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}
