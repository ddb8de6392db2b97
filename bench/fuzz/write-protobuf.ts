// Trees to the protobuf wire, in any of the ways the rules allow: overlong varints, packed or not, unknown fields.
import type { Choose } from "./choose.ts";
import { type PlanField, packs } from "./plan.ts";
import type { Scalar } from "./scalars.ts";
import { isTree, type Tree } from "./tree.ts";

/** How odd a body is spelled: one choice in so many is odd, 0 for none. */
const oddities = [0, 0, 60, 8];
/** Numbers no OTLP message uses, the largest there may be among them. */
const unknownNumbers = [17, 19, 100, 2047, 2048, 262_144, 2 ** 29 - 1];

export function writeProtobuf(tree: Tree, choose: Choose): Uint8Array {
  const oddity = choose.of(oddities);
  const out: number[] = [];
  writeTree(out, tree, choose, () => oddity > 0 && choose.below(oddity) === 0);
  return Uint8Array.from(out);
}

function writeTree(out: number[], tree: Tree, choose: Choose, odd: () => boolean): void {
  for (const entry of tree.entries) {
    if (entry.field === undefined) {
      writeUnknown(out, choose, odd, 0);
      continue;
    }
    const { field, value } = entry;
    if (Array.isArray(value)) writeList(out, field, value, choose, odd);
    else if (isTree(value)) {
      const inner: number[] = [];
      writeTree(inner, value, choose, odd);
      writeTag(out, field.number, 2, odd);
      writeBytes(out, inner, odd);
    } else {
      writeTag(out, field.number, field.wireType, odd);
      writeScalar(out, field, value, odd);
    }
  }
}

/** Packed, element by element, or in several runs. */
function writeList(out: number[], field: PlanField, list: readonly Scalar[], choose: Choose, odd: () => boolean): void {
  const cut = odd() ? choose.below(list.length + 1) : list.length;
  const inner: number[] = [];
  if (packs(field) && !odd()) {
    for (const element of list.slice(0, cut)) writeScalar(inner, field, element, odd);
    writeTag(out, field.number, 2, odd);
    writeBytes(out, inner, odd);
  } else cut === list.length ? single(list) : single(list.slice(0, cut));
  if (cut < list.length) single(list.slice(cut));

  function single(elements: readonly Scalar[]): void {
    for (const element of elements) {
      writeTag(out, field.number, field.wireType, odd);
      writeScalar(out, field, element, odd);
    }
  }
}

function writeScalar(out: number[], field: PlanField, value: Scalar, odd: () => boolean): void {
  switch (field.type) {
    case "string":
    case "bytes":
      writeBytes(out, typeof value === "string" ? Buffer.from(value) : (value as Uint8Array), odd);
      return;
    case "double":
      writeWord(out, wordOfDouble(value as number), 8);
      return;
    case "fixed64":
    case "sfixed64":
      writeWord(out, value as bigint, 8);
      return;
    case "fixed32":
      writeWord(out, BigInt(value as number), 4);
      return;
    case "bool":
      // Anything but 0 is true.
      writeVarint(out, value === true ? (odd() ? 300n : 1n) : 0n, odd);
      return;
    case "sint32":
      writeVarint(out, BigInt((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0), odd);
      return;
    case "uint32":
      // What does not fit is cut to 32 bits by the reader.
      writeVarint(out, BigInt(value as number) + (odd() ? 2n ** 33n : 0n), odd);
      return;
    default:
      writeVarint(out, BigInt.asUintN(64, BigInt(value as number | bigint)), odd);
  }
}

function writeUnknown(out: number[], choose: Choose, odd: () => boolean, depth: number): void {
  const number = choose.of(unknownNumbers);
  const wireType = choose.of([0, 1, 2, 5, 3]);
  writeTag(out, number, wireType, odd);
  switch (wireType) {
    case 0:
      writeVarint(out, BigInt.asUintN(64, -BigInt(choose.below(3))), odd);
      break;
    case 1:
      writeWord(out, BigInt(choose.below(2 ** 32)), 8);
      break;
    case 2:
      writeBytes(out, Buffer.alloc(choose.below(200), choose.below(256)), odd);
      break;
    case 5:
      writeWord(out, BigInt(choose.below(2 ** 32)), 4);
      break;
    default:
      for (let fields = choose.below(3); fields > 0 && depth < 4; fields--) writeUnknown(out, choose, odd, depth + 1);
      writeTag(out, number, 4, odd);
  }
}

function writeBytes(out: number[], bytes: ArrayLike<number>, odd: () => boolean): void {
  writeVarint(out, BigInt(bytes.length), odd, 5);
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i]!);
}

function writeTag(out: number[], number: number, wireType: number, odd: () => boolean): void {
  writeVarint(out, BigInt(number * 8 + wireType), odd, 5);
}

/** Overlong where it is to be odd: up to `longest` bytes, the last ones empty. */
function writeVarint(out: number[], value: bigint, odd: () => boolean, longest = 10): void {
  const start = out.length;
  if (value < 2n ** 31n) {
    let rest = Number(value);
    for (; rest > 127; rest >>= 7) out.push((rest & 127) | 128);
    out.push(rest);
  } else {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
    out.push(Number(rest));
  }
  if (!odd()) return;
  const wanted = start + longest;
  if (out.length < wanted) out[out.length - 1]! |= 128;
  while (out.length < wanted - 1) out.push(128);
  if (out.length < wanted) out.push(0);
}

function writeWord(out: number[], word: bigint, bytes: number): void {
  for (let i = 0, rest = BigInt.asUintN(64, word); i < bytes; i++, rest >>= 8n) out.push(Number(rest & 255n));
}

const scratch = new DataView(new ArrayBuffer(8));
function wordOfDouble(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}
