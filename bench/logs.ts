// How well log lines are grouped into templates, and how fast: `logs.ts [DIR]`, DIR holding folders as the log parsing
// benchmarks have them (`*_structured*.csv`). One configuration for all of them; Drain3 on the same lines in the same run.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createTemplateBook } from "../src/detect/logs/template-book.ts";
import { startDrain3 } from "./lib/drain3.ts";
import { type Accuracy, accuracyOf, type LogSet, readLogSets } from "./lib/log-sets.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";

const ROUNDS = 5;
const DRAIN_ROUNDS = 3;
/** Ours runs over the lines this often a round: once is over before the clock of CPU time has moved enough. */
const REPEATS = 20;
const dir = process.argv[2] ?? fileURLToPath(new URL("../../shared/data/logs", import.meta.url));
const sets = existsSync(dir) ? readLogSets(dir) : [];
if (sets.length === 0) {
  process.stderr.write(`no folder with a *_structured*.csv under ${dir}: give one as the argument\n`);
  process.exit(2);
}

const drain = await startDrain3((text) => process.stderr.write(`${text}\n`));
const ours: Accuracy[] = [];
const theirs: Accuracy[] = [];
const rates: number[] = [];
const drainRates: number[] = [];
for (const set of sets) {
  const mine = judged(set);
  ours.push(mine.accuracy);
  rates.push(mine.linesPerS);
  line(set.name, "homeostat", mine.accuracy, mine.linesPerS);
  if (drain === undefined) continue;
  const answer = await drain.run(set.lines, DRAIN_ROUNDS);
  const accuracy = accuracyOf(set.templates, answer.ids.map(String), answer.texts);
  theirs.push(accuracy);
  drainRates.push(set.lines.length / median(answer.seconds));
  line(set.name, "drain3", accuracy, drainRates.at(-1)!);
}
drain?.stop();

const figures = { ...means(ours), lines_per_s_per_core: Math.round(harmonic(rates)) };
const drainFigures = { ...means(theirs), lines_per_s_per_core: Math.round(harmonic(drainRates)) };
const ratio = figures.lines_per_s_per_core / drainFigures.lines_per_s_per_core;
printReport({
  bench: "logs",
  figures: {
    ...figures,
    ...(drain === undefined ? {} : { ratio_vs_drain3: Math.round(ratio * 10) / 10 }),
    sets: sets.length,
  },
  goals: [
    { figure: "ga", op: ">=", goal: 0.9 },
    { figure: "fga", op: ">=", goal: 0.8 },
    { figure: "fta", op: ">=", goal: 0.45 },
    { figure: "ratio_vs_drain3", op: ">=", goal: 10 },
  ],
  peers: drain === undefined ? {} : { drain3: drainFigures },
});

function newBook() {
  return createTemplateBook({ maxTemplates: 10_000, maxForms: 100_000 });
}

/** Groups as they stand once all lines were seen, as for Drain3's texts; rates are of books that start empty. */
function judged(set: LogSet): { accuracy: Accuracy; linesPerS: number } {
  const book = newBook();
  const found = set.lines.map((text) => book.add(text));
  const accuracy = accuracyOf(
    set.templates,
    found.map((template) => book.resolve(template).id),
    found.map((template) => book.text(template)),
  );
  const measured: number[] = [];
  for (let round = 0; round < ROUNDS + 1; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < REPEATS; i++) {
      const fresh = newBook();
      for (const text of set.lines) fresh.add(text);
    }
    // The first round is for the compiler.
    if (round > 0) measured.push((REPEATS * set.lines.length) / cpuSecondsSince(start));
  }
  return { accuracy, linesPerS: median(measured) };
}

function means(all: readonly Accuracy[]): Record<"ga" | "fga" | "pa" | "fta", number> {
  const mean = (of: (one: Accuracy) => number): number =>
    Math.round((all.reduce((sum, one) => sum + of(one), 0) / all.length) * 1e4) / 1e4;
  return {
    ga: mean((one) => one.ga),
    fga: mean((one) => one.fga),
    pa: mean((one) => one.pa),
    fta: mean((one) => one.fta),
  };
}

/** Lines per second over all sets, each with as many lines. */
function harmonic(values: readonly number[]): number {
  return values.length / values.reduce((sum, value) => sum + 1 / value, 0);
}

function line(set: string, who: string, a: Accuracy, linesPerS: number): void {
  const shares = [a.ga, a.fga, a.pa, a.fta].map((share) => share.toFixed(3)).join("  ");
  process.stdout.write(
    `${set.padEnd(14)} ${who.padEnd(10)} ga/fga/pa/fta ${shares}  groups ${a.groups} of ${a.trueGroups}  ${Math.round(linesPerS)} lines/s\n`,
  );
}
