// Numbers of many series in one column: a row of fixed width for each slot, found in constant time, grown by doubling.
import { pack, unpack } from "../packing.ts";

export interface SlotTable {
  /** All rows. Replaced when a claim makes it grow: read it after the last claim. */
  data: Float64Array;
  /** Where the slot's numbers begin in `data`; -1 while it has none. */
  find(slot: number): number;
  /** The same, made of zeros where there is none; -1 for a slot that is none. */
  claim(slot: number): number;
  snapshot(): Uint8Array;
}

/** Slots above it are refused: a slot is a small number, not a hash. */
const slotsMax = 4_000_000;
const rowsAtFirst = 16;

/** Memory: `width` * 8 bytes a slot in use, twice that while half empty, and 4 bytes for every slot up to the highest. */
export function createSlotTable(kind: string, width: number, snapshot?: Uint8Array): SlotTable {
  let rowBySlot = new Int32Array(rowsAtFirst).fill(-1);
  const slots: number[] = [];
  const table: SlotTable = {
    data: new Float64Array(rowsAtFirst * width),
    find(slot) {
      const row = slot < rowBySlot.length ? (rowBySlot[slot] ?? -1) : -1;
      return row < 0 ? -1 : row * width;
    },
    claim(slot) {
      const known = table.find(slot);
      if (known >= 0) return known;
      if (!Number.isSafeInteger(slot) || slot < 0 || slot >= slotsMax) return -1;
      if (slot >= rowBySlot.length) rowBySlot = grown(rowBySlot, slot + 1);
      const at = slots.length * width;
      if (at + width > table.data.length) {
        const larger = new Float64Array(2 * table.data.length);
        larger.set(table.data);
        table.data = larger;
      }
      rowBySlot[slot] = slots.length;
      slots.push(slot);
      return at;
    },
    snapshot: () => pack({ kind, width }, [Float64Array.from(slots), table.data.slice(0, slots.length * width)]),
  };
  if (snapshot !== undefined) restore(snapshot);
  return table;

  /** A snapshot of another build is no baseline: starts anew. */
  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    if (packed?.header["kind"] !== kind || packed.header["width"] !== width) return;
    const [named, numbers] = packed.columns;
    if (named === undefined || numbers === undefined || numbers.length !== named.length * width) return;
    for (const [row, slot] of named.entries()) {
      const at = table.claim(slot);
      if (at >= 0) table.data.set(numbers.subarray(row * width, (row + 1) * width), at);
    }
  }
}

function grown(rows: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, 2 * rows.length)).fill(-1);
  larger.set(rows);
  return larger;
}
