// Numbers of many series in few arrays: a record of fixed length for each slot, made when it is first written to.
import { pack, unpack } from "../packing.ts";

export interface Records {
  /** The array a slot's record lies in, and below where; undefined while nobody wrote to it. */
  find(slot: number): Float32Array | undefined;
  /** The same, made of zeros if it is not there. Throws a RangeError for a slot that is none. */
  make(slot: number): Float32Array;
  /** Where in its array a slot's record begins. */
  offset(slot: number): number;
  snapshot(): Uint8Array;
}

const perChunk = 64;
const slotsMax = 4_194_304;

/**
 * `kind` and `length` must fit for a snapshot to be read. Records whose first number is 0 are empty: it counts what was
 * learned. Numbers are kept in single precision, seven digits: finer than any noise.
 */
export function createRecords(kind: string, length: number, snapshot?: Uint8Array): Records {
  const chunks: (Float32Array | undefined)[] = [];
  if (snapshot !== undefined) restore(snapshot);
  return { find, make, offset, snapshot: save };

  function find(slot: number): Float32Array | undefined {
    return chunks[Math.floor(slot / perChunk)];
  }

  function make(slot: number): Float32Array {
    if (!Number.isSafeInteger(slot) || slot < 0 || slot >= slotsMax) throw new RangeError(`slot ${slot} is none`);
    const index = Math.floor(slot / perChunk);
    let chunk = chunks[index];
    if (chunk === undefined) {
      chunk = new Float32Array(perChunk * length);
      chunks[index] = chunk;
    }
    return chunk;
  }

  function offset(slot: number): number {
    return (slot % perChunk) * length;
  }

  function save(): Uint8Array {
    const slots: number[] = [];
    const columns: Float64Array[] = [];
    for (const [index, chunk] of chunks.entries()) {
      if (chunk === undefined) continue;
      for (let i = 0; i < perChunk; i++) {
        if (chunk[i * length] === 0) continue;
        slots.push(index * perChunk + i);
        columns.push(Float64Array.from(chunk.subarray(i * length, (i + 1) * length)));
      }
    }
    return pack({ kind, length, slots }, columns);
  }

  /** A snapshot of another build is no baseline: all starts anew. */
  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    const slots = packed?.header["slots"];
    if (packed?.header["kind"] !== kind || packed.header["length"] !== length || !Array.isArray(slots)) return;
    for (const [i, slot] of slots.entries()) {
      const record = packed.columns[i];
      if (!Number.isSafeInteger(slot) || slot < 0 || slot >= slotsMax || record?.length !== length) continue;
      make(Number(slot)).set(record, offset(Number(slot)));
    }
  }
}
