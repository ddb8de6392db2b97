// Makes bodies new in place: other ids, later times. A body sent again as it was would be recognised as a resend.
import type { Signal } from "./bodies.ts";

export interface FreshBody {
  readonly signal: Signal;
  readonly bytes: Uint8Array;
  /** Spans, points or log records. */
  readonly items: number;
  /** Gives all ids new values and moves all times by so many ns. */
  freshen(byNano: bigint): void;
}

/** Field numbers by which items are found and what in them is a time or an id. */
const shapes: Readonly<Record<Signal, { readonly times: readonly number[]; readonly ids: readonly number[] }>> = {
  traces: { times: [7, 8], ids: [1, 2] },
  logs: { times: [1, 11], ids: [9, 10] },
  metrics: { times: [3], ids: [] },
};
/** Data of a metric: gauge, sum, histogram, exponential histogram, summary. */
const metricData = [5, 7, 9, 10, 11];
let generation = 0;

export function freshBody(signal: Signal, bytes: Uint8Array): FreshBody {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const times: number[] = [];
  const ids: number[] = [];
  let items = 0;
  const item = (start: number, end: number): void => {
    items++;
    forEachField(view, start, end, (field, wireType, at, to) => {
      if (wireType === 1 && shapes[signal].times.includes(field)) times.push(at);
      // The last eight bytes; the others keep what makes the id look random.
      if (wireType === 2 && to - at >= 8 && shapes[signal].ids.includes(field)) ids.push(to - 8);
    });
  };
  const inside = (field: number, then: (start: number, end: number) => void) => (start: number, end: number) =>
    forEachField(view, start, end, (found, wireType, at, to) => {
      if (found === field && wireType === 2) then(at, to);
    });
  const metric = (start: number, end: number): void =>
    forEachField(view, start, end, (field, wireType, at, to) => {
      if (wireType === 2 && metricData.includes(field)) inside(1, item)(at, to);
    });
  inside(1, inside(2, inside(2, signal === "metrics" ? metric : item)))(0, view.length);
  return {
    signal,
    bytes,
    items,
    freshen(byNano) {
      for (const at of times) view.writeBigUInt64LE(view.readBigUInt64LE(at) + byNano, at);
      const salt = (++generation * 0x9e3779b1) >>> 0;
      for (const at of ids) view.writeUInt32LE((view.readUInt32LE(at) ^ salt) >>> 0, at);
    },
  };
}

type Visit = (field: number, wireType: number, start: number, end: number) => void;

function forEachField(view: Buffer, start: number, end: number, visit: Visit): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === 0) varint();
    else {
      const length = wireType === 2 ? varint() : wireType === 1 ? 8 : 4;
      visit(Math.floor(tag / 8), wireType, at, at + length);
      at += length;
    }
  }
}
