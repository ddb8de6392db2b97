// Fixed-width rows of numbers, one a slot, grown block by block so that growth copies nothing.
import { pack, unpack } from "../packing.ts";

export interface SlotBlocks {
  /** The block that holds the slot's row, made when missing. */
  block(slot: number): Float64Array;
  /** The same, undefined where nothing was ever written. */
  peek(slot: number): Float64Array | undefined;
  /** Index of the row's first number in its block. */
  offset(slot: number): number;
  snapshot(): Uint8Array;
}

const slotsPerBlock = 1024;
const blocksMax = 4096;

/** `kind` names the layout: a snapshot of another kind or width is no snapshot. `fresh` is the row of a new slot. */
export function createSlotBlocks(kind: string, fresh: Float64Array, snapshot?: Uint8Array): SlotBlocks {
  const width = fresh.length;
  const blocks: (Float64Array | undefined)[] = [];
  if (snapshot !== undefined) restore(snapshot);

  return {
    block(slot) {
      const index = Math.floor(slot / slotsPerBlock);
      return blocks[index] ?? grow(index);
    },
    peek: (slot) => blocks[Math.floor(slot / slotsPerBlock)],
    offset: (slot) => (slot % slotsPerBlock) * width,
    snapshot() {
      const indexes: number[] = [];
      const columns: Float64Array[] = [];
      for (const [index, block] of blocks.entries()) {
        if (block === undefined) continue;
        indexes.push(index);
        columns.push(block);
      }
      return pack({ kind, width, indexes }, columns);
    },
  };

  function grow(index: number): Float64Array {
    const block = new Float64Array(slotsPerBlock * width);
    for (let slot = 0; slot < slotsPerBlock; slot++) block.set(fresh, slot * width);
    blocks[index] = block;
    return block;
  }

  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    const indexes = packed?.header["indexes"];
    if (packed?.header["kind"] !== kind || packed.header["width"] !== width || !Array.isArray(indexes)) return;
    for (const [i, index] of indexes.entries()) {
      const column = packed.columns[i];
      if (!Number.isSafeInteger(index) || index < 0 || index >= blocksMax) continue;
      if (column?.length === slotsPerBlock * width) blocks[Number(index)] = column;
    }
  }
}
