// How well log lines are grouped into templates, and how fast: `logs.ts [DIR]`, DIR holding folders as the log parsing
// benchmarks have them (`*_structured*.csv`). One configuration for all of them; Drain3 on the same lines in the same run.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createTemplateBook, type TemplateBook } from "../src/detect/logs/template-book.ts";
import { seededRandom } from "../src/math/random.ts";
import { startDrain3 } from "./lib/drain3.ts";
import { type Accuracy, accuracyOf, type LogSet, readLogSets } from "./lib/log-sets.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";

/** A hundred thousand lines a set: minutes of a busy service. */
const PASSES = 50;
const ROUNDS = 5;
const dir = process.argv[2] ?? fileURLToPath(new URL("../../shared/data/logs", import.meta.url));
const sets = existsSync(dir) ? readLogSets(dir) : [];
if (sets.length === 0) {
  process.stderr.write(`no folder with a *_structured*.csv under ${dir}: give one as the argument\n`);
  process.exit(2);
}

const random = seededRandom(1);
const drain = await startDrain3((text) => process.stderr.write(`${text}\n`));
const sides = { ours: side(), theirs: side() };
for (const set of sets) {
  const stream = redrawn(set.lines);
  // Once to the end for the compiler.
  for (let i = 0; i < 3; i++) measure(set.lines, stream);
  const rounds = Array.from({ length: ROUNDS }, () => measure(set.lines, stream));
  const mine = grouped(set);
  sides.ours.accuracy.push(mine);
  sides.ours.cold.push(set.lines.length / median(rounds.map((round) => round.coldS)));
  sides.ours.steady.push(stream.length / median(rounds.map((round) => round.steadyS)));
  line(set.name, "homeostat", sides.ours);
  if (drain === undefined) continue;
  const cold = await drain.run(set.lines, [], ROUNDS);
  const steady = await drain.run(set.lines, stream, ROUNDS);
  sides.theirs.accuracy.push(accuracyOf(set.templates, cold.ids.map(String), cold.texts));
  sides.theirs.cold.push(set.lines.length / median(cold.seconds));
  sides.theirs.steady.push(stream.length / median(steady.seconds));
  line(set.name, "drain3", sides.theirs);
}
drain?.stop();

const figures = summary(sides.ours);
const drainFigures = summary(sides.theirs);
const ratios = {
  ratio_vs_drain3: round1(figures.lines_per_s_per_core / drainFigures.lines_per_s_per_core),
  cold_ratio_vs_drain3: round1(figures.cold_lines_per_s_per_core / drainFigures.cold_lines_per_s_per_core),
};
printReport({
  bench: "logs",
  figures: { ...figures, ...(drain === undefined ? {} : ratios), sets: sets.length },
  goals: [
    { figure: "ga", op: ">=", goal: 0.9 },
    { figure: "fga", op: ">=", goal: 0.8 },
    { figure: "fta", op: ">=", goal: 0.45 },
    { figure: "ratio_vs_drain3", op: ">=", goal: 10 },
  ],
  peers: drain === undefined ? {} : { drain3: drainFigures },
});

interface Side {
  readonly accuracy: Accuracy[];
  /** Lines per CPU second over the set once, into an empty book. */
  readonly cold: number[];
  /** The same over a stream that follows on it. */
  readonly steady: number[];
}

function side(): Side {
  return { accuracy: [], cold: [], steady: [] };
}

function newBook(): TemplateBook {
  return createTemplateBook({ maxTemplates: 10_000, maxForms: 100_000 });
}

/** The lines many times over, digits drawn anew each time, so that no line is one seen before; lengths stay. */
function redrawn(lines: readonly string[]): string[] {
  const draw = (text: string): string => text.replace(/\d/g, () => String(Math.floor(random() * 10)));
  return Array.from({ length: PASSES }, () => lines.map(draw)).flat();
}

function measure(lines: readonly string[], stream: readonly string[]): { coldS: number; steadyS: number } {
  const book = newBook();
  const start = process.cpuUsage();
  for (const text of lines) book.add(text);
  const coldS = cpuSecondsSince(start);
  const next = process.cpuUsage();
  for (const text of stream) book.add(text);
  return { coldS, steadyS: cpuSecondsSince(next) };
}

/** Groups as they stand once all lines were seen, as for Drain3's texts. */
function grouped(set: LogSet): Accuracy {
  const book = newBook();
  const found = set.lines.map((text) => book.add(text));
  return accuracyOf(
    set.templates,
    found.map((template) => book.resolve(template).id),
    found.map((template) => book.text(template)),
  );
}

function summary(of: Side) {
  return {
    ...means(of.accuracy),
    lines_per_s_per_core: Math.round(harmonic(of.steady)),
    cold_lines_per_s_per_core: Math.round(harmonic(of.cold)),
  };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
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

function line(set: string, who: string, of: Side): void {
  const a = of.accuracy.at(-1)!;
  const shares = [a.ga, a.fga, a.pa, a.fta].map((share) => share.toFixed(3)).join("  ");
  const rates = `${Math.round(of.steady.at(-1)!)} lines/s, cold ${Math.round(of.cold.at(-1)!)}`;
  process.stdout.write(
    `${set.padEnd(14)} ${who.padEnd(10)} ga/fga/pa/fta ${shares}  groups ${a.groups} of ${a.trueGroups}  ${rates}\n`,
  );
}
