// From a diagnosis to the repair its failure mode names.
import type { Action, Proposal } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import type { ActionKind, CheckSpec, FailureMode, RemedySpec } from "../model/failure-mode.ts";
import { stableId } from "../model/ids.ts";
import type { Diagnosis, RankedCause } from "../model/incident.ts";
import type { Labels } from "../model/labels.ts";
import type { Instant } from "../model/time.ts";

/** One observation is an observation; two that agree are a reason. */
const evidenceMin = 2;
/** "Before" ends somewhat ahead of the first sign, which is only known to the step. */
const beforeMarginMs = 30_000;
/** Evidence that the ledger keeps of an action, in sentences. */
const saysMax = 5;

/** Which change a rollback takes back. */
const undoes: Partial<Record<ActionKind, readonly string[]>> = {
  "rollback-config": ["config"],
  "rollback-version": ["deploy", "model"],
};

const fixedParameters: Partial<Record<ActionKind, Labels>> = { "shed-load": { share: "0.2", seconds: "120" } };

/**
 * The first remedy of the mode that fits the diagnosis, and the others that fit as what to try otherwise; undefined when none does,
 * when the evidence is a single observation, or when an entity's name could not be put into a query safely. Which attempt it is,
 * and whether it may run, is decided later. Telling people ends a ladder.
 */
export function remedyFor(diagnosis: Diagnosis, mode: FailureMode, now: Instant): Proposal | undefined {
  const cause = diagnosis.causes[0];
  if (cause === undefined || cause.failureMode !== mode.id || cause.for.length < evidenceMin) return undefined;
  const change = cause.for.find(({ kind, ref }) => kind === "change" && ref !== undefined && ref === cause.trigger);
  const ladder: Action[] = [];
  for (const remedy of mode.remedies) {
    const action = actionFor(remedy, mode, diagnosis, cause, change, now);
    if (action !== undefined && !ladder.some(({ id }) => id === action.id)) ladder.push(action);
  }
  const [action, ...rest] = ladder;
  if (action === undefined) return undefined;
  // Where people come first, what follows is theirs to decide.
  const otherwise = action.kind === "notify" ? [] : rest.filter(({ kind }) => kind !== "notify");
  return { origin: "diagnosis", action, ...(otherwise.length === 0 ? {} : { otherwise }) };
}

/** A check about one entity, compared with the time before `before`; undefined if the id is not a plain one. */
export function bindCheck(check: CheckSpec, entity: EntityId, before: Instant): CheckSpec | undefined {
  // Ids come from telemetry: what could end a PromQL string is refused rather than escaped.
  if (!/^[a-z]+:[\w./@:[\]-]{1,200}$/.test(entity)) return undefined;
  const values: Readonly<Record<string, string>> = { $entity: entity, $before: (before / 1000).toFixed(3) };
  return { ...check, expr: check.expr.replace(/\$(entity|before)\b/g, (name) => values[name] ?? name) };
}

function actionFor(
  remedy: RemedySpec,
  mode: FailureMode,
  diagnosis: Diagnosis,
  cause: RankedCause,
  change: Evidence | undefined,
  now: Instant,
): Action | undefined {
  const kind = remedy.action;
  // A knob without a value is advice, which the tuner gives; nobody could carry it out.
  if (kind === "none" || kind === "set-knob" || (remedy.needsTrigger && change === undefined)) return undefined;
  if (remedy.at?.some((one) => cause.location.startsWith(`${one}:`)) === false) return undefined;
  const takesBack = undoes[kind];
  if (takesBack !== undefined && !takesBack.includes(change?.subject ?? "")) return undefined;
  const target = takesBack === undefined ? cause.location : (change?.entity ?? cause.location);
  const before = Math.min(diagnosis.at, ...cause.for.map(({ at }) => at)) - beforeMarginMs;
  const verify = mode.verify.map((check) => bindCheck(check, cause.location, before));
  if (verify.includes(undefined)) return undefined;
  const idempotencyKey = stableId("repair", kind, target, diagnosis.incident);
  const parameters = takesBack === undefined ? (fixedParameters[kind] ?? {}) : { change: change?.ref ?? "" };
  return {
    id: stableId("action", idempotencyKey),
    kind,
    target,
    // Act takes the deployment from telemetry where it knows better.
    domain: target,
    incident: diagnosis.incident,
    failureMode: mode.id,
    probability: cause.probability,
    parameters,
    safety: remedy.safety,
    verify: verify.filter((check) => check !== undefined),
    why: `${mode.title}: ${remedy.why}`,
    idempotencyKey,
    proposedAt: now,
    troubleSince: before + beforeMarginMs,
    evidence: {
      kinds: [...new Set(cause.for.map((one) => one.kind))],
      says: cause.for.slice(0, saysMax).map(({ says }) => says),
    },
  };
}
