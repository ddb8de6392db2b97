// Which failure mode explains what is seen: naive Bayes over the modes and "none of them", in log odds.
import type { Alert } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { PathStep, RankedCause } from "../model/incident.ts";
import { aftermathOf, isForgiven } from "./aftermath.ts";
import type { Look } from "./look.ts";
import type { Finding } from "./scene.ts";
import { kindOf } from "./topology.ts";
import { plainSentence, shortName } from "./words.ts";

/** A rule that points at the mode repeats what the symptoms say, so it counts little. */
export const alertRatio = 2;
/** No list of modes is complete: at least this much is left for what is not on it. */
const nonePriorMin = 0.05;
/** How far the evidence of replicas may differ and still be of one thing; how many of them make a deployment. */
const alikeLogOdds = 1.5;
/** So many times likelier there than nothing at all: a replica that shows the mode by itself, however much more another shows. */
const sureOdds = 9;
const everywhereShare = 0.6;
/** What could not be looked up is worth telling where it would have changed the odds so much. */
export const tellUnknownFrom = 3;
/** Absence of what nearly always shows is worth telling. */
export const tellAbsentBelow = 0.5;

interface Judged {
  readonly mode: FailureMode;
  readonly location: EntityId;
  readonly logOdds: number;
  readonly for: readonly { readonly weight: number; readonly evidence: Evidence }[];
  readonly against: readonly { readonly weight: number; readonly evidence: Evidence }[];
  readonly path: readonly PathStep[];
  readonly unknown: readonly string[];
  readonly everywhere?: EntityId;
}

/**
 * Ranks the modes (all of the catalogue, or those {@link inQuestion}) by posterior probability, each at the entity where its evidence is strongest. The probabilities and the
 * one of "none of them" add up to 1. Modes with nothing in their favour are left out.
 *
 * Naive Bayes (Duda, Hart, Stork, Pattern Classification, 2.12) takes symptoms as independent given the mode, which they
 * are not: where they are views of one thing, the catalogue puts them into a family, which counts once.
 * It is blind to modes that are not in the catalogue and to two modes at once, but for what `settled`, the mode that led so far, brings about.
 */
export function rank(
  modes: readonly FailureMode[],
  nonePrior: number,
  scope: EntityId,
  entities: readonly EntityId[],
  look: Look,
  alerts: readonly Alert[],
  at: number,
  settled?: FailureMode,
): readonly RankedCause[] {
  const judged = modes.flatMap((mode) => {
    const places = entities
      .filter((entity) => mode.at.some((kind) => kind === kindOf(entity)))
      .map((entity) => judge(mode, entity, look, alerts, at, settled));
    // Where nothing is known the odds are better than where something speaks for it and something against.
    const seen = places.filter((one) => one.for.length > 0);
    if (seen.length === 0) return [];
    const best = seen.reduce((a, b) => (b.logOdds > a.logOdds ? b : a));
    return [isEverywhere(best, places, nonePrior) ? { ...best, everywhere: scope } : best];
  });
  const weights = judged.map(({ mode, logOdds }) => {
    const more = settled?.id === mode.id ? aftermathOf(settled, judged) : 0;
    return mode.prior * Math.exp(logOdds + more);
  });
  const total = nonePrior + weights.reduce((sum, weight) => sum + weight, 0);
  return judged
    .map((one, i) => toCause(one, weights[i]! / total))
    .sort((a, b) => b.probability - a.probability || (a.failureMode < b.failureMode ? -1 : 1));
}

/** What is left for "none of them" by the whole catalogue. */
export function priorOfNone(catalogue: readonly FailureMode[]): number {
  return Math.max(nonePriorMin, 1 - catalogue.reduce((sum, { prior }) => sum + prior, 0));
}

/** The modes that a symptom or an alert speaks for, wherever: only of these it matters what they are told from. */
export function inQuestion(
  catalogue: readonly FailureMode[],
  entities: readonly EntityId[],
  look: Look,
  alerts: readonly Alert[],
): readonly FailureMode[] {
  return catalogue.filter(
    ({ id, at, symptoms }) =>
      alerts.some(({ failureMode }) => failureMode === id) ||
      entities.some(
        (entity) =>
          at.some((kind) => kind === kindOf(entity)) && symptoms.some((spec) => look(spec, entity).state === "present"),
      ),
  );
}

/** Whether most replicas show about the same as the worst of them, or are surely in it too: bursts are not of one moment. */
function isEverywhere(best: Judged, places: readonly Judged[], nonePrior: number): boolean {
  const kind = kindOf(best.location);
  const sure = Math.log((sureOdds * nonePrior) / best.mode.prior);
  const least = Math.min(best.logOdds - alikeLogOdds, sure);
  const peers = places.filter(({ location }) => kindOf(location) === kind);
  const alike = peers.filter((one) => one.for.length > 0 && one.logOdds >= least);
  // Nodes are not all of a deployment's own: two that fail alike are no trouble of either.
  if (kind === "node") return alike.length >= 2;
  return kind === "replica" && alike.length >= Math.max(2, everywhereShare * peers.length);
}

