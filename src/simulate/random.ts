// Seeded randomness for the simulation: one generator a purpose, so that drawing more of one thing changes no other.

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Gamma with the given shape (> 0) and mean. */
  gamma(shape: number, mean: number): number;
  /** `bytes` random bytes in hex, for trace and span ids. */
  hex(bytes: number): string;
}

/**
 * A generator named by a seed and a purpose.
 * Sources: sfc32 (Doty-Humphrey, PractRand), seeded through splitmix32; normal by Marsaglia's polar method;
 * gamma by Marsaglia and Tsang 2000. Not for secrets.
 */
export function createRandom(seed: number, purpose: string): Random {
  let mix = seed >>> 0;
  for (let i = 0; i < purpose.length; i++) mix = Math.imul(mix ^ purpose.charCodeAt(i), 0x01000193) >>> 0;
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let counter = 1;
  let spare = Number.NaN;
  for (let i = 0; i < 12; i++) next();

  function splitmix(): number {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }

  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }

  const uniform = (): number => next() / 4_294_967_296;

  function normal(): number {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const s = x * x + y * y;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spare = y * scale;
        return x * scale;
      }
    }
  }

  /** Gamma with scale 1. */
  function standardGamma(shape: number): number {
    if (shape < 1) return standardGamma(shape + 1) * (1 - uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const k = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + k * x) ** 3;
      if (v > 0 && Math.log(1 - uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  function hex(bytes: number): string {
    let text = "";
    while (text.length < bytes * 2) text += next().toString(16).padStart(8, "0");
    return text.slice(0, bytes * 2);
  }

  return { uniform, normal, gamma: (shape, mean) => (standardGamma(shape) * mean) / shape, hex };
}
