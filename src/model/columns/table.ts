// Rows of one table under construction: its columns, and taking back what a failed request left.
import type { Column, ColumnBatch, TelemetryTable } from "../batch.ts";
import { columnsOf } from "../otel-schema.ts";
import { type Bytes, createBytes } from "./bytes.ts";
import {
  type ColumnBuilder,
  clearColumn,
  createColumn,
  cutColumn,
  type MapColumn,
  partsOf,
  sizeOf,
  writeColumn,
} from "./column.ts";
import type { LowCardinality } from "./dictionary.ts";

export interface Table {
  readonly name: TelemetryTable;
  /** Rows so far; whoever appends a row to every column counts it here. */
  rows: number;
  /** Bytes of a String, number or time column. Throws if the table has no such column, as do the following. */
  plain(column: string): Bytes;
  low(column: string): LowCardinality;
  map(column: string): MapColumn;
  /** Where the rows of an array column or a Nested group end. */
  offsets(columnOrGroup: string): Bytes;
  /** Bytes the rows so far take, about. */
  size(): number;
  /** Remembers the present state for {@link Table.rollback}. */
  mark(): void;
  rollback(): void;
  /** The rows so far, in one buffer of their own, and a fresh start. Undefined if there are none. */
  seal(): ColumnBatch | undefined;
}

export function createTable(name: TelemetryTable): Table {
  const groups = new Map<string, Bytes>();
  const builders = new Map<string, ColumnBuilder>();
  const schema = columnsOf(name);
  for (const { name: column, type } of schema) {
    const group = column.includes(".") ? column.slice(0, column.indexOf(".")) : column;
    const offsets = groups.get(group) ?? createBytes();
    if (type.startsWith("Array(")) groups.set(group, offsets);
    builders.set(column, createColumn(type, offsets));
  }
  const parts = [...builders.values()].map(partsOf);
  const bytes = [...new Set(parts.flatMap((part) => part.bytes))];
  const lows = parts.flatMap((part) => part.lows);
  let mark = { rows: 0, lengths: bytes.map(() => 0), counts: lows.map(() => 0) };

  const find = (column: string): ColumnBuilder => {
    const builder = builders.get(column);
    if (builder === undefined) throw new Error(`table ${name} has no column ${column}`);
    return builder.kind === "array" ? builder.of : builder;
  };
  const wrong = (column: string): Error => new Error(`column ${column} of ${name} is of another kind`);

  const table: Table = {
    name,
    rows: 0,
    plain(column) {
      const builder = find(column);
      if (builder.kind !== "fixed" && builder.kind !== "text") throw wrong(column);
      return builder.bytes;
    },
    low(column) {
      const builder = find(column);
      if (builder.kind !== "low") throw wrong(column);
      return builder.low;
    },
    map(column) {
      const builder = find(column);
      if (builder.kind !== "map") throw wrong(column);
      return builder;
    },
    offsets(group) {
      const offsets = groups.get(group);
      if (offsets === undefined) throw wrong(group);
      return offsets;
    },
    size() {
      let total = 0;
      for (const part of bytes) total += part.length;
      return total;
    },
    mark() {
      mark = {
        rows: table.rows,
        lengths: bytes.map((part) => part.length),
        counts: lows.map((low) => low.dictionary.count),
      };
    },
    rollback() {
      table.rows = mark.rows;
      cutColumn(bytes, mark.lengths, lows, mark.counts);
    },
    seal() {
      if (table.rows === 0) return undefined;
      let total = 0;
      for (const builder of builders.values()) total += sizeOf(builder);
      const out = createBytes(total);
      const columns = schema.map(({ name: column, type }): Column => {
        const start = out.length;
        writeColumn(builders.get(column)!, out);
        return { name: column, type, bytes: out.data.subarray(start, out.length) };
      });
      const batch = { table: name, rows: table.rows, columns };
      for (const builder of builders.values()) clearColumn(builder);
      table.rows = 0;
      return batch;
    },
  };
  return table;
}
