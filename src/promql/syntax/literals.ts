// Numbers, durations and strings as PromQL writes them.
import { parseDuration } from "../../model/time.ts";

/** Seconds for a duration (`5m` is 300), else the number; undefined if it is neither. Sign not included. */
export function parseNumber(text: string): number | undefined {
  const plain = text.toLowerCase().replaceAll("_", "");
  if (plain === "inf") return Number.POSITIVE_INFINITY;
  if (plain === "nan") return Number.NaN;
  if (/^0x[0-9a-f]+$/.test(plain)) return Number.parseInt(plain.slice(2), 16);
  // As in Go, an integer with a leading zero is octal; with a digit 8 or 9 it is decimal after all.
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  if (/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain)) return Number(plain);
  const durationMs = parseDuration(text);
  return durationMs === undefined ? undefined : durationMs / 1000;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/**
 * The value of a quoted string, escapes as in Go; undefined if it is not closed or an escape is wrong.
 * Bytes from `\x` and octal escapes are read as UTF-8; a byte that is not becomes a lone surrogate U+DC80..U+DCFF, which no
 * valid text contains, so that validity can be checked and the byte named.
 */
export function unquote(text: string): string | undefined {
  const quote = text[0];
  if (text.length < 2 || text.at(-1) !== quote) return undefined;
  const body = text.slice(1, -1);
  if (quote === "`") return body.includes("`") ? undefined : body.replaceAll("\r", "");
  if (quote !== '"' && quote !== "'") return undefined;
  if (body.includes("\n")) return undefined;
  const pattern = /\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|(["'])|\\$/gs;
  let out = "";
  let bytes: number[] = [];
  let last = 0;
  const flush = (): void => {
    out += decodeUtf8(bytes);
    bytes = [];
  };
  for (const match of body.matchAll(pattern)) {
    if (match.index > last) {
      flush();
      out += body.slice(last, match.index);
    }
    last = match.index + match[0].length;
    const sequence = match[1];
    if (sequence === undefined) {
      if (match[2] === undefined || match[2] === quote) return undefined;
      flush();
      out += match[2];
    } else if (/^(x..|[0-7]{3})$/.test(sequence)) {
      const byte = sequence.startsWith("x") ? Number.parseInt(sequence.slice(1), 16) : Number.parseInt(sequence, 8);
      if (byte > 255) return undefined;
      bytes.push(byte);
    } else {
      flush();
      const point = /^[uU]./.test(sequence) ? Number.parseInt(sequence.slice(1), 16) : undefined;
      if (point !== undefined && (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))) return undefined;
      const value = point === undefined ? simpleEscapes[sequence] : String.fromCodePoint(point);
      if (value === undefined) return undefined;
      out += value;
    }
  }
  flush();
  return out + body.slice(last);
}

function decodeUtf8(bytes: readonly number[]): string {
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!;
    const size =
      lead < 0x80
        ? 1
        : lead >= 0xc2 && lead < 0xe0
          ? 2
          : lead >= 0xe0 && lead < 0xf0
            ? 3
            : lead >= 0xf0 && lead < 0xf5
              ? 4
              : 0;
    const rest = bytes.slice(i + 1, i + size);
    let point = size === 1 ? lead : lead & (0xff >> (size + 1));
    for (const byte of rest) point = (point << 6) | (byte & 0x3f);
    const valid =
      size > 0 &&
      rest.length === size - 1 &&
      rest.every((byte) => byte >= 0x80 && byte < 0xc0) &&
      point >= [0, 0, 0x80, 0x800, 0x10000][size]! &&
      point <= 0x10ffff &&
      !(point >= 0xd800 && point < 0xe000);
    out += valid ? String.fromCodePoint(point) : String.fromCharCode(0xdc00 + lead);
    i += valid ? size : 1;
  }
  return out;
}

/** Whether the text is whole: no byte in it failed to decode. */
export function isValidText(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** As Go's %q writes it, near enough for messages: quotes, backslashes, control characters and stray bytes escaped. */
export function quoteText(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(/[\p{Control}\p{Surrogate}]/gu, (found) => {
    if (found === "\n") return "\\n";
    if (found === "\t") return "\\t";
    return `\\x${(found.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}
