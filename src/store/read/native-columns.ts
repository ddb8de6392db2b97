// Reads answers in ClickHouse's Native format into typed arrays: numbers and arrays of numbers, without a step through text.

/** One column of all blocks. `words`: 64-bit numbers in two halves, low first. `ends`: where each row's array ends in `numbers`. */
export type NativeColumn =
  | { readonly kind: "words"; readonly words: Uint32Array }
  | { readonly kind: "numbers"; readonly numbers: Float64Array }
  | { readonly kind: "uint32"; readonly values: Uint32Array }
  | { readonly kind: "arrays"; readonly ends: Uint32Array; readonly numbers: Float64Array };

export interface NativeBlock {
  readonly rows: number;
  readonly columns: readonly NativeColumn[];
}

const decoder = new TextDecoder();

/** The blocks of an answer, empty ones left out. Throws for bytes that are not whole blocks of known types. */
export function readNative(bytes: Uint8Array): readonly NativeBlock[] {
  const blocks: NativeBlock[] = [];
  let at = 0;
  while (at < bytes.length) {
    const width = varint();
    const rows = varint();
    const columns: NativeColumn[] = [];
    for (let i = 0; i < width; i++) {
      text();
      columns.push(column(text(), rows));
    }
    if (rows > 0) blocks.push({ rows, columns });
  }
  return blocks;

  function column(type: string, rows: number): NativeColumn {
    switch (type) {
      case "UInt64":
        return { kind: "words", words: new Uint32Array(take(rows * 8)) };
      case "Float64":
        return { kind: "numbers", numbers: new Float64Array(take(rows * 8)) };
      case "UInt32":
        return { kind: "uint32", values: new Uint32Array(take(rows * 4)) };
      case "Array(Float64)": {
        const words = new Uint32Array(take(rows * 8));
        const ends = new Uint32Array(rows);
        for (let row = 0; row < rows; row++) ends[row] = words[2 * row] as number;
        return { kind: "arrays", ends, numbers: new Float64Array(take((ends[rows - 1] ?? 0) * 8)) };
      }
      default:
        throw new Error(`the engine answered with a column of type ${JSON.stringify(type.slice(0, 80))}`);
    }
  }

  /** Copied, so that the numbers are aligned. */
  function take(length: number): ArrayBuffer {
    if (at + length > bytes.length) throw cutShort();
    const part = new Uint8Array(length);
    part.set(bytes.subarray(at, at + length));
    at += length;
    return part.buffer;
  }

  function text(): string {
    const length = varint();
    if (at + length > bytes.length) throw cutShort();
    const found = decoder.decode(bytes.subarray(at, at + length));
    at += length;
    return found;
  }

  function varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 49) throw cutShort();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
}

function cutShort(): Error {
  return new Error("the engine's answer is cut short or is none");
}
