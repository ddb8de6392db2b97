// homeostat fit: the catalogue's odds fitted to what was seen in incidents whose cause is known, and what that is worth on others.
import { existsSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadFailureModes } from "../../diagnose/failure-modes.ts";
import { fitOdds } from "../../diagnose/fit-odds.ts";
import { withFittedOdds } from "../../diagnose/fitted-odds.ts";
import { seededRandom } from "../../math/random.ts";
import { type Command, usageError, userError } from "../command.ts";
import { casesOf, judgeLessons, readLessons, sourceOf } from "../gauntlet/lessons.ts";
import type { Lesson } from "../gauntlet/study-book.ts";
import { readFolder, shipped } from "../paths.ts";

export const fit: Command = {
  name: "fit",
  summary: "fit the catalogue's odds to incidents whose cause is known",
  help: `Usage: homeostat fit FILE... [OPTIONS]

FILEs are what \`homeostat gauntlet --in-memory --study FILE\` wrote. First the odds are fitted without the scenarios that a share of
the files they were drawn from gave, and judged on those; then to all.

  --out FILE        write the fitted odds there; a service uses them where diagnose.odds names the file
  --pull N          how strongly the catalogue's own odds are held to (default 0.5)
  --folds N         scenario files are held back in N parts, one after another; 0: none (default 4)
  --modes DIR       the catalogue (default: the shipped one)

Example: homeostat gauntlet --in-memory --vary 400 --study looks.ndjson && homeostat fit looks.ndjson --out odds.json`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        out: { type: "string" },
        pull: { type: "string", default: "0.5" },
        folds: { type: "string", default: "4" },
        modes: { type: "string", default: shipped.failureModes },
      },
    });
    const [pull, folds] = [Number(values.pull), Number(values.folds)];
    if (!(pull > 0)) throw usageError(`--pull ${values.pull} is not a number above 0`);
    if (!(Number.isInteger(folds) && folds >= 0 && folds !== 1 && folds <= 20))
      throw usageError(`--folds ${values.folds} is not 0 or a whole number from 2 to 20`);
    if (positionals.length === 0) throw usageError("FILE is missing: what was seen, written by gauntlet --study");
    for (const file of positionals) if (!existsSync(file)) throw userError(`there is no ${file}`);
    const { modes, mistakes } = loadFailureModes(readFolder(values.modes, ".yaml"));
    if (mistakes.length > 0) throw userError(`the catalogue has mistakes: ${mistakes[0]!.says}`);
    const { lessons, refused } = await readLessons(positionals);
    if (refused > 0) io.err(`${refused} lines are no lessons and were left out`);
    if (!lessons.some(({ truth }) => truth !== "NONE") || lessons.every(({ truth }) => truth !== "NONE"))
      throw userError("the files need looks with a fault and looks without one; play more scenarios");
    const show = (what: string, held: readonly Lesson[], odds: typeof modes): void => {
      const figures = Object.entries(judgeLessons(held, odds));
      io.out(`${what.padEnd(26)} ${figures.map(([name, value]) => `${name} ${Number(value.toFixed(4))}`).join("  ")}`);
    };
    for (const [i, { taught, held }] of split(lessons, folds).entries()) {
      show(`part ${i + 1}, as written`, held, modes);
      show(
        `part ${i + 1}, fitted without`,
        held,
        withFittedOdds(modes, fitOdds(modes, casesOf(taught, modes), { pull })),
      );
    }
    const odds = fitOdds(modes, casesOf(lessons, modes), { pull });
    show("all, as written", lessons, modes);
    show("all, fitted to them", lessons, withFittedOdds(modes, odds));
    const count = Object.values(odds).reduce((sum, each) => sum + Object.keys(each).length, 0);
    io.out(`${count} odds of ${Object.keys(odds).length} failure modes moved by more than a tenth`);
    if (values.out !== undefined) {
      const scenarios = new Set(lessons.map(({ scenario }) => scenario)).size;
      const card = { scenarios, looks: lessons.length, pull, fittedAt: new Date().toISOString().slice(0, 10) };
      writeFileSync(values.out, `${JSON.stringify({ version: 1, card, odds }, undefined, 1)}\n`);
      io.out(`written to ${values.out}`);
    }
    return 0;
  },
};

/** By the files the scenarios were drawn from, so that none is judged by its own siblings. */
function split(
  lessons: readonly Lesson[],
  folds: number,
): readonly { readonly taught: readonly Lesson[]; readonly held: readonly Lesson[] }[] {
  const random = seededRandom(1);
  const sources = [...new Set(lessons.map(sourceOf))].toSorted((a, b) => (a < b ? -1 : 1));
  const part = new Map(sources.map((source) => [source, Math.floor(random() * folds)]));
  return Array.from({ length: folds }, (_, i) => ({
    taught: lessons.filter((lesson) => part.get(sourceOf(lesson)) !== i),
    held: lessons.filter((lesson) => part.get(sourceOf(lesson)) === i),
  }));
}
