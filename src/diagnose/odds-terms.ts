// Ratios as numbers in a row, and looks as sums over them: the catalogue's judgement in a form that can be fitted.
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import { alertRatio, priorOfNone } from "./rank.ts";
import type { StudyView } from "./study.ts";

/** Parameters of one symptom: log ratio when present at `2i`, when absent at `2i + 1`. */
export interface OddsLayout {
  readonly start: Float64Array;
  /** Log of what is left for "none of them". */
  readonly none: number;
  readonly modes: ReadonlyMap<string, ModeLayout>;
}

export interface ModeLayout {
  readonly mode: FailureMode;
  readonly symptomsAt: number;
  readonly discriminatorsAt: number;
}

/** A view as sums over parameters: what counts alone, and families that count once. */
export interface Terms {
  readonly view: StudyView;
  readonly bias: number;
  /** Places of parameters that are added, and that are taken away. */
  readonly plus: Int32Array;
  readonly minus: Int32Array;
  readonly families: readonly (readonly Term[])[];
}

interface Term {
  readonly at: number;
  readonly sign: 1 | -1;
}

/** The catalogue's log ratios in a row. */
export function layOut(catalogue: readonly FailureMode[]): OddsLayout {
  const start: number[] = [];
  const modes = new Map<string, ModeLayout>();
  const add = ({ present, absent }: SymptomSpec): void => {
    const [p, a] = [Math.log(present), Math.log(absent)];
    start.push(p, a);
  };
  for (const mode of catalogue) {
    const symptomsAt = start.length;
    mode.symptoms.forEach(add);
    const discriminatorsAt = start.length;
    mode.discriminators.forEach(add);
    modes.set(mode.id, { mode, symptomsAt, discriminatorsAt });
  }
  return { start: Float64Array.from(start), modes, none: Math.log(priorOfNone(catalogue)) };
}

/** Undefined for a view of another catalogue. */
export function termsOf(view: StudyView, { modes }: OddsLayout): Terms | undefined {
  const layout = modes.get(view.mode);
  if (layout === undefined) return undefined;
  const { mode, symptomsAt, discriminatorsAt } = layout;
  if (view.symptoms.length !== mode.symptoms.length || view.discriminators.length !== mode.discriminators.length)
    return undefined;
  const alone: Term[] = [];
  const families = new Map<string, Term[]>();
  const add = (letters: string, specs: readonly SymptomSpec[], from: number, sign: 1 | -1): void => {
    for (let i = 0; i < letters.length; i++) {
      if (letters[i] === "u") continue;
      const term: Term = { at: from + 2 * i + (letters[i] === "p" ? 0 : 1), sign };
      const family = specs[i]!.family;
      if (family === undefined) alone.push(term);
      else families.set(family, [...(families.get(family) ?? []), term]);
    }
  };
  add(view.symptoms, mode.symptoms, symptomsAt, 1);
  add(view.discriminators, mode.discriminators, discriminatorsAt, -1);
  const bias = Math.log(mode.prior) + (view.alert ? Math.log(alertRatio) : 0);
  const places = (wanted: 1 | -1): Int32Array =>
    Int32Array.from(
      alone.filter(({ sign }) => sign === wanted),
      ({ at }) => at,
    );
  return { view, bias, plus: places(1), minus: places(-1), families: [...families.values()] };
}

/** Log odds of the mode there, its prior included. */
export function scoreOf({ bias, plus, minus, families }: Terms, theta: Float64Array): number {
  let sum = bias;
  for (let i = 0; i < plus.length; i++) sum += theta[plus[i]!]!;
  for (let i = 0; i < minus.length; i++) sum -= theta[minus[i]!]!;
  for (const family of families) {
    const { at, sign } = chosen(family, theta);
    sum += sign * theta[at]!;
  }
  return sum;
}

/** Adds `by` times the gradient of {@link scoreOf}. */
export function descend(
  { plus, minus, families }: Terms,
  theta: Float64Array,
  by: number,
  gradient: Float64Array,
): void {
  for (let i = 0; i < plus.length; i++) gradient[plus[i]!]! += by;
  for (let i = 0; i < minus.length; i++) gradient[minus[i]!]! -= by;
  for (const family of families) {
    const { at, sign } = chosen(family, theta);
    gradient[at]! += sign * by;
  }
}

/** The most that speaks for the mode, or where nothing does the most that speaks against it. */
function chosen(family: readonly Term[], theta: Float64Array): Term {
  let best = family[0]!;
  for (const term of family) {
    const [value, before] = [term.sign * theta[term.at]!, best.sign * theta[best.at]!];
    if (value > 0 ? value > before : before <= 0 && value < before) best = term;
  }
  return best;
}
