// Puts columns that are already in Native layout into one block, with each row's identity added.
import type { Column } from "../../model/batch.ts";

/** A table's rows as the log keeps them. The store's own records go this way too, so any table name may come. */
export interface Rows {
  readonly table: string;
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** `_batch` is the same in all rows, `_i` counts them from 0. */
export function encodeBlock(rows: Rows, batch: bigint): Buffer {
  const parts: Uint8Array[] = [varint(rows.columns.length + 2), varint(rows.rows)];
  for (const { name, type, bytes } of rows.columns) parts.push(text(name), text(type), bytes);
  const batches = new BigUint64Array(rows.rows).fill(batch);
  const numbers = Uint32Array.from({ length: rows.rows }, (_, i) => i);
  parts.push(text("_batch"), text("UInt64"), bytesOf(batches), text("_i"), text("UInt32"), bytesOf(numbers));
  return Buffer.concat(parts);
}

/** Body of a String column. */
export function stringColumn(values: readonly string[]): Uint8Array {
  return Buffer.concat(values.map(text));
}

/** Body of a column of fixed-width numbers (Float64, UInt32, DateTime64(3) as whole milliseconds). */
export function bytesOf(values: Float64Array | BigUint64Array | BigInt64Array | Uint32Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
