// What a test says of a fixture page: which entity has which signal at which value.

/** Entity to signal to value. */
export type Expected = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface PageCase {
  readonly file: string;
  readonly engine: string;
  readonly expected: Expected;
}

export const p95 = (lower: number, upper: number): number => lower + (upper - lower) * 0.875;
