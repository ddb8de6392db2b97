// A language model of random weights in GGUF (version 3, as llama.cpp's docs/gguf.md lays it out): small enough to make when it is needed.
import { seededRandom } from "../../src/math/random.ts";

export interface ModelShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly context: number;
}

const magic = 0x46554747;
const version = 3;
const alignment = 32;
const types = { u32: 4, i32: 5, f32: 6, text: 8, list: 9 } as const;
const float32 = 0;
/** Of SentencePiece: what llama.cpp reads in `tokenizer.ggml.token_type`. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;
const words =
  "the a of and to in is it that was for on are as with they be at one have this from or had by hot but some what there we can out other were all your when up use word how said an each she".split(
    " ",
  );

type Entry = readonly [
  key: string,
  type: keyof typeof types,
  value: number | string | readonly (number | string)[],
  of?: keyof typeof types,
];

/** The file, whole. The same seed gives the same bytes. */
export function makeModel({ layers, width, heads, feedForward, context }: ModelShape, seed: number): Uint8Array {
  const vocabulary = makeVocabulary();
  const size = vocabulary.tokens.length;
  const metadata: readonly Entry[] = [
    ["general.architecture", "text", "llama"],
    ["general.name", "text", "random"],
    ["general.alignment", "u32", alignment],
    ["llama.vocab_size", "u32", size],
    ["llama.context_length", "u32", context],
    ["llama.embedding_length", "u32", width],
    ["llama.block_count", "u32", layers],
    ["llama.feed_forward_length", "u32", feedForward],
    ["llama.attention.head_count", "u32", heads],
    ["llama.attention.head_count_kv", "u32", heads],
    ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5],
    ["llama.rope.dimension_count", "u32", width / heads],
    ["tokenizer.ggml.model", "text", "llama"],
    ["tokenizer.ggml.tokens", "list", vocabulary.tokens, "text"],
    ["tokenizer.ggml.scores", "list", vocabulary.scores, "f32"],
    ["tokenizer.ggml.token_type", "list", vocabulary.kinds, "i32"],
    ["tokenizer.ggml.unknown_token_id", "u32", 0],
    ["tokenizer.ggml.bos_token_id", "u32", 1],
    ["tokenizer.ggml.eos_token_id", "u32", 2],
  ];
  const block = (i: number): [string, number[]][] => [
    [`blk.${i}.attn_norm.weight`, [width]],
    [`blk.${i}.attn_q.weight`, [width, width]],
    [`blk.${i}.attn_k.weight`, [width, width]],
    [`blk.${i}.attn_v.weight`, [width, width]],
    [`blk.${i}.attn_output.weight`, [width, width]],
    [`blk.${i}.ffn_norm.weight`, [width]],
    [`blk.${i}.ffn_gate.weight`, [width, feedForward]],
    [`blk.${i}.ffn_up.weight`, [width, feedForward]],
    [`blk.${i}.ffn_down.weight`, [feedForward, width]],
  ];
  const tensors: [string, number[]][] = [
    ["token_embd.weight", [width, size]],
    ["output_norm.weight", [width]],
    ["output.weight", [width, size]],
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
  ];

  const head = createBytes();
  head.u32(magic);
  head.u32(version);
  head.u64(tensors.length);
  head.u64(metadata.length);
  for (const entry of metadata) head.entry(entry);
  let offset = 0;
  for (const [name, dimensions] of tensors) {
    head.text(name);
    head.u32(dimensions.length);
    for (const dimension of dimensions) head.u64(dimension);
    head.u32(float32);
    head.u64(offset);
    offset += padded(4 * product(dimensions));
  }
  const start = padded(head.length());
  const file = new Uint8Array(start + offset);
  file.set(head.bytes());
  const random = seededRandom(seed);
  let at = start;
  for (const [name, dimensions] of tensors) {
    const values = new Float32Array(file.buffer, at, product(dimensions));
    const scale = 1 / Math.sqrt(width);
    for (let i = 0; i < values.length; i++) values[i] = name.endsWith("norm.weight") ? 1 : scale * (2 * random() - 1);
    at += padded(4 * values.length);
  }
  return file;
}

/** Unknown, begin, end, every byte, and some words: any text can be written in it. */
function makeVocabulary() {
  const letters = [..."\u2581abcdefghijklmnopqrstuvwxyz"];
  const pieces = [...letters, ...words.filter((word) => word.length > 1).map((word) => `\u2581${word}`)];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  return {
    tokens: ["<unk>", "<s>", "</s>", ...bytes, ...pieces],
    scores: [0, 0, 0, ...bytes.map(() => 0), ...pieces.map((_, i) => -1 - i)],
    kinds: [
      tokenTypes.unknown,
      tokenTypes.control,
      tokenTypes.control,
      ...bytes.map(() => tokenTypes.byte),
      ...pieces.map(() => tokenTypes.normal),
    ],
  };
}

function createBytes() {
  let buffer = Buffer.alloc(65_536);
  let end = 0;
  const room = (bytes: number): void => {
    if (end + bytes > buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length + bytes)]);
  };
  const u32 = (value: number): void => {
    room(4);
    end = buffer.writeUInt32LE(value, end);
  };
  const u64 = (value: number): void => {
    room(8);
    end = buffer.writeBigUInt64LE(BigInt(value), end);
  };
  const text = (value: string): void => {
    u64(Buffer.byteLength(value));
    room(Buffer.byteLength(value));
    end += buffer.write(value, end);
  };
  const scalar = (type: keyof typeof types, value: number | string): void => {
    if (type === "text") text(String(value));
    else if (type === "f32") {
      room(4);
      end = buffer.writeFloatLE(Number(value), end);
    } else u32(Number(value));
  };
  return {
    u32,
    u64,
    text,
    entry([key, type, value, of]: Entry): void {
      text(key);
      u32(types[type]);
      if (typeof value !== "object") scalar(type, value);
      else {
        u32(types[of ?? "u32"]);
        u64(value.length);
        for (const one of value) scalar(of ?? "u32", one);
      }
    },
    length: () => end,
    bytes: () => buffer.subarray(0, end),
  };
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
