// Gamma and beta functions and their incomplete integrals, from which exact tails of counts come.

/** ln Γ(x), x > 0, to about 15 digits. Source: Lanczos (1964), g = 7, nine terms. */
export function logGamma(x: number): number {
  const z = x - 1;
  let sum = 0.9999999999998099;
  for (let i = 0; i < lanczos.length; i++) sum += (lanczos[i] as number) / (z + i + 1);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** Both are well past what any `a` below 1e5 needs. */
const termsMax = 20_000;
const exactTo = 1e-16;
/** Below it all the mass lies at one end. */
const shapeMin = 1e-12;
/** Stands for zero where a continued fraction must not divide by it. */
const tiny = 1e-300;

/** Γ(a, x) / Γ(a): regularised upper incomplete gamma, a > 0, x >= 0. Small values keep their relative accuracy. */
export function gammaUpper(a: number, x: number): number {
  if (!(x > 0)) return 1;
  if (a < shapeMin) return 0;
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < a + 1 ? Math.max(0, 1 - gammaSeries(a, x)) : gammaFraction(a, x);
}

/** 1 - {@link gammaUpper}, accurate where it is small. */
export function gammaLower(a: number, x: number): number {
  if (!(x > 0)) return 0;
  if (a < shapeMin) return 1;
  if (x === Number.POSITIVE_INFINITY) return 1;
  return x < a + 1 ? gammaSeries(a, x) : Math.max(0, 1 - gammaFraction(a, x));
}

/** I_x(a, b): regularised incomplete beta, a, b > 0, 0 <= x <= 1. */
export function betaLower(a: number, b: number, x: number): number {
  if (!(x > 0)) return 0;
  if (x >= 1 || a < shapeMin) return 1;
  if (b < shapeMin) return 0;
  const logFront = a * Math.log(x) + b * Math.log1p(-x) - (logGamma(a) + logGamma(b) - logGamma(a + b));
  // The fraction converges fast on its side of the mean only.
  if (x < (a + 1) / (a + b + 2)) return Math.min(1, (Math.exp(logFront) * betaFraction(a, b, x)) / a);
  return Math.max(0, 1 - (Math.exp(logFront) * betaFraction(b, a, 1 - x)) / b);
}

/** The power series, for x < a + 1. */
function gammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let i = 1; i < termsMax && term > sum * exactTo; i++) {
    term *= x / (a + i);
    sum += term;
  }
  return Math.min(1, sum * Math.exp(a * Math.log(x) - x - logGamma(a)));
}

/** The continued fraction, for x >= a + 1, by Lentz's method (1976). */
function gammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < termsMax; i++) {
    const numerator = -i * (i - a);
    b += 2;
    d = 1 / notZero(numerator * d + b);
    c = notZero(b + numerator / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < exactTo * 4) break;
  }
  return Math.min(1, fraction * Math.exp(a * Math.log(x) - x - logGamma(a)));
}

function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let i = 1; i < termsMax; i++) {
    const even = (i * (b - i) * x) / ((a + 2 * i - 1) * (a + 2 * i));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + i) * (a + b + i) * x) / ((a + 2 * i) * (a + 2 * i + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < exactTo * 4) break;
  }
  return fraction;
}

function notZero(value: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}