function judge(
  mode: FailureMode,
  entity: EntityId,
  look: Look,
  alerts: readonly Alert[],
  at: number,
  settled: FailureMode | undefined,
): Judged {
  const odds = createOdds();
  const pro: { weight: number; evidence: Evidence }[] = [];
  const con: { weight: number; evidence: Evidence }[] = [];
  const findings = new Map<string, Finding>();
  const unknown: string[] = [];
  for (const spec of mode.symptoms) {
    const finding = look(spec, entity);
    findings.set(spec.id, finding);
    // That no repository is known, or nothing fails in one, is no gap of telemetry.
    if (finding.state === "unknown" && spec.source.kind !== "code" && spec.present / spec.absent >= tellUnknownFrom)
      unknown.push(plainSentence(spec.says));
    if (finding.state === "present") {
      const weight = Math.log(spec.present);
      odds.add(weight, spec.family);
      pro.push({ weight, evidence: finding.evidence });
      for (const evidence of finding.further ?? []) pro.push({ weight: 0, evidence });
    } else if (finding.state === "absent") {
      odds.add(Math.log(spec.absent), spec.family);
      if (spec.absent <= tellAbsentBelow)
        con.push({ weight: -Math.log(spec.absent), evidence: missing(spec, entity, at) });
    }
  }
  for (const spec of mode.discriminators) {
    if (isForgiven(mode, spec.against, settled)) continue;
    const finding = look(spec, entity);
    if (finding.state === "present") {
      const weight = Math.log(spec.present);
      odds.add(-weight, spec.family);
      const says = `${finding.evidence.says}, which rather means ${spec.against}`;
      con.push({ weight, evidence: { ...finding.evidence, says } });
    } else if (finding.state === "absent") odds.add(-Math.log(spec.absent), spec.family);
    else if (spec.present >= tellUnknownFrom) unknown.push(plainSentence(spec.says));
  }
  const alert = alerts.find((one) => one.failureMode === mode.id && (one.entity ?? entity) === entity);
  if (alert !== undefined) {
    const weight = Math.log(alertRatio);
    odds.add(weight);
    const says = `${shortName(entity)}: the rule ${alert.rule} fires`;
    pro.push({
      weight,
      evidence: {
        kind: "alert",
        says,
        at: alert.activeAt,
        entity,
        subject: alert.rule,
        observed: alert.value,
        ref: alert.id,
      },
    });
  }
  return {
    mode,
    location: entity,
    logOdds: odds.total(),
    for: pro,
    against: con,
    path: pathOf(mode, findings, pro),
    unknown,
  };
}

/** Log odds added up, those of a family as one: the most that speaks for it, or where nothing does the most that speaks against it. */
function createOdds(): { add(logRatio: number, family?: string): void; total(): number } {
  let alone = 0;
  const families = new Map<string, number>();
  return {
    add(logRatio, family) {
      if (family === undefined) {
        alone += logRatio;
        return;
      }
      const before = families.get(family);
      const isStronger = before === undefined || (logRatio > 0 ? logRatio > before : before <= 0 && logRatio < before);
      if (isStronger) families.set(family, logRatio);
    },
    total: () => [...families.values()].reduce((sum, logRatio) => sum + logRatio, alone),
  };
}

/**
 * The mode's own way, without the steps that are known not to be there; a change that set it off comes first. A step whose absence tells
 * little, on the way to one that is seen, is taken to have been passed.
 */
function pathOf(
  mode: FailureMode,
  findings: ReadonlyMap<string, Finding>,
  pro: readonly { readonly evidence: Evidence }[],
): readonly PathStep[] {
  const change = pro.find(({ evidence }) => evidence.kind === "change")?.evidence;
  const stateOf = (symptom: string | undefined): Finding | undefined =>
    symptom === undefined ? undefined : findings.get(symptom);
  const lastSeen = mode.path.findLastIndex(({ symptom }) => stateOf(symptom)?.state === "present");
  const telling = new Set(mode.symptoms.filter(({ absent }) => absent <= tellAbsentBelow).map(({ id }) => id));
  const steps = mode.path.flatMap(({ step, symptom }, i): readonly PathStep[] => {
    const finding = stateOf(symptom);
    if (finding?.state === "present") return [{ id: step, state: "seen", evidence: finding.evidence }];
    const isPassed = i < lastSeen && symptom !== undefined && !telling.has(symptom);
    return finding?.state === "absent" && !isPassed ? [] : [{ id: step, state: "presumed" }];
  });
  return change === undefined ? steps : [{ id: "change", state: "seen", evidence: change }, ...steps];
}

function missing(spec: SymptomSpec, entity: EntityId, at: number): Evidence {
  const says = `${shortName(entity)}: not seen, though it would be expected: ${plainSentence(spec.says)}`;
  return { kind: spec.source.kind === "expr" ? "signal" : spec.source.kind, says, at, entity, subject: spec.id };
}

function toCause(
  { mode, location, everywhere, for: pro, against, path, unknown }: Judged,
  probability: number,
): RankedCause {
  const byWeight = (list: Judged["for"]): Evidence[] =>
    list.toSorted((a, b) => b.weight - a.weight).map(({ evidence }) => evidence);
  const trigger = pro.find(({ evidence }) => evidence.kind === "change")?.evidence.ref;
  return {
    failureMode: mode.id,
    code: mode.code,
    title: mode.title,
    probability,
    location,
    ...(trigger === undefined ? {} : { trigger }),
    ...(everywhere === undefined ? {} : { everywhere }),
    ...(unknown.length === 0 ? {} : { unknown }),
    ...(path.length === 0 ? {} : { path }),
    for: byWeight(pro),
    against: byWeight(against),
  };
}
