// Values of single fields: mostly usual, often at a boundary.
import type { Choose } from "./choose.ts";
import type { PlanField } from "./plan.ts";

export type Scalar = string | number | bigint | boolean | Uint8Array;

const now = 1_763_900_000_000_000_000n;
const words = [0n, 1n, 2n, 127n, 128n, 255n, 300n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n];
const bigWords = [2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
const times = [0n, 1n, 999_999n, 5_600_000_000_000_000_000n, 2n ** 63n, 2n ** 64n - 1n];
const doubles = [
  0,
  -0,
  1,
  -1.5,
  0.1,
  1e21,
  -1e-7,
  5e-324,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  9007199254740994,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
const texts = [
  "",
  "a",
  "vllm-0",
  "request.latency",
  'say "hi"\\\n\t\u0000\u001f\u007f',
  "é ü 漢字 \u{1f600}",
  "\u2028\ufeff\ufffd",
  "x".repeat(130),
  "é".repeat(70),
  "__proto__",
  "1e3",
  "null",
];
const keys = ["service.name", "gen_ai.request.model", "a", "b", "host.name", "", "__proto__", "toString", "é"];
/** Texts that are not UTF-8: alone, cut short, overlong, surrogates, past the last code point. */
const brokenTexts = [[0xff], [0x61, 0x80], [0xe2, 0x82], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]];

/** A value for a field of the message named `message`. */
export function scalar(message: string, field: PlanField, choose: Choose): Scalar {
  switch (field.type) {
    case "string":
      return text(field.name, choose);
    case "bytes":
      return bytes(message, field.name, choose);
    case "bool":
      return choose.below(2) === 0;
    case "double":
      return choose.below(3) === 0 ? choose.of(doubles) : (choose.below(2_000_001) - 1_000_000) / 1000;
    case "fixed64":
    case "uint64":
      return /UnixNano$/.test(field.name) ? time(choose) : word(choose);
    case "int64":
    case "sfixed64":
      return BigInt.asIntN(64, choose.below(3) === 0 ? -word(choose) : word(choose));
    case "int32":
    case "sint32":
      if (choose.below(2) === 0) return choose.below(8);
      return Number(BigInt.asIntN(32, choose.below(2) === 0 ? -word(choose) : word(choose)));
    default:
      return choose.below(2) === 0 ? choose.below(4) : Number(BigInt.asUintN(32, word(choose)));
  }
}

function text(name: string, choose: Choose): Scalar {
  if (name === "key") return choose.below(40) === 0 ? `k${choose.below(1000)}` : choose.of(keys);
  if (choose.below(150) === 0) return Uint8Array.from(choose.of(brokenTexts));
  return choose.below(3) === 0 ? choose.of(texts) : `t${choose.below(100)}`;
}

function bytes(message: string, name: string, choose: Choose): Uint8Array {
  if (!/[iI]d$/.test(name)) return random(choose.below(7), choose);
  const length = name === "traceId" ? 16 : 8;
  const needed = message === "Span" && name !== "parentSpanId";
  const odd = choose.below(60);
  if (odd === 0) return random(choose.below(20), choose);
  if (odd === 1 || (!needed && odd < 10)) return new Uint8Array(choose.below(2) * length);
  return random(length, choose);
}

function random(length: number, choose: Choose): Uint8Array {
  return Uint8Array.from({ length }, () => choose.below(256));
}

function word(choose: Choose): bigint {
  const kind = choose.below(8);
  if (kind < 3) return BigInt(choose.below(1000));
  return choose.of(kind < 7 ? words : bigWords);
}

function time(choose: Choose): bigint {
  const kind = choose.below(16);
  return kind === 0 ? choose.of(times) : now + BigInt(choose.below(2 ** 31)) * (kind < 4 ? 1_000_003n : 1n);
}
