// What was looked at and found, kept small: what the catalogue's odds are fitted to where the truth is known.
import type { Alert } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { Instant } from "../model/time.ts";
import type { Look } from "./look.ts";
import { kindOf } from "./topology.ts";

/** One look at one scope through the catalogue. */
export interface Study {
  readonly at: Instant;
  readonly scope: EntityId;
  readonly views: readonly StudyView[];
}

/** A mode at an entity where at least one of its symptoms shows, or an alert points at it. */
export interface StudyView {
  /** Slug. */
  readonly mode: string;
  readonly entity: EntityId;
  /** A letter a symptom in the catalogue's order: `p`resent, `a`bsent, `u`nknown. */
  readonly symptoms: string;
  /** The same for what tells it from others. */
  readonly discriminators: string;
  readonly alert: boolean;
}

export function studyOf(
  modes: readonly FailureMode[],
  scope: EntityId,
  entities: readonly EntityId[],
  look: Look,
  alerts: readonly Alert[],
  at: Instant,
): Study {
  const views = modes.flatMap((mode) =>
    entities.flatMap((entity): readonly StudyView[] => {
      if (!mode.at.some((kind) => kind === kindOf(entity))) return [];
      const letters = (specs: readonly SymptomSpec[]): string =>
        specs.map((spec) => look(spec, entity).state[0]).join("");
      const symptoms = letters(mode.symptoms);
      const alert = alerts.some((one) => one.failureMode === mode.id && (one.entity ?? entity) === entity);
      if (!alert && !symptoms.includes("p")) return [];
      return [{ mode: mode.id, entity, symptoms, discriminators: letters(mode.discriminators), alert }];
    }),
  );
  return { at, scope, views };
}
