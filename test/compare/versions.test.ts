// Versions of a simulated fleet: the same twice is not worse, a slower one is found; the bench does it for twenty seeds.
import { describe, expect, test } from "vitest";
import { tryVersions } from "../../bench/compare/fleet.ts";

describe("two versions", () => {
  test.each([1, 2])("that are the same are the same (seed %i)", async (seed) => {
    for (const design of ["beside", "after"] as const) {
      const found = await tryVersions({ seed, factor: 1, design, minutes: 24 });
      expect(["same", "undecided"]).toContain(found.verdict);
      expect(found.measures.map(({ verdict }) => verdict)).not.toContain("worse");
    }
  });

  test("of which one is slower by 15 % are told apart, whether beside or after one another", async () => {
    const beside = await tryVersions({ seed: 3, factor: 1.15, design: "beside", minutes: 24 });
    expect(beside.verdict).toBe("worse");
    const itl = beside.measures.find(({ measure }) => measure === "itl")!;
    expect(itl.low).toBeGreaterThan(0.1);
    expect(itl.high).toBeLessThan(0.2);
    const after = await tryVersions({ seed: 3, factor: 1.15, design: "after", minutes: 24 });
    expect(after.verdict).toBe("worse");
    expect(after.confounders.join("\n")).toMatch(/different times: (no minute|\d+ % of the minutes)/);
    expect(after.confounders.join("\n")).toContain("different load");
  });

  test("of which one had too little time are undecided, and it is said what is missing", async () => {
    const found = await tryVersions({ seed: 4, factor: 1.05, design: "beside", minutes: 6 });
    expect(found.verdict).toBe("undecided");
    expect(found.measures[0]!.says).toMatch(
      /undecided; A has \d+ observations in \d minutes, and 30 in 6 minutes are the least/,
    );
  });

  test("near the margin are undecided, with how much more would decide", async () => {
    const found = await tryVersions({ seed: 5, factor: 1.055, design: "beside", minutes: 12 });
    const open = found.measures.filter(({ verdict, more }) => verdict === "undecided" && more !== undefined);
    expect(open.length).toBeGreaterThan(0);
    expect(open[0]!.more!.times).toBeGreaterThan(1);
    expect(open[0]!.says).toContain("times as much would decide it");
  });
});
