// The catalogue's ratios fitted to incidents whose cause is known: as far from what experts wrote as the incidents ask for, no further.
import type { EntityId } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { OddsTable } from "./fitted-odds.ts";
import { descend, layOut, type OddsLayout, scoreOf, type Terms, termsOf } from "./odds-terms.ts";
import type { StudyView } from "./study.ts";

/** A look whose truth is known. */
export interface KnownCase {
  /** Slugs, any of which is right; empty: nothing was wrong. */
  readonly truth: readonly string[];
  /** One of these is the right place; empty: it is not known. */
  readonly places: ReadonlySet<EntityId>;
  readonly weight: number;
  readonly views: readonly StudyView[];
}

export interface FitOptions {
  /** How strongly the catalogue's own odds are held to: the weight of one case for each nat squared. > 0. */
  readonly pull: number;
  readonly passes?: number;
  readonly onPass?: (pass: number, loss: number) => void;
}

/** Ratios, in nats, that no fit goes beyond, and how far one may move from what was written. */
const leastLog = Math.log(1.02);
const mostLog = Math.log(60);
const moveMax = Math.log(2);
const defaultPasses = 250;
const rate = 0.05;
/** A mode that is so unlikely gives no gradient worth its time. */
const negligible = 1e-6;
/** What moved less is left as it was written. */
const toldFrom = Math.log(1.1);

interface Case {
  readonly weight: number;
  readonly hasTruth: boolean;
  /** A list a mode. */
  readonly terms: readonly (readonly Terms[])[];
  readonly right: readonly (readonly Terms[])[];
}

/**
 * Maximum conditional likelihood of the true cause (at its right place) among all modes and "none of them", with a Gaussian prior around
 * the catalogue's own log ratios: the discriminative counterpart of naive Bayes (Ng and Jordan, On discriminative vs. generative classifiers,
 * 2001), which does not count what always comes together twice. Families count once and modes are judged where they are strongest, as
 * {@link rank} does; gradients follow whichever term and place is chosen (subgradients), by Adam (Kingma and Ba 2014).
 *
 * A ratio keeps its direction, moves by a factor of 2 at most, and absence that says nothing goes on saying nothing. Cases in which no
 * symptom of the true cause shows teach nothing and are left out, as are views of another catalogue.
 */
export function fitOdds(
  catalogue: readonly FailureMode[],
  cases: readonly KnownCase[],
  { pull, passes = defaultPasses, onPass }: FitOptions,
): OddsTable {
  const layout = layOut(catalogue);
  const { none } = layout;
  const { low, high } = limitsOf(layout.start);
  const prepared = cases.flatMap((one) => prepare(one, layout));
  const theta = layout.start.slice();
  const gradient = new Float64Array(theta.length);
  const mean = new Float64Array(theta.length);
  const spread = new Float64Array(theta.length);
  for (let pass = 1; pass <= passes; pass++) {
    gradient.fill(0);
    let loss = 0;
    for (const one of prepared) loss += addGradient(one, theta, none, gradient);
    for (let i = 0; i < theta.length; i++) {
      const away = theta[i]! - layout.start[i]!;
      loss += pull * away * away;
      const slope = gradient[i]! + 2 * pull * away;
      mean[i] = 0.9 * mean[i]! + 0.1 * slope;
      spread[i] = 0.999 * spread[i]! + 0.001 * slope * slope;
      const step = (rate * (mean[i]! / (1 - 0.9 ** pass))) / (Math.sqrt(spread[i]! / (1 - 0.999 ** pass)) + 1e-8);
      theta[i] = Math.min(high[i]!, Math.max(low[i]!, theta[i]! - step * (1 - pass / (passes + 1))));
    }
    onPass?.(pass, loss);
  }
  return tableOf(layout, theta);
}

/** How low and how high each may go. */
function limitsOf(start: Float64Array): { readonly low: Float64Array; readonly high: Float64Array } {
  const bound = (toward: (log: number, isPresent: boolean) => number): Float64Array =>
    start.map((log, i) => (i % 2 === 1 && log === 0 ? 0 : toward(log, i % 2 === 0)));
  return {
    low: bound((log, isPresent) =>
      isPresent ? Math.min(log, Math.max(leastLog, log - moveMax)) : Math.max(-mostLog, log - moveMax),
    ),
    high: bound((log, isPresent) =>
      isPresent ? Math.max(log, Math.min(mostLog, log + moveMax)) : Math.min(0, log + moveMax),
    ),
  };
}

