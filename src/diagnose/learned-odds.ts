// What engineers say of diagnoses moves the catalogue's odds: a little for one voice, more as voices agree.
import type { Evidence } from "../model/evidence.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { DiagnosisVerdict } from "../model/feedback.ts";
import type { Diagnosis, RankedCause } from "../model/incident.ts";
import { tellAbsentBelow, tellUnknownFrom } from "./rank.ts";
import { plainSentence } from "./words.ts";

/** Imagined incidents that stand behind the catalogue's priors, and behind each of its rates: so many voices weigh as much. */
const priorStrength = 100;
const rateStrength = 50;
const causesKept = 5;
const none = "";

/**
 * The catalogue as verdicts moved it; verdicts that were taken back count nothing.
 *
 * Priors: Dirichlet-multinomial over the modes and "none of them" (Gelman et al., Bayesian Data Analysis, 3.4), with the catalogue's
 * priors p as mean: `p' = (S p + n) / (S + N)`, S = 100, n = verdicts whose true cause is the mode, N = all verdicts. A confirmation
 * counts 1 for what was diagnosed, a denial 1 for the cause that is named; a denial that names none is shared out among everything
 * but the denied mode, by what was thought of it then (one step of expectation maximisation).
 *
 * Ratios: a symptom's `present` = s / f and `absent` = (1 - s) / (1 - f), where s and f are how often it shows with the mode and without.
 * Solved for s and f, each is the mean of a Beta distribution of weight K = 50: `s' = (K s + seen) / (K + looked)`, s over the
 * diagnoses whose true cause is the mode, f over those where the mode was thought of and it was another.
 *
 * So one confirmation takes a prior of 0.12 to 0.129, and a rate of 0.9 to 0.902. Blind to: symptoms whose absence says nothing
 * (`absent` = 1), what code shows and what tells modes apart, which have no rates to learn and stay; incidents nobody judged; that people rather judge
 * what they doubt.
 */
export function learnedModes(
  catalogue: readonly FailureMode[],
  verdicts: readonly DiagnosisVerdict[],
): readonly FailureMode[] {
  const counted = verdicts.filter(({ undone }) => undone === undefined);
  if (counted.length === 0) return catalogue;
  const known = new Set(catalogue.map(({ id }) => id));
  const voices = new Map<string, number>();
  for (const verdict of counted) {
    for (const [mode, share] of trueCauses(verdict)) {
      const name = known.has(mode) ? mode : none;
      voices.set(name, (voices.get(name) ?? 0) + share);
    }
  }
  const rates = countRates(counted);
  return catalogue.map((mode) => ({
    ...mode,
    prior: (priorStrength * mode.prior + (voices.get(mode.id) ?? 0)) / (priorStrength + counted.length),
    symptoms: mode.symptoms.map((spec) => learnedSymptom(spec, rates.get(`${mode.id} ${spec.id}`))),
  }));
}

/** What a verdict on the diagnosis will need when the diagnosis is long gone: what was thought, and what was seen. */
export function lessonOf(
  { causes }: Diagnosis,
  catalogue: readonly FailureMode[],
): Pick<DiagnosisVerdict, "shares" | "observed"> {
  const kept = causes.slice(0, causesKept);
  return {
    shares: Object.fromEntries(kept.map(({ failureMode, probability }) => [failureMode, probability])),
    observed: kept.flatMap((cause) => {
      const mode = catalogue.find(({ id }) => id === cause.failureMode);
      if (mode === undefined) return [];
      const looked = mode.symptoms.filter(hasRates).map((spec) => [spec.id, lookFor(spec, cause)] as const);
      const those = (state: boolean): string[] => looked.flatMap(([id, seen]) => (seen === state ? [id] : []));
      return [{ failureMode: mode.id, seen: those(true), unseen: those(false) }];
    }),
  };
}

