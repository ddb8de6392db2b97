// Identifiers that depend on nothing but their parts, so that replay and live agree on them.

/** 64-bit FNV-1a as 16 hex digits. For ids and grouping, not for secrets. Source: Fowler, Noll, Vo 1991. */
export function stableId(...parts: readonly (string | number)[]): string {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  const text = parts.join("\u001f");
  for (let i = 0; i < text.length; i++) {
    low ^= text.charCodeAt(i);
    // (high, low) *= 0x100000001b3, in 16-bit limbs so that every product stays exact.
    const l0 = low & 0xffff;
    const l1 = low >>> 16;
    const a = l0 * 0x1b3;
    const b = l1 * 0x1b3 + (a >>> 16);
    const carry = Math.floor(b / 0x10000);
    high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0;
    low = (((b & 0xffff) << 16) | (a & 0xffff)) >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
