// 64-bit series hashes as two numbers of 32 bits, and as the decimal digits people and SQL know them by.

export interface HashHalves {
  readonly low: number;
  readonly high: number;
}

/** Throws for anything but decimal digits. */
export function halvesOf(decimal: string): HashHalves {
  const whole = BigInt.asUintN(64, BigInt(decimal));
  return { low: Number(whole & 0xffffffffn), high: Number(whole >> 32n) };
}

export function decimalOf(low: number, high: number): string {
  return String((BigInt(high) << 32n) | BigInt(low));
}
