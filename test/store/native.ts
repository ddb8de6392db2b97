// A second, tiny writer of the Native format, so that the store's own is not tested against itself.

/** Column body of strings: length and bytes each. */
export function strings(values: readonly string[]): Uint8Array {
  return Buffer.concat(values.flatMap((value) => [varint(Buffer.byteLength(value)), Buffer.from(value)]));
}

/** Column body of LowCardinality(String): state version, then one dictionary of its own with 8-bit indexes. */
export function lowCardinality(values: readonly string[]): Uint8Array {
  const dictionary = ["", ...new Set(values.filter((value) => value !== ""))];
  if (dictionary.length > 255) throw new Error("this writer knows 8-bit indexes only");
  return Buffer.concat([
    u64(1n),
    // Indexes are UInt8 (0), additional keys present (512), update of the dictionary (1024).
    u64(512n + 1024n),
    u64(BigInt(dictionary.length)),
    strings(dictionary),
    u64(BigInt(values.length)),
    Uint8Array.from(values.map((value) => dictionary.indexOf(value))),
  ]);
}

/** Column body of Map(LowCardinality(String), String). */
export function maps(values: readonly Readonly<Record<string, string>>[]): Uint8Array {
  const keys = values.flatMap((value) => Object.keys(value));
  let end = 0n;
  const offsets = values.map((value) => {
    end += BigInt(Object.keys(value).length);
    return u64(end);
  });
  const key = lowCardinality(keys);
  const state = key.subarray(0, 8);
  const rest = keys.length === 0 ? new Uint8Array(0) : key.subarray(8);
  const valueBytes = strings(values.flatMap((value) => Object.values(value)));
  return Buffer.concat([state, ...offsets, rest, valueBytes]);
}

export function uint64s(values: readonly bigint[]): Uint8Array {
  return Buffer.concat(values.map(u64));
}

/** Nanoseconds since 1970 as DateTime64(9). */
export function instants(values: readonly number[]): Uint8Array {
  return uint64s(values.map((ms) => BigInt(Math.round(ms * 1000)) * 1000n));
}

export function float64s(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

export function uint32s(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Column body of Array(T) from the bodies of its rows' elements. */
export function arrays(lengths: readonly number[], elements: Uint8Array): Uint8Array {
  let end = 0n;
  const offsets = lengths.map((length) => {
    end += BigInt(length);
    return u64(end);
  });
  return Buffer.concat([...offsets, elements]);
}

export interface TestColumn {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A whole Native block, header included. */
export function block(rows: number, columns: readonly TestColumn[]): Buffer {
  const parts: Uint8Array[] = [varint(columns.length), varint(rows)];
  for (const { name, type, bytes } of columns) parts.push(strings([name]), strings([type]), bytes);
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...bytes, rest]);
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer);
}
