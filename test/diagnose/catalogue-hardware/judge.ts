// One row of a table of situations: what is the case, which mode it is, and where; and whether the mode's checks see it.
import { expect, test } from "vitest";
import { bindCheck } from "../../../src/act/remedy.ts";
import type { EntityId } from "../../../src/model/entity.ts";
import type { FailureMode } from "../../../src/model/failure-mode.ts";
import type { SeriesSource } from "../../../src/model/ports/series-source.ts";
import { evaluateInstant } from "../../../src/promql/evaluate.ts";
import { parseQuery } from "../../../src/promql/parse.ts";
import { modes } from "../fleet.ts";
import { causesOf, causesOfEnginesAlone, endOf, type Situation, seriesOf, t0 } from "./situation.ts";

export type Case = readonly [what: string, mode: string, at: string, situation: Situation];

/** The mode must come out on top at its place. A row in which another mode is alerted on is one that mode must lose. */
export function judgeAll(cases: readonly Case[]): void {
  const seenByChecks = new Set<string>();

  test.each(cases)("%s: %s at %s", async (_what, mode, at, situation) => {
    const source = seriesOf(situation);
    const causes = await causesOf(situation, source);
    const seen = causes.slice(0, 4).map((one) => `${one.failureMode} ${one.probability.toFixed(3)} ${one.location}`);
    expect([causes[0]?.failureMode, causes[0]?.location], seen.join("\n")).toEqual([mode, at]);
    const failing = await failingChecks(modes.find(({ id }) => id === mode)!, at, source, endOf(situation));
    if (failing.length > 0) seenByChecks.add(mode);
  });

  test.each(cases)("%s: where only the engines are measured there is a ranking all the same", async (...row) => {
    const causes = await causesOfEnginesAlone(row[3]);
    const total = causes.reduce((sum, { probability }) => sum + probability, 0);
    expect(total).toBeLessThan(1);
    for (const { probability, for: pro } of causes) {
      expect(probability).toBeGreaterThanOrEqual(0);
      expect(pro).not.toEqual([]);
    }
  });

  test("a repair of any of these modes is not taken for verified while the trouble lasts", () => {
    const blind = cases.map(([, mode]) => mode).filter((mode) => !seenByChecks.has(mode));
    expect([...new Set(blind)]).toEqual([]);
  });
}

/** Ids of the mode's checks that do not hold. */
export async function failingChecks(
  mode: FailureMode,
  at: EntityId,
  source: SeriesSource,
  now: number,
): Promise<readonly string[]> {
  const failing: string[] = [];
  for (const check of mode.verify) {
    const query = parseQuery(bindCheck(check, at, t0 - 60_000)!.expr);
    if ("errors" in query) throw new Error(`${mode.id}/${check.id} does not parse`);
    const result = await evaluateInstant(query, now, source);
    if (result.kind !== "vector" || result.samples.length === 0) failing.push(check.id);
  }
  return failing;
}