/** Shares of one voice by mode; the empty name is "none of them". */
function trueCauses({ verdict, failureMode, rightCause, shares }: DiagnosisVerdict): ReadonlyMap<string, number> {
  if (verdict === "confirm") return new Map([[failureMode, 1]]);
  if (rightCause !== undefined) return new Map([[rightCause, 1]]);
  const others = Object.entries(shares).filter(([mode, share]) => mode !== failureMode && share > 0);
  const left = 1 - (Object.hasOwn(shares, failureMode) ? shares[failureMode]! : 0);
  const named = others.reduce((sum, [, share]) => sum + share, 0);
  if (left <= 1e-6 || named > left + 1e-6) return new Map([[none, 1]]);
  return new Map([...others.map(([mode, share]) => [mode, share / left] as const), [none, 1 - named / left]]);
}

interface Rates {
  /** Times it was seen and times it was looked for: with the mode as the true cause, and without. */
  readonly withIt: { seen: number; looked: number };
  readonly without: { seen: number; looked: number };
}

function countRates(verdicts: readonly DiagnosisVerdict[]): ReadonlyMap<string, Rates> {
  const rates = new Map<string, Rates>();
  for (const { verdict, failureMode: judged, rightCause, observed } of verdicts) {
    const truth = verdict === "confirm" ? judged : rightCause;
    for (const { failureMode, seen, unseen } of observed) {
      // Denied and nothing named: of the other causes it is not known whether it was them.
      if (truth === undefined && failureMode !== judged) continue;
      for (const [ids, isSeen] of [[seen, 1] as const, [unseen, 0] as const]) {
        for (const id of ids) {
          const key = `${failureMode} ${id}`;
          const entry = rates.get(key) ?? { withIt: { seen: 0, looked: 0 }, without: { seen: 0, looked: 0 } };
          rates.set(key, entry);
          const side = failureMode === truth ? entry.withIt : entry.without;
          side.looked += 1;
          side.seen += isSeen;
        }
      }
    }
  }
  return rates;
}

function learnedSymptom(spec: SymptomSpec, rates: Rates | undefined): SymptomSpec {
  if (rates === undefined || spec.absent >= 1) return spec;
  const usual = (1 - spec.absent) / (spec.present - spec.absent);
  const s = learnedRate(spec.present * usual, rates.withIt);
  const f = learnedRate(usual, rates.without);
  // Beyond that the symptom would speak against its own mode: then it says nothing.
  return { ...spec, present: Math.max(1, s / f), absent: Math.min(1, (1 - s) / (1 - f)) };
}

function learnedRate(mean: number, { seen, looked }: Rates["withIt"]): number {
  return (rateStrength * mean + seen) / (rateStrength + looked);
}

/** Whether a diagnosis tells the symptom's absence from nobody having looked. */
function hasRates({ present, absent, source }: SymptomSpec): boolean {
  return source.kind !== "code" && absent < 1 && (absent <= tellAbsentBelow || present / absent >= tellUnknownFrom);
}

/** Undefined: could not be looked up. */
function lookFor(spec: SymptomSpec, cause: RankedCause): boolean | undefined {
  if (cause.for.some((evidence) => shows(evidence, spec))) return true;
  if (cause.unknown?.includes(plainSentence(spec.says))) return undefined;
  if (spec.present / spec.absent >= tellUnknownFrom) return false;
  return cause.against.some(({ subject }) => subject === spec.id) ? false : undefined;
}

function shows(evidence: Evidence, { id, says, source }: SymptomSpec): boolean {
  if (source.kind === "expr") return evidence.kind === "signal" && evidence.subject === id;
  if (source.kind === "log" || source.kind === "requests")
    return evidence.kind === source.kind && evidence.subject === id;
  // Anomalies and changes are told by what they are of; their sentence begins as the symptom's does.
  const opening = says.split(/\s*[({]/, 1)[0]!;
  return evidence.kind === source.kind && evidence.says.includes(`: ${opening}`);
}