function prepare({ truth, places, weight, views }: KnownCase, layout: OddsLayout): readonly Case[] {
  const terms = views.flatMap((view) => termsOf(view, layout) ?? []);
  const isRight = ({ view: { mode, entity } }: Terms): boolean =>
    truth.includes(mode) && (places.size === 0 || places.has(entity));
  const right = terms.filter(isRight);
  if (truth.length > 0 && right.length === 0) return [];
  return [{ weight, hasTruth: truth.length > 0, terms: byMode(terms), right: byMode(right) }];
}

function byMode(terms: readonly Terms[]): readonly (readonly Terms[])[] {
  const lists = new Map<string, Terms[]>();
  for (const one of terms) lists.set(one.view.mode, [...(lists.get(one.view.mode) ?? []), one]);
  return [...lists.values()];
}

/** The case's loss; its gradient is added to `gradient`. */
function addGradient(
  { weight, hasTruth, terms, right }: Case,
  theta: Float64Array,
  none: number,
  gradient: Float64Array,
): number {
  const push = (scored: readonly Scored[], rest: number, by: number): number => {
    const total = logTotal(scored, rest);
    for (const { terms, score } of scored) {
      const share = Math.exp(score - total);
      if (share > negligible) descend(terms, theta, by * share, gradient);
    }
    return total;
  };
  const all = push(strongest(terms, theta), none, weight);
  const wanted = hasTruth ? push(strongest(right, theta), Number.NEGATIVE_INFINITY, -weight) : none;
  return weight * (all - wanted);
}

interface Scored {
  readonly terms: Terms;
  readonly score: number;
}

/** Each mode where its evidence is strongest. */
function strongest(modes: readonly (readonly Terms[])[], theta: Float64Array): readonly Scored[] {
  return modes.map((places) => {
    let best: Scored | undefined;
    for (const terms of places) {
      const score = scoreOf(terms, theta);
      if (best === undefined || score > best.score) best = { terms, score };
    }
    return best!;
  });
}

/** Logarithm of the sum of all that may be, `rest` (in logs) among it. */
function logTotal(scored: readonly Scored[], rest: number): number {
  const top = Math.max(rest, ...scored.map(({ score }) => score));
  return top + Math.log(scored.reduce((sum, { score }) => sum + Math.exp(score - top), Math.exp(rest - top)));
}

/** What a catalogue makes of a look: each mode with its probability at the place where it is likeliest, likeliest first. */
export function judged(
  layout: OddsLayout,
  views: readonly StudyView[],
): readonly { readonly mode: string; readonly entity: EntityId; readonly probability: number }[] {
  const scored = strongest(byMode(views.flatMap((view) => termsOf(view, layout) ?? [])), layout.start);
  const total = logTotal(scored, layout.none);
  return scored
    .map(({ terms: { view }, score }) => ({
      mode: view.mode,
      entity: view.entity,
      probability: Math.exp(score - total),
    }))
    .sort((a, b) => b.probability - a.probability || (a.mode < b.mode ? -1 : 1));
}

function tableOf({ modes, start }: OddsLayout, theta: Float64Array): OddsTable {
  const round = (log: number): number => Number(Math.exp(log).toPrecision(3));
  const table: Record<string, Record<string, { from: [number, number]; to: [number, number] }>> = {};
  for (const [id, { mode, symptomsAt, discriminatorsAt }] of modes) {
    const parts = [
      [mode.symptoms, symptomsAt],
      [mode.discriminators, discriminatorsAt],
    ] as const;
    for (const [specs, from] of parts) {
      for (const [i, spec] of specs.entries()) {
        const at = from + 2 * i;
        const moved = Math.max(Math.abs(theta[at]! - start[at]!), Math.abs(theta[at + 1]! - start[at + 1]!));
        if (moved < toldFrom) continue;
        const entry = { from: [spec.present, spec.absent], to: [round(theta[at]!), round(theta[at + 1]!)] };
        table[id] = { ...table[id], [spec.id]: entry as { from: [number, number]; to: [number, number] } };
      }
    }
  }
  return table;
}
