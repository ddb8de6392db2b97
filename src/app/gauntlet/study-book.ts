// The looks of a played scenario that are kept for fitting the catalogue's odds, each with its truth.
import type { Study } from "../../diagnose/study.ts";
import type { EntityId } from "../../model/entity.ts";
import type { DurationMs, Instant } from "../../model/time.ts";

/** A look whose truth is known. */
export interface Lesson {
  readonly scenario: string;
  /** Code of the catalogue, or `NONE`: nothing is wrong (yet). */
  readonly truth: string;
  /** Any of these is the right place; empty: unknown. */
  readonly places: readonly EntityId[];
  /** Since the fault began, negative before it; since the start where there is none. */
  readonly sinceMs: DurationMs;
  readonly scope: EntityId;
  readonly views: Study["views"];
}

/** Before a fault, and after it: the first look at or after each, with what alerts say and without. */
const wantedMs: readonly DurationMs[] = [-150, -60, 20, 40, 60, 90, 120, 180, 240, 360, 540].map((s) => s * 1000);
/** Where nothing is wrong, after detectors have begun to know something. */
const healthyFromMs: DurationMs = 5 * 60_000;
const healthyEachMs: DurationMs = 2 * 60_000;
/** A look that comes so much later is none of that time. */
const lateMs: DurationMs = 20_000;

export interface StudyBook {
  take(study: Study): void;
  /** Of a scenario whose fault was over at `to`. */
  lessons(
    scenario: string,
    truth: { readonly mode: string; readonly places: readonly EntityId[]; readonly to: Instant },
  ): readonly Lesson[];
}

/** `from`: when the fault begins; undefined: there is none. */
export function createStudyBook(start: Instant, from: Instant | undefined): StudyBook {
  const kept = new Map<string, Study>();
  const slotOf = (at: Instant): DurationMs | undefined => {
    if (from === undefined) {
      const since = at - start - healthyFromMs;
      const slot = Math.floor(since / healthyEachMs) * healthyEachMs;
      return since >= 0 && since - slot < lateMs ? slot : undefined;
    }
    return wantedMs.findLast((wanted) => at - from >= wanted && at - from - wanted < lateMs);
  };
  return {
    take(study) {
      const slot = slotOf(study.at);
      if (slot === undefined) return;
      const key = `${slot} ${study.scope} ${study.views.some(({ alert }) => alert)}`;
      if (!kept.has(key)) kept.set(key, study);
    },
    lessons: (scenario, { mode, places, to }) =>
      [...kept.values()].flatMap(({ at, scope, views }) => {
        // Consequences outlive a fault, and are not nothing.
        if (from !== undefined && at > to) return [];
        const isBefore = from === undefined || at < from;
        const truth = isBefore ? "NONE" : mode;
        return [{ scenario, truth, places: isBefore ? [] : places, sinceMs: at - (from ?? start), scope, views }];
      }),
  };
}
