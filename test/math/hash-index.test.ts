// The map from 64-bit hashes to numbers against a plain Map, under any order of putting in and taking out.
import fc from "fast-check";
import { expect, test } from "vitest";
import { createHashIndex } from "../../src/math/hash-index.ts";

test("says what a Map says, whatever is put in and taken out", () => {
  const half = fc.constantFrom(0, 1, 2, 3, 64, 128, 0x80000000, 0xffffffff);
  const step = fc.record({ low: half, high: half, value: fc.nat(1000), out: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const index = createHashIndex();
      const map = new Map<string, number>();
      for (const { low, high, value, out } of steps) {
        const key = `${low} ${high}`;
        if (out) {
          index.delete(low, high);
          map.delete(key);
        } else {
          index.set(low, high, value);
          map.set(key, value);
        }
        expect(index.size).toBe(map.size);
        for (const one of steps) expect(index.get(one.low, one.high)).toBe(map.get(`${one.low} ${one.high}`) ?? -1);
      }
    }),
    { numRuns: 60 },
  );
});

test("holds many and grows", () => {
  const index = createHashIndex();
  for (let i = 0; i < 100_000; i++) index.set(Math.imul(i, 0x9e3779b1) >>> 0, i, i);
  for (let i = 0; i < 100_000; i += 2) index.delete(Math.imul(i, 0x9e3779b1) >>> 0, i);
  expect(index.size).toBe(50_000);
  let wrong = 0;
  for (let i = 0; i < 100_000; i++)
    if (index.get(Math.imul(i, 0x9e3779b1) >>> 0, i) !== (i % 2 === 0 ? -1 : i)) wrong++;
  expect(wrong).toBe(0);
});
