// One source for all of time: the Head where it reaches, history before that.
import type { SeriesView } from "../model/series.ts";
import type { DurationMs, TimeRange } from "../model/time.ts";
import type { Head } from "./head.ts";
import type { LabelledSource } from "./united.ts";

/** `labelSets`: those that have points in the range, or on its days where it reaches into history. */
export type Whole = LabelledSource;

export interface WholeOptions {
  /** Length of time the Head keeps. */
  readonly windowMs: DurationMs;
  /**
   * `live`: for what follows the newest frame between two refreshes of the Head. Whatever fits into the Head is answered by
   * it, at no cost, even in the first minutes when some of that time was before its beginning, and when a sender catches up
   * from before it.
   * `anytime`: for all others. They get copies, because they may wait while the Head goes on.
   */
  readonly readers: "live" | "anytime";
}

/** The Head's window slides by frames: a range nearly as long as it may have lost its beginning. */
const marginMs = 120_000;

/** What the Head does not hold whole is read whole from history, so that no series is stitched together from both. */
export function createWhole(
  head: Pick<Head, "select" | "completeSince" | "heldSince">,
  history: LabelledSource,
  { windowMs, readers }: WholeOptions,
): Whole {
  const inHead = ({ from, to }: TimeRange): boolean => {
    const since = head.completeSince();
    if (since === undefined) return readers === "live";
    const held = head.heldSince() ?? since;
    return from >= since || (readers === "live" && to > held && to - from <= windowMs - marginMs);
  };
  return {
    select(matchers, range) {
      if (!inHead(range)) return history.select(matchers, range);
      const views = head.select(matchers, range);
      return readers === "live" ? views : views.map(copied);
    },
    async labelSets(matchers, range) {
      if (!inHead(range)) return await history.labelSets(matchers, range);
      return head.select(matchers, range).map(({ labels }) => labels);
    },
  };
}

function copied(view: SeriesView): SeriesView {
  const { length } = view;
  return {
    labels: view.labels,
    length,
    times: view.times.slice(0, length),
    values: view.values.slice(0, length),
    ...(view.quality === undefined ? {} : { quality: view.quality.slice(0, length) }),
  };
}
