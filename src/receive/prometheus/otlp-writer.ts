// Writes OTLP metrics requests in protobuf, so that what comes by other doors takes the one way every request takes:
// the same decoder, limits, identity and columns.

/** Growable protobuf output. Nested messages are written in place and their length patched in. */
export interface ProtoWriter {
  tag(field: number, wireType: number): void;
  varint(value: number): void;
  text(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  double(field: number, value: number): void;
  /** Unix nanoseconds of `ms` as fixed64. */
  nanos(field: number, ms: number): void;
  fixed64(field: number, value: bigint): void;
  /** Writes a message of `field` whose content `write` writes. */
  message(field: number, write: () => void): void;
  packedDoubles(field: number, values: readonly number[]): void;
  packedFixed64(field: number, values: readonly number[]): void;
  flag(field: number, value: number): void;
  finish(): Uint8Array;
}

const utf8 = new TextEncoder();
/** Bytes kept for a nested length: five hold any 32-bit length, in a varint padded with continuation bits. */
const lengthBytes = 5;

export function createProtoWriter(initialBytes = 4096): ProtoWriter {
  let buffer = new Uint8Array(initialBytes);
  let view = new DataView(buffer.buffer);
  let end = 0;

  const room = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, end + bytes));
    grown.set(buffer.subarray(0, end));
    buffer = grown;
    view = new DataView(buffer.buffer);
  };
  const varint = (value: number): void => {
    room(10);
    let rest = value;
    while (rest >= 0x80) {
      buffer[end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    buffer[end++] = rest;
  };
  const tag = (field: number, wireType: number): void => varint(field * 8 + wireType);
  const raw64 = (value: bigint): void => {
    room(8);
    view.setBigUint64(end, value, true);
    end += 8;
  };

  return {
    tag,
    varint,
    text(field, value) {
      if (value === "") return;
      tag(field, 2);
      const most = value.length * 3;
      if (most < 128) {
        room(most + 1);
        const { written } = utf8.encodeInto(value, buffer.subarray(end + 1));
        buffer[end] = written;
        end += written + 1;
        return;
      }
      const encoded = utf8.encode(value);
      varint(encoded.length);
      room(encoded.length);
      buffer.set(encoded, end);
      end += encoded.length;
    },
    bytes(field, value) {
      tag(field, 2);
      varint(value.length);
      room(value.length);
      buffer.set(value, end);
      end += value.length;
    },
    double(field, value) {
      tag(field, 1);
      room(8);
      view.setFloat64(end, value, true);
      end += 8;
    },
    nanos(field, ms) {
      tag(field, 1);
      raw64(BigInt(Math.round(ms)) * 1_000_000n);
    },
    fixed64(field, value) {
      tag(field, 1);
      raw64(BigInt.asUintN(64, value));
    },
    message(field, write) {
      tag(field, 2);
      room(lengthBytes);
      const start = end + lengthBytes;
      end = start;
      write();
      let length = end - start;
      for (let i = 0; i < lengthBytes; i++) {
        buffer[start - lengthBytes + i] = (length & 0x7f) | (i < lengthBytes - 1 ? 0x80 : 0);
        length >>>= 7;
      }
    },
    packedDoubles(field, values) {
      if (values.length === 0) return;
      tag(field, 2);
      varint(values.length * 8);
      room(values.length * 8);
      for (const value of values) {
        view.setFloat64(end, value, true);
        end += 8;
      }
    },
    packedFixed64(field, values) {
      if (values.length === 0) return;
      tag(field, 2);
      varint(values.length * 8);
      for (const value of values) raw64(BigInt(Math.round(value)));
    },
    flag(field, value) {
      if (value === 0) return;
      tag(field, 0);
      varint(value);
    },
    finish: () => buffer.slice(0, end),
  };
}
