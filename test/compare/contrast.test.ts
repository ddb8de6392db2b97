// The contrast of two sides: what it estimates, and that what shares a queue does not count as independent.
import { describe, expect, test } from "vitest";
import { estimate, meanContrast, rankContrast } from "../../src/compare/contrast.ts";
import { adjust, blockLength, columnsOf, type Observed } from "../../src/compare/observations.ts";
import { type Random, seededRandom } from "../../src/math/random.ts";
import { studentUpper } from "../../src/math/student.ts";

const minute = 60_000;

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Plan {
  readonly shift?: number;
  readonly blocks?: number;
  readonly perBlock?: number;
  readonly blockSd?: number;
  readonly replicaSd?: number;
  readonly replicas?: number;
  /** Both sides at the same time, or one after the other. */
  readonly beside?: boolean;
}

function draw(random: Random, plan: Plan): readonly Observed[] {
  const { shift = 0, blocks = 20, perBlock = 30, blockSd = 0, replicaSd = 0, replicas = 1, beside = false } = plan;
  const rows: Observed[] = [];
  const shared = Array.from({ length: blocks }, () => blockSd * normal(random));
  for (const isB of [false, true]) {
    const own = Array.from({ length: replicas }, () => replicaSd * normal(random));
    for (let block = 0; block < blocks; block++) {
      const effect = beside ? shared[block]! : blockSd * normal(random);
      for (let i = 0; i < perBlock; i++) {
        const replica = i % replicas;
        const value = effect + own[replica]! + 0.3 * normal(random) + (isB ? shift : 0);
        const at = (block + (isB && !beside ? blocks : 0)) * minute;
        rows.push({ isB, at, value, replica: `${isB} ${replica}`, by: [] });
      }
    }
  }
  return rows;
}

/** Share of trials in which no difference is refused at 5 %. */
function refusedShare(plan: Plan, trials: number, block = minute): number {
  const random = seededRandom(7);
  let refused = 0;
  for (let i = 0; i < trials; i++) {
    const p = rankContrast(columnsOf(draw(random, plan), [], block)).pAbove(0);
    if (2 * Math.min(p, 1 - p) < 0.05) refused++;
  }
  return refused / trials;
}

