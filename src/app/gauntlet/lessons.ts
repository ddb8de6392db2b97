// Lessons as `gauntlet --study` writes them, read back as cases to fit odds to, and judged by a catalogue.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import { judged, type KnownCase } from "../../diagnose/fit-odds.ts";
import { layOut } from "../../diagnose/odds-terms.ts";
import { allButCertain } from "../../diagnose/suspicion.ts";
import type { EntityId } from "../../model/entity.ts";
import type { FailureMode } from "../../model/failure-mode.ts";
import { baseCode } from "./score.ts";
import type { Lesson } from "./study-book.ts";

const letters = z.string().regex(/^[pau]*$/);
const LessonLine = z.object({
  scenario: z.string(),
  truth: z.string(),
  places: z.array(z.string()),
  sinceMs: z.number(),
  scope: z.string(),
  views: z.array(
    z.object({ mode: z.string(), entity: z.string(), symptoms: letters, discriminators: letters, alert: z.boolean() }),
  ),
});

/** Lines that are no lesson are counted, not taken. Rejects if a file cannot be read. */
export async function readLessons(
  files: readonly string[],
): Promise<{ readonly lessons: readonly Lesson[]; readonly refused: number }> {
  const lessons: Lesson[] = [];
  let refused = 0;
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      const read = LessonLine.safeParse(parsed(line));
      if (read.success) lessons.push(read.data as Lesson);
      else refused += 1;
    }
  }
  return { lessons, refused };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The file a drawn scenario was drawn from. */
export function sourceOf({ scenario }: Pick<Lesson, "scenario">): string {
  return scenario.replace(/-v\d+$/, "");
}

/**
 * Each scenario with a fault weighs 1, shared out among its looks; all looks at which nothing was wrong weigh together as much as all those
 * at which something was.
 */
export function casesOf(lessons: readonly Lesson[], catalogue: readonly FailureMode[]): readonly KnownCase[] {
  const isFault = ({ truth }: Lesson): boolean => truth !== "NONE";
  const looks = new Map<string, number>();
  for (const lesson of lessons.filter(isFault)) looks.set(lesson.scenario, (looks.get(lesson.scenario) ?? 0) + 1);
  const healthy = lessons.filter((lesson) => !isFault(lesson)).length;
  return lessons.map((lesson) => ({
    truth: catalogue.filter(({ code }) => baseCode(code) === baseCode(lesson.truth)).map(({ id }) => id),
    places: rightPlaces(lesson),
    weight: isFault(lesson) ? 1 / looks.get(lesson.scenario)! : looks.size / healthy,
    views: lesson.views,
  }));
}

/** What befalls a deployment or a service is seen at any of its replicas. */
function rightPlaces({ places }: Lesson): ReadonlySet<EntityId> {
  return new Set(places.some((place) => /^(deployment|service):/.test(place)) ? [] : places);
}

/** How a catalogue judges single looks; shares are of looks at which a fault had been there for a minute, and of healthy ones. */
export function judgeLessons(lessons: readonly Lesson[], catalogue: readonly FailureMode[]): Record<string, number> {
  const layout = layOut(catalogue);
  const failures = new Set(catalogue.filter(({ severity }) => severity !== "info").map(({ id }) => id));
  const cases = casesOf(lessons, catalogue);
  const counts = { looks: 0, top1: 0, top3: 0, place: 0, sure: 0, healthy: 0, falselySure: 0 };
  for (const [i, lesson] of lessons.entries()) {
    const { truth, places } = cases[i]!;
    const causes = judged(layout, lesson.views);
    const failing = causes.reduce((sum, { mode, probability }) => sum + (failures.has(mode) ? probability : 0), 0);
    if (truth.length === 0) {
      counts.healthy += 1;
      if (failing >= allButCertain) counts.falselySure += 1;
    } else if (lesson.sinceMs >= 60_000) {
      const rank = causes.findIndex(({ mode }) => truth.includes(mode));
      counts.looks += 1;
      if (rank === 0) counts.top1 += 1;
      if (rank >= 0 && rank < 3) counts.top3 += 1;
      if (causes[0] !== undefined && (places.size === 0 || places.has(causes[0].entity))) counts.place += 1;
      if (failing >= allButCertain) counts.sure += 1;
    }
  }
  const { looks, healthy } = counts;
  return {
    looks,
    top1_share: counts.top1 / looks,
    top3_share: counts.top3 / looks,
    location_share: counts.place / looks,
    sure_share: counts.sure / looks,
    healthy_looks: healthy,
    falsely_sure_share: counts.falselySure / healthy,
  };
}
