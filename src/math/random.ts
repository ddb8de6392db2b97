// Random numbers from a seed, so that whatever draws them can be repeated.

/** The next number in [0, 1). */
export type Random = () => number;

/**
 * sfc32, seeded through splitmix32. Passes PractRand; period at least 2^32. Not for secrets.
 * Source: Chris Doty-Humphrey, PractRand.
 */
export function seededRandom(seed: number): Random {
  let mixer = seed >>> 0;
  const next = (): number => {
    mixer = (mixer + 0x9e3779b9) >>> 0;
    let z = mixer;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = next();
  let b = next();
  let c = next();
  let counter = 1;
  const draw: Random = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let i = 0; i < 12; i++) draw();
  return draw;
}

/** Standard normal. Source: Box and Muller 1958. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
