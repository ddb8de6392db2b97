// Silences: matchers that keep alerts quiet for a while, with who asked for it and why.
import { stableId } from "../../model/ids.ts";
import type { Labels } from "../../model/labels.ts";
import type { Silence, SilenceInput, Silences } from "../../model/ports/alerting.ts";
import type { Instant } from "../../model/time.ts";
import { compileMatchers } from "../../promql/matcher.ts";
import { checked } from "./matchers.ts";

export interface SilenceBook extends Silences {
  /** The silence that keeps an alert with these labels quiet at `now`. */
  mutes(labels: Labels, now: Instant): Silence | undefined;
  /** Forgets what ended long ago. */
  forget(now: Instant): void;
  restore(silences: readonly Silence[]): void;
}

const silencesMax = 1000;
/** Ended silences stay listed, as Alertmanager keeps them. */
const listedMs = 120 * 3_600_000;
const lengthMax = 366 * 86_400_000;

interface Kept {
  readonly silence: Silence;
  readonly matches: (labels: Labels) => boolean;
}

export function createSilences(): SilenceBook {
  const kept = new Map<string, Kept>();
  let made = 0;

  const put = (silence: Silence): void =>
    void kept.set(silence.id, { silence, matches: compileMatchers(silence.matchers) });

  function forget(now: Instant): void {
    for (const [id, { silence }] of kept) if (silence.endsAt + listedMs <= now) kept.delete(id);
  }

  return {
    list: () => [...kept.values()].map(({ silence }) => silence).sort((a, b) => b.startsAt - a.startsAt),
    add(input, now) {
      const wrong = whyWrong(input, now);
      if (wrong !== undefined) return { kind: "wrong", reason: wrong };
      const old = input.id === undefined ? undefined : kept.get(input.id)?.silence;
      if (input.id !== undefined && old === undefined)
        return { kind: "unknown", reason: "there is no silence with this id" };
      if (kept.size >= silencesMax) {
        forget(now);
        for (const [id, { silence }] of kept) if (silence.endsAt <= now && kept.size >= silencesMax) kept.delete(id);
      }
      if (kept.size >= silencesMax) return { kind: "full", reason: `there are ${silencesMax} silences; end some` };
      // What was quiet under the old one stays told so: a changed silence is a new one, and the old one ends now.
      if (old !== undefined && old.endsAt > now) put({ ...old, endsAt: Math.max(now, old.startsAt) });
      const { matchers, startsAt, endsAt, comment, createdBy } = input;
      const id = stableId("silence", now, made++, createdBy, JSON.stringify(matchers));
      const silence: Silence = {
        id,
        matchers,
        startsAt: Math.max(startsAt, now),
        endsAt,
        comment,
        createdBy,
        updatedAt: now,
      };
      put(silence);
      return { kind: "done", silence };
    },
    end(id, now) {
      const old = kept.get(id)?.silence;
      if (old === undefined) return { kind: "unknown", reason: "there is no silence with this id" };
      if (old.endsAt <= now) return { kind: "done", silence: old };
      const silence = { ...old, endsAt: now, startsAt: Math.min(old.startsAt, now), updatedAt: now };
      put(silence);
      return { kind: "done", silence };
    },
    mutes(labels, now) {
      for (const { silence, matches } of kept.values()) {
        if (silence.startsAt <= now && now < silence.endsAt && matches(labels)) return silence;
      }
      return undefined;
    },
    forget,
    restore(silences) {
      for (const silence of silences.slice(0, silencesMax)) put(silence);
    },
  };
}

function whyWrong(input: SilenceInput, now: Instant): string | undefined {
  if (input.endsAt <= input.startsAt) return "endsAt: is not after startsAt";
  if (input.endsAt <= now) return "endsAt: is in the past, so nothing would be silenced";
  if (input.endsAt - Math.max(now, input.startsAt) > lengthMax) return "endsAt: is more than a year away";
  try {
    const matches = compileMatchers(input.matchers.map(checked));
    if (matches({})) return "matchers: match alerts that have none of the labels, so they would silence everything";
  } catch (error) {
    return `matchers: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}
