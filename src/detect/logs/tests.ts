// Small exact tests over counts: is this count more or less than the reference leads to expect, is this mix another one.

/** ln of the gamma function (Lanczos, g 7, 9 terms), x > 0; about 15 digits. */
export function logGamma(x: number): number {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const z = x - 1;
  let sum = 0.9999999999998099;
  for (let i = 0; i < terms.length; i++) sum += terms[i]! / (z + i + 1);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** P(X >= k) of X ~ Binomial(n, p). Sums the shorter way from k; at most a few thousand terms matter. */
export function binomialUpper(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n) return 0;
  // Below the mean the other tail is the short one.
  if (k <= n * p) return Math.max(0, 1 - binomialLower(k - 1, n, p));
  return tail(k, n, p, 1);
}

/** P(X <= k) of X ~ Binomial(n, p). */
export function binomialLower(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (k > n * p) return Math.max(0, 1 - binomialUpper(k + 1, n, p));
  return tail(k, n, p, -1);
}

function tail(from: number, n: number, p: number, direction: 1 | -1): number {
  const odds = p / (1 - p);
  const logTerm =
    logGamma(n + 1) - logGamma(from + 1) - logGamma(n - from + 1) + from * Math.log(p) + (n - from) * Math.log1p(-p);
  let term = Math.exp(logTerm);
  let sum = 0;
  for (let i = from; i >= 0 && i <= n; i += direction) {
    sum += term;
    if (term < sum * 1e-16) break;
    term *= direction === 1 ? ((n - i) / (i + 1)) * odds : i / (n - i + 1) / odds;
  }
  return Math.min(1, sum);
}

/** P(X >= x) of a chi-squared variable: the regularised upper incomplete gamma, by series or continued fraction. */
export function chiSquaredUpper(x: number, degrees: number): number {
  if (!(x > 0) || degrees < 1) return 1;
  const a = degrees / 2;
  const h = x / 2;
  const front = Math.exp(a * Math.log(h) - h - logGamma(a));
  if (h < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let i = 1; i < 1000 && term > sum * 1e-16; i++) {
      term *= h / (a + i);
      sum += term;
    }
    return Math.max(0, 1 - front * sum);
  }
  // Lentz's method.
  let b = h + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let f = d;
  for (let i = 1; i < 1000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const delta = c * d;
    f *= delta;
    if (Math.abs(delta - 1) < 1e-15) break;
  }
  return front * f;
}

/**
 * G-test of homogeneity (Sokal & Rohlf) of two rows of counts. Categories of which fewer than five are expected in
 * either row are put together first, without which its chi-squared law does not hold.
 */
export function mixTail(
  now: readonly number[],
  reference: readonly number[],
): { readonly g: number; readonly tail: number } {
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [n, m] = [total(now), total(reference)];
  if (n === 0 || m === 0) return { g: 0, tail: 1 };
  const smaller = Math.min(n, m) / (n + m);
  const kept: [number, number][] = [];
  const rest: [number, number] = [0, 0];
  for (let i = 0; i < now.length; i++) {
    const both = now[i]! + reference[i]!;
    if (both * smaller >= 5) kept.push([now[i]!, reference[i]!]);
    else {
      rest[0] += now[i]!;
      rest[1] += reference[i]!;
    }
  }
  if ((rest[0] + rest[1]) * smaller >= 5) kept.push(rest);
  if (kept.length < 2) return { g: 0, tail: 1 };
  const [a, b] = [total(kept.map(([x]) => x)), total(kept.map(([, y]) => y))];
  const part = (seen: number, expected: number): number => (seen === 0 ? 0 : seen * Math.log(seen / expected));
  const g =
    2 * kept.reduce((sum, [x, y]) => sum + part(x, ((x + y) * a) / (a + b)) + part(y, ((x + y) * b) / (a + b)), 0);
  return { g, tail: chiSquaredUpper(g, kept.length - 1) };
}
