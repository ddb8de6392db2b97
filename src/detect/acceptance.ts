// When a departure is the new normal: somebody says so, a change explains it, or it harms nobody and has lasted.
import type { Anomaly, Exclusion } from "../model/anomaly.ts";
import type { Entity } from "../model/entity.ts";
import { signals } from "../model/signal.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { type ChangeBook, confirmedAfterMs } from "./change-book.ts";
import type { OpenEpisode } from "./decider.ts";
import { covers } from "./learning.ts";

export interface AcceptanceOptions {
  /** For what may be harmless: signals that are bad neither high nor low. */
  readonly acceptAfterMs: DurationMs;
  /** For what went the way that harms, with nobody making an incident of it. */
  readonly acceptHarmfulAfterMs: DurationMs;
}

export interface Acceptance {
  /** Those of the open episodes that are the new normal by now. */
  due(
    open: Iterable<OpenEpisode>,
    entities: readonly Entity[],
    exclusions: readonly Exclusion[],
    at: Instant,
  ): readonly OpenEpisode[];
}

export function createAcceptance(options: AcceptanceOptions, changes: ChangeBook): Acceptance {
  return {
    due(open, entities, exclusions, at) {
      const found: OpenEpisode[] = [];
      for (const episode of open) {
        const { anomaly, lifted } = episode;
        if (lifted) continue;
        // The shortest wait there is: most episodes need no further look.
        if (at - anomaly.onset < Math.min(confirmedAfterMs, options.acceptAfterMs, options.acceptHarmfulAfterMs))
          continue;
        const entity = entities.find(({ id }) => id === anomaly.entity);
        if (entity === undefined || exclusions.some((exclusion) => covers(exclusion, entity, at))) continue;
        if (at - anomaly.onset >= waitOf(episode, entity)) found.push(episode);
      }
      return found;
    },
  };

  function waitOf({ anomaly }: OpenEpisode, entity: Entity): DurationMs {
    const harmful = isHarmful(anomaly);
    const byTime = harmful ? options.acceptHarmfulAfterMs : options.acceptAfterMs;
    const explained = changes.explains(anomaly.onset, [entity.id, entity.parent]);
    return explained ? Math.min(byTime, confirmedAfterMs) : byTime;
  }
}

/** One of all signals harms as far as one of those that make it up does; without any named, nobody knows. */
function isHarmful({ signal, evidence }: Anomaly): boolean {
  const harms = (id: string): boolean => signals.some((one) => one.id === id && one.harm !== "either");
  if (signal !== "joint") return harms(signal);
  return (
    !evidence.some(({ subject }) => signals.some(({ id }) => id === subject)) ||
    evidence.some(({ subject }) => harms(subject ?? ""))
  );
}
