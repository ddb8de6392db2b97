// What recording rules write, kept in memory for a while and laid over the source, so that later rules read both.
import type { Labels } from "../../model/labels.ts";
import { labelsKey, METRIC_NAME } from "../../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../../model/ports/series-source.ts";
import type { SeriesView } from "../../model/series.ts";
import { quality } from "../../model/series.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import { compileMatchers } from "../../promql/matcher.ts";

export interface Overlay extends SeriesSource {
  /**
   * One rule's whole result at one instant. A series it wrote before and not now ends with a stale marker.
   * The result is how many new series found no room and were let go.
   */
  write(rule: string, at: Instant, rows: readonly { readonly labels: Labels; readonly value: number }[]): number;
  /** What is recorded, laid over another source. */
  over(other: SeriesSource): SeriesSource;
  /** What is recorded, alone. The views stay as they are whatever is written later. */
  recorded(matchers: readonly LabelMatcher[], range: TimeRange): readonly SeriesView[];
  /** The series that are kept for longer than `atLeastMs`, of at most `pointsMax` points together. */
  save(atLeastMs: DurationMs, pointsMax: number): readonly SavedSeries[];
  load(saved: readonly SavedSeries[]): void;
}

/** A recorded series as it goes into a snapshot: times in whole milliseconds, each as the distance from the one before. */
export interface SavedSeries {
  readonly labels: Labels;
  readonly times: readonly number[];
  /** Null where the series had ended. */
  readonly values: readonly (number | null)[];
}

interface Recorded {
  readonly labels: Labels;
  times: Float64Array;
  values: Float64Array;
  flags: Uint8Array;
  length: number;
}

/** Points of each of at most `seriesMax` series are kept for as long as `retentionOf` its metric says. */
export function createOverlay(
  base: SeriesSource,
  retentionOf: (metric: string) => DurationMs,
  seriesMax: number,
): Overlay {
  /** By metric name, then by labels: rules select by name. */
  const byName = new Map<string, Map<string, Recorded>>();
  const lastOf = new Map<string, Set<Recorded>>();
  let count = 0;

  const find = (labels: Labels): Recorded | undefined => {
    const name = labels[METRIC_NAME] ?? "";
    const named = byName.get(name) ?? new Map<string, Recorded>();
    const key = labelsKey(labels);
    const known = named.get(key);
    if (known !== undefined) return known;
    if (count >= seriesMax) return undefined;
    const made: Recorded = {
      labels,
      times: new Float64Array(16),
      values: new Float64Array(16),
      flags: new Uint8Array(16),
      length: 0,
    };
    named.set(key, made);
    byName.set(name, named);
    count++;
    return made;
  };

  const forgetOld = (at: Instant): void => {
    for (const [name, named] of byName) {
      const before = at - retentionOf(name);
      for (const [key, series] of named) {
        if (series.times[series.length - 1]! >= before) continue;
        named.delete(key);
        count--;
      }
      if (named.size === 0) byName.delete(name);
    }
  };

  const recorded = (matchers: readonly LabelMatcher[], range: TimeRange): SeriesView[] => {
    const exact = matchers.find((matcher) => matcher.name === "__name__" && matcher.op === "=");
    const candidates = exact === undefined ? [...byName.values()] : [byName.get(exact.value)];
    const accepts = compileMatchers(matchers);
    const found: SeriesView[] = [];
    for (const named of candidates) {
      for (const { labels, times, values, flags, length } of named?.values() ?? []) {
        if (length === 0 || times[0]! >= range.to || times[length - 1]! < range.from || !accepts(labels)) continue;
        found.push({ labels, times, values, quality: flags, length });
      }
    }
    return found;
  };

  return {
    write(rule, at, rows) {
      if (count >= seriesMax) forgetOld(at);
      const before = lastOf.get(rule);
      const now = new Set<Recorded>();
      let dropped = 0;
      for (const { labels, value } of rows) {
        const series = find(labels);
        if (series === undefined) {
          dropped++;
          continue;
        }
        now.add(series);
        append(series, at, value, 0, retentionOf(labels[METRIC_NAME] ?? ""));
      }
      for (const series of before ?? [])
        if (!now.has(series))
          append(series, at, Number.NaN, quality.STALE, retentionOf(series.labels[METRIC_NAME] ?? ""));
      lastOf.set(rule, now);
      return dropped;
    },
    ...over(base),
    over,
    recorded,
    save(atLeastMs, pointsMax) {
      const saved: SavedSeries[] = [];
      let points = 0;
      for (const [name, named] of byName) {
        if (retentionOf(name) <= atLeastMs) continue;
        for (const { labels, times, values, flags, length } of named.values()) {
          points += length;
          if (points > pointsMax) return saved;
          const distances = Array.from({ length }, (_, i) => times[i]! - (i === 0 ? 0 : times[i - 1]!));
          // A value that JSON cannot hold is given up with the series' end: rules of rates have none.
          const shown = Array.from({ length }, (_, i) =>
            flags[i] === 0 && Number.isFinite(values[i]) ? Number(values[i]!.toPrecision(9)) : null,
          );
          saved.push({ labels, times: distances, values: shown });
        }
      }
      return saved;
    },
    load(saved) {
      for (const { labels, times, values } of saved) {
        const series = find(labels);
        let at = 0;
        for (let i = 0; series !== undefined && i < times.length; i++) {
          at += times[i]!;
          const value = values[i] ?? null;
          append(series, at, value ?? Number.NaN, value === null ? quality.STALE : 0, Number.POSITIVE_INFINITY);
        }
      }
    },
  };

  function over(other: SeriesSource): SeriesSource {
    return {
      select(matchers, range) {
        const own = recorded(matchers, range);
        const below = other.select(matchers, range);
        if (own.length === 0) return below;
        const join = (views: readonly SeriesView[]): SeriesView[] => {
          // What is recorded here hides the same series below, or it would count twice.
          const keys = new Set(own.map((view) => labelsKey(view.labels)));
          return [...own, ...views.filter((view) => !keys.has(labelsKey(view.labels)))];
        };
        return below instanceof Promise ? below.then(join) : join(below);
      },
    };
  }
}

function append(series: Recorded, at: Instant, value: number, flag: number, retentionMs: DurationMs): void {
  const last = series.length - 1;
  const again = last >= 0 && series.times[last]! >= at;
  // The same instant judged twice: the later judgement counts. An earlier one comes too late.
  if (again && series.times[last]! > at) return;
  if (!again && series.length === series.times.length) makeRoom(series, at - retentionMs);
  const i = again ? last : series.length++;
  series.times[i] = at;
  series.values[i] = value;
  series.flags[i] = flag;
}

function makeRoom(series: Recorded, keepFrom: Instant): void {
  let first = 0;
  while (first < series.length && series.times[first]! < keepFrom) first++;
  const kept = series.length - first;
  const size = kept * 2 > series.times.length ? series.times.length * 2 : series.times.length;
  const grow = <T extends Float64Array | Uint8Array>(into: T, from: T): T => {
    into.set(from.subarray(first, series.length));
    return into;
  };
  series.times = grow(new Float64Array(size), series.times);
  series.values = grow(new Float64Array(size), series.values);
  series.flags = grow(new Uint8Array(size), series.flags);
  series.length = kept;
}
