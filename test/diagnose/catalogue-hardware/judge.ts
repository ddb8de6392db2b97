// One row of a table of situations: what is the case, which mode it is, and where.
import { expect, test } from "vitest";
import { causesOf, type Situation } from "./situation.ts";

export type Case = readonly [what: string, mode: string, at: string, situation: Situation];

/** The mode must come out on top at its place. A row in which another mode is alerted on is one that mode must lose. */
export function judgeAll(cases: readonly Case[]): void {
  test.each(cases)("%s: %s at %s", async (_what, mode, at, situation) => {
    const causes = await causesOf(situation);
    const seen = causes.slice(0, 4).map((one) => `${one.failureMode} ${one.probability.toFixed(3)} ${one.location}`);
    expect([causes[0]?.failureMode, causes[0]?.location], seen.join("\n")).toEqual([mode, at]);
  });
}
