// Whether it got better for the repair: held against the time before the trouble, and against siblings that nobody touched.

import { compareByRanks } from "../../math/mann-whitney.ts";
import type { Action, Compared } from "../../model/action.ts";
import type { EntityId } from "../../model/entity.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import { type DurationMs, formatDuration, type Instant, type TimeRange } from "../../model/time.ts";
import { type Felt, felt, median, type Replica, readReplicas, type Stretch } from "./felt-series.ts";

/** What the checks cannot tell. `figures`: of the target and of its siblings, for the ledger. */
export interface Attribution {
  readonly kind: /** It got better, and its siblings were well, or did not. */
    | "own"
    /** Siblings in the same trouble got better in the same time, and nobody touched them. */
    | "shared"
    /** Siblings have not been watched for long enough; look again. */
    | "early"
    /** The checks hold, and it is worse off than before the trouble. */
    | "worse"
    /** A sibling that was well got clearly worse since. */
    | "harmed"
    /** There is nothing to compare with. */
    | "untold";
  readonly says: string;
  readonly figures: readonly Compared[];
}

export interface Question {
  readonly action: Action;
  readonly sentAt: Instant;
  /** Since when all checks hold. */
  readonly holdsSince: Instant;
  /** So long siblings are watched from then on. */
  readonly watchMs: DurationMs;
  /** Targets of other repairs since the trouble began: no controls. */
  readonly touched: ReadonlySet<EntityId>;
}

/** What was before is looked at for so long; in memory is half an hour. */
const stretchMs = 10 * 60_000;
/** Nearly all values of one stretch lie beyond those of the other, and the median moved by a quarter. */
const clearDelta = 0.6;
const clearRatio = 1.25;
const tail = 0.01;
/** What is left of a trouble is worth telling from here on. */
const worseRatio = 1.5;

/**
 * A repair and a recovery that comes by itself look alike on the target: bursts end, queues drain, and what was picked for being at its
 * worst is better later (regression to the mean). So the comparison is one of differences (Card and Krueger 1994): siblings of the same
 * deployment in the same time, which nobody touched, are what would have happened anyway. One look, once the checks hold, by ranks
 * ({@link compareByRanks}); every verdict needs an effect that is large by itself, since values of neighbouring steps are alike.
 *
 * Blind to trouble that shows in none of the felt signals (a hang leaves its latencies silent), to what all replicas share where all
 * of them were acted on, and to what began more than the half hour in memory ago: then it says that it cannot tell. Rejects when the source does.
 */
export async function attribute(question: Question, source: SeriesSource, now: Instant): Promise<Attribution> {
  const { action, sentAt, holdsSince, watchMs, touched } = question;
  const since = action.troubleSince;
  if (since === undefined) return untold("when the trouble began is not known");
  const ranges: Record<Stretch, TimeRange> = {
    before: { from: since - stretchMs, to: since },
    during: { from: Math.max(since, sentAt - stretchMs), to: sentAt },
    after: { from: holdsSince, to: now + 1 },
  };
  const replicas = [...(await readReplicas(source, ranges)).values()];
  const own = replicas.filter(({ entity, parent }) => entity === action.target || parent === action.target);
  if (own.length === 0) return untold(`no felt signal of ${action.target} is measured`);
  const parents = new Set(own.map(({ parent }) => parent));
  const siblings = replicas.filter(
    (one) => !own.includes(one) && parents.has(one.parent) && !touched.has(one.entity) && one.parent !== undefined,
  );
  const figures = felt.flatMap((signal) => figuresOf(signal, own, siblings));
  const answer = (kind: Attribution["kind"], says: string): Attribution => ({ kind, says, figures });
  if (siblings.length > 0 && now - holdsSince < watchMs)
    return answer("early", `${siblingsSay(siblings.length)} are watched for ${formatDuration(watchMs)}`);
  const left = felt.find((signal) => own.every((one) => isAbove(one, signal, "before", "after", worseRatio)));
  if (left !== undefined) return answer("worse", `its ${left.says} is above that before the trouble`);
  const harmed = siblings.flatMap((one) => harmOf(one) ?? []);
  if (harmed.length > 0) return answer("harmed", harmed[0]!);

  const suffered = felt.filter((signal) => own.some((one) => isAbove(one, signal, "before", "during")));
  if (suffered.length === 0)
    return answer("untold", "until it was sent, nothing people feel of it had clearly got worse");
  if (siblings.length === 0) return answer("untold", "there is no sibling to compare with");
  const alike = suffered.flatMap((signal) => {
    const same = siblings.filter((one) => isAbove(one, signal, "before", "during"));
    return 2 * same.length >= siblings.length ? [{ signal, same }] : [];
  });
  const { length } = siblings;
  if (alike.length < suffered.length)
    return answer("own", `it got better, and ${siblingsSay(length)} had no such trouble`);
  const better = alike.filter(({ signal, same }) => {
    return 2 * same.filter((one) => isAbove(one, signal, "after", "during")).length >= same.length;
  });
  if (better.length === 0)
    return answer("own", `it got better, and ${siblingsSay(length)} in the same trouble did not`);
  const [{ signal, same }] = better as [(typeof better)[number]];
  return answer(
    "shared",
    `${same.length} of ${siblingsSay(length)} had the same trouble (${signal.says}) and got better in the same time without it`,
  );
}

function untold(says: string): Attribution {
  return { kind: "untold", says, figures: [] };
}

function siblingsSay(count: number): string {
  return count === 1 ? "1 sibling" : `${count} siblings`;
}

/** Whether the signal lies clearly higher in `high` than in `low`. */
function isAbove(
  { values }: Replica,
  { metric, least }: Felt,
  low: Stretch,
  high: Stretch,
  ratio: number = clearRatio,
): boolean {
  const measured = values.get(metric);
  if (measured === undefined) return false;
  const found = compareByRanks(measured[low], measured[high]);
  if (found === undefined || found.delta < clearDelta || found.pAbove > tail) return false;
  const [from, to] = [median(measured[low].slice()), median(measured[high].slice())];
  return to >= ratio * from && to - from >= least;
}

/** In words; undefined: it is as well as it was. */
function harmOf(one: Replica): string | undefined {
  const signal = felt.find(
    (each) => isAbove(one, each, "during", "after", worseRatio) && isAbove(one, each, "before", "after", worseRatio),
  );
  return signal === undefined ? undefined : `the ${signal.says} of ${one.entity} rose since`;
}

function figuresOf({ metric }: Felt, own: readonly Replica[], siblings: readonly Replica[]): readonly Compared[] {
  const middle = (list: readonly Replica[], stretch: Stretch): number | null => {
    const medians = list.flatMap(({ values }) => {
      const found = values.get(metric)?.[stretch];
      return found === undefined || found.length === 0 ? [] : [median(found.slice())];
    });
    return medians.length === 0 ? null : Number(median(Float64Array.from(medians)).toPrecision(4));
  };
  const of = (list: readonly Replica[]): Compared["target"] => ({
    before: middle(list, "before"),
    during: middle(list, "during"),
    after: middle(list, "after"),
  });
  const target = of(own);
  if (target.before === null && target.during === null && target.after === null) return [];
  return [
    { metric, target, ...(siblings.length === 0 ? {} : { siblings: { count: siblings.length, ...of(siblings) } }) },
  ];
}