describe("by ranks", () => {
  test("the shift is the median of all differences of pairs (Hodges and Lehmann)", () => {
    const rows = draw(seededRandom(3), { shift: 0.4, blocks: 8, perBlock: 9 });
    const [a, b] = [false, true].map((isB) => rows.filter((row) => row.isB === isB).map(({ value }) => value));
    const differences = b!.flatMap((y) => a!.map((x) => y - x)).toSorted((x, y) => x - y);
    const middle = differences.length / 2;
    const found = estimate(rankContrast(columnsOf(rows, [], minute)), 0.95);
    expect(found.shift).toBeGreaterThanOrEqual(differences[Math.floor(middle) - 2]!);
    expect(found.shift).toBeLessThanOrEqual(differences[Math.ceil(middle) + 1]!);
    expect(found.low).toBeLessThan(0.4);
    expect(found.high).toBeGreaterThan(0.4);
  });

  test("an outlier weighs no more than its rank", () => {
    const rows = draw(seededRandom(4), { blocks: 10, perBlock: 10 });
    const wild = rows.map((row, i) => (i === 150 ? { ...row, value: 1e6 } : row));
    const shiftOf = (each: readonly Observed[]) => estimate(rankContrast(columnsOf(each, [], minute)), 0.95).shift;
    expect(Math.abs(shiftOf(wild) - shiftOf(rows))).toBeLessThan(0.02);
  });

  test("requests that share a queue are not independent: errors stay what they are said to be", () => {
    const busy = { blockSd: 0.3, blocks: 14, perBlock: 25 };
    expect(refusedShare(busy, 400)).toBeLessThan(0.085);
    // Of the same data with every observation a block of its own the test would be wrong more often than not.
    const random = seededRandom(7);
    let naive = 0;
    for (let i = 0; i < 100; i++) {
      const rows = draw(random, busy).map((row, place) => ({ ...row, at: place * minute }));
      const p = rankContrast(columnsOf(rows, [], minute)).pAbove(0);
      if (2 * Math.min(p, 1 - p) < 0.05) naive++;
    }
    expect(naive).toBeGreaterThan(40);
  });

  test("what both sides share of a minute cancels", () => {
    const shared = { shift: 0.1, blockSd: 0.5, beside: true };
    expect(refusedShare(shared, 60)).toBeGreaterThan(0.9);
    expect(refusedShare({ ...shared, beside: false }, 60)).toBeLessThan(0.3);
  });

  test("replicas that differ by themselves are no difference between sides, where there are enough to tell", () => {
    expect(refusedShare({ replicaSd: 0.3, replicas: 4, perBlock: 24, beside: true }, 200)).toBeLessThan(0.12);
    // With two, nobody can tell; whoever compares is told so.
    expect(refusedShare({ replicaSd: 0.3, replicas: 2, perBlock: 24, beside: true }, 100)).toBeGreaterThan(0.5);
  });

  test("strata keep a mix of long and short prompts from looking like a slower version", () => {
    const random = seededRandom(9);
    const rows: Observed[] = [];
    for (let i = 0; i < 4000; i++) {
      const isB = i % 2 === 1;
      const isLong = random() < (isB ? 0.8 : 0.2);
      const prompt = isLong ? 2000 + random() : 200 + random();
      const value = (isLong ? 2 : 0) + 0.1 * normal(random);
      rows.push({ isB, at: (i % 30) * minute, value, replica: "r", by: [prompt] });
    }
    const plain = estimate(rankContrast(columnsOf(rows, [1], minute)), 0.95);
    const stratified = estimate(rankContrast(columnsOf(rows, [2], minute)), 0.95);
    expect(plain.low).toBeGreaterThan(0.5);
    expect(stratified.low).toBeLessThan(0);
    expect(stratified.high).toBeGreaterThan(0);
    expect(stratified.high - stratified.low).toBeLessThan(0.05);
  });

  test("a fuller batch within a stratum is taken out along the line both sides share", () => {
    const random = seededRandom(11);
    const rows: Observed[] = [];
    for (let i = 0; i < 3000; i++) {
      const isB = i % 2 === 1;
      const batch = 10 + 10 * random() + (isB ? 4 : 0);
      rows.push({ isB, at: (i % 30) * minute, value: 0.05 * batch + 0.05 * normal(random), replica: "r", by: [batch] });
    }
    const columns = columnsOf(rows, [1], minute);
    expect(estimate(rankContrast(columns), 0.95).shift).toBeGreaterThan(0.15);
    adjust(rows, columns);
    expect(Math.abs(estimate(rankContrast(columns), 0.95).shift)).toBeLessThan(0.01);
  });

  test("sides that do not overlap, are all equal, or hold one value each have an answer", () => {
    const rows = (of: (isB: boolean, i: number) => number): readonly Observed[] =>
      Array.from({ length: 80 }, (_, i) => {
        const isB = i % 2 === 1;
        return { isB, at: (i % 20) * minute, value: of(isB, i), replica: "r", by: [] };
      });
    const apart = rankContrast(
      columnsOf(
        rows((isB, i) => (isB ? 5 : 0) + i / 1000),
        [],
        minute,
      ),
    );
    expect(apart.pAbove(0)).toBeLessThan(1e-6);
    expect(estimate(apart, 0.95).shift).toBeCloseTo(5, 1);
    const equal = estimate(
      rankContrast(
        columnsOf(
          rows(() => 1),
          [],
          minute,
        ),
      ),
      0.95,
    );
    expect(equal.shift).toBeCloseTo(0, 6);
    const steps = estimate(
      rankContrast(
        columnsOf(
          rows((isB) => (isB ? 2 : 1)),
          [],
          minute,
        ),
      ),
      0.95,
    );
    expect(steps.shift).toBeCloseTo(1, 6);
    expect(rankContrast(columnsOf([], [], minute)).strata).toBe(0);
  });
});

test("by means, the shift is the difference of shares", () => {
  const random = seededRandom(13);
  const rows = Array.from({ length: 2000 }, (_, i): Observed => {
    const isB = i % 2 === 1;
    return { isB, at: (i % 25) * minute, value: random() < (isB ? 0.7 : 0.9) ? 1 : 0, replica: "r", by: [0] };
  });
  const found = estimate(meanContrast(columnsOf(rows, [1], minute)), 0.95);
  expect(found.shift).toBeCloseTo(-0.2, 1);
  expect(found.low).toBeLessThan(-0.2);
  expect(found.high).toBeGreaterThan(-0.2);
  expect(found.high).toBeLessThan(-0.1);
});

test("blocks are a twentieth of the shorter side's time, a minute at least", () => {
  const over = (minutesA: number, minutesB: number): number => {
    const rows = [minutesA, minutesB].flatMap((minutes, side) =>
      Array.from({ length: minutes }, (_, i) => ({ isB: side === 1, at: i * minute, value: 1, replica: "r", by: [] })),
    );
    return blockLength(rows) / minute;
  };
  expect([over(10, 10), over(200, 60), over(1440, 1440)]).toEqual([1, 3, 72]);
});

test("Student's tail agrees with its table", () => {
  for (const [t, df, tail] of [
    [2.228, 10, 0.025],
    [1.812, 10, 0.05],
    [12.706, 1, 0.025],
    [1.96, 1e6, 0.025],
  ] as const)
    expect(studentUpper(t, df)).toBeCloseTo(tail, 4);
  expect(studentUpper(-2.228, 10)).toBeCloseTo(0.975, 4);
  expect(studentUpper(Number.POSITIVE_INFINITY, 3)).toBe(0);
});
