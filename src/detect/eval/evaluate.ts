// The scores of the statistical detectors on a folder: one pass over every series, one configuration, no look-ahead.
import { createEnsemble } from "../statistical/ensemble.ts";
import { createOnlineChangePoint } from "../statistical/online-change-point.ts";
import { changePointCover, changePointF1 } from "./change-points.ts";
import { countEvents, type EventCounts, eventF1 } from "./events.ts";
import type { AnnotatedSeries, Folder, LabelledSeries } from "./folder.ts";
import { hitRates, tryJointly } from "./joint.ts";
import { nabLowFalsePositives, nabScore, nabStandard } from "./nab.ts";
import { segmentsOf } from "./segments.ts";
import { emptyTrace, type Trace, type Trial } from "./trace.ts";
import { vusPr, vusWindow } from "./vus.ts";

export type Figures = Readonly<Record<string, number>>;

/** Figures of `trial`; by default of what the product runs on such series. A figure nothing in the folder can give is left out. */
export function evaluate(folder: Folder, trial: Trial = trySeries): Figures {
  if (folder.kind === "change points") return changePointFigures(folder.series);
  if (folder.kind === "labelled") return labelledFigures(folder.series, trial);
  const files = folder.series.map(({ columns, windows, stepSeconds }) => ({
    flags: trial(columns, stepSeconds).alerts,
    windows,
  }));
  return { nab_standard: nabScore(files, nabStandard), nab_low_fp: nabScore(files, nabLowFalsePositives) };
}

/** The ensemble for one column, the joint detector for several. */
export const trySeries: Trial = (columns, stepSeconds) =>
  columns.length > 1 ? tryJointly(columns, stepSeconds) : tryEnsemble(columns, stepSeconds);

/** Several columns are as odd as the oddest of them. Points are learned `behindSeconds` after they were judged. */
export function tryEnsemble(columns: readonly Float64Array[], stepSeconds: number, behindSeconds = 0): Trace {
  const length = columns[0]?.length ?? 0;
  const firing = new Uint8Array(length);
  const trace = { ...emptyTrace(length), firing };
  for (const column of columns) {
    const ensemble = createEnsemble({ stepSeconds, behindPoints: Math.ceil(behindSeconds / stepSeconds) });
    for (let i = 0; i < length; i++) {
      const verdict = ensemble.push(column[i]!);
      const { score, held, odd, alert } = verdict;
      trace.scores[i] = Math.max(trace.scores[i]!, score);
      trace.held[i] = Math.max(trace.held[i]!, held);
      if (odd) trace.odd[i] = 1;
      if (verdict.firing) firing[i] = 1;
      if (alert) trace.alerts[i] = 1;
    }
  }
  return trace;
}

/** Where regimes begin. */
export interface FoundChanges {
  /** As believed after the last point. */
  readonly held: readonly number[];
  /** As announced on the way, which nothing takes back. */
  readonly announced: readonly number[];
}

export function findChangePoints(values: Float64Array): FoundChanges {
  const detector = createOnlineChangePoint();
  const announced: number[] = [];
  for (const value of values) {
    const change = detector.push(value);
    if (change !== undefined) announced.push(change.at);
  }
  return { held: detector.changes().map((change) => change.at), announced };
}

export function changePointFigures(
  series: readonly AnnotatedSeries[],
  find: (values: Float64Array) => FoundChanges = findChangePoints,
): Figures {
  const figures = { cp_f1: 0, cp_cover: 0, cp_live_f1: 0, cp_live_cover: 0 };
  for (const { values, annotations } of series) {
    const { held, announced } = find(values);
    figures.cp_f1 += changePointF1(annotations, held) / series.length;
    figures.cp_cover += changePointCover(annotations, held, values.length) / series.length;
    figures.cp_live_f1 += changePointF1(annotations, announced) / series.length;
    figures.cp_live_cover += changePointCover(annotations, announced, values.length) / series.length;
  }
  return figures;
}

function labelledFigures(series: readonly LabelledSeries[], trial: Trial): Figures {
  const counts = [];
  const pointCounts = [];
  const raw = [];
  const shipped = [];
  const hits: number[] = [];
  let days = 0;
  for (const { columns, labels, teaching, stepSeconds, causes } of series) {
    const trace = trial(columns, stepSeconds);
    if (causes !== undefined && trace.parts !== undefined)
      hits.push(...hitRates(trace.parts, columns.length, teaching, causes));
    const segments = segmentsOf(labels.subarray(teaching));
    counts.push(countEvents((trace.firing ?? trace.odd).subarray(teaching), segments));
    if (trace.firing !== undefined) pointCounts.push(countEvents(trace.odd.subarray(teaching), segments));
    days += ((labels.length - teaching) * stepSeconds) / 86_400;
    if (segments.length === 0) continue;
    const window = vusWindow(columns[0]!.subarray(teaching));
    raw.push(vusPr(trace.scores.subarray(teaching), segments, window));
    shipped.push(vusPr(trace.held.subarray(teaching), segments, window));
  }
  const falseAlarms = (of: readonly EventCounts[]) => of.reduce((sum, count) => sum + count.falseAlarms, 0) / days;
  return {
    event_f1: eventF1(counts),
    fa_per_series_day: falseAlarms(counts),
    // The same of single points, without what an alert that fires on adds and spares.
    ...(pointCounts.length === 0
      ? {}
      : { event_f1_points: eventF1(pointCounts), fa_per_series_day_points: falseAlarms(pointCounts) }),
    ...(raw.length === 0 ? {} : { vus_pr_raw: mean(raw), vus_pr_shipped: mean(shipped) }),
    ...(hits.length === 0 ? {} : { hit_rate_150: mean(hits) }),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
