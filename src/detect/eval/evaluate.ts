// The scores of the statistical ensemble on a folder: one pass over every series, one configuration, no look-ahead.
import { createEnsemble } from "../statistical/ensemble.ts";
import { createOnlineChangePoint } from "../statistical/online-change-point.ts";
import { changePointCover, changePointF1 } from "./change-points.ts";
import { countEvents, eventF1 } from "./events.ts";
import type { AnnotatedSeries, Folder, LabelledSeries } from "./folder.ts";
import { nabLowFalsePositives, nabScore, nabStandard } from "./nab.ts";
import { segmentsOf } from "./segments.ts";
import { vusPr, vusWindow } from "./vus.ts";

export type Figures = Readonly<Record<string, number>>;

/** What a detector said of every point of a series. */
export interface Trace {
  readonly scores: Float64Array;
  readonly held: Float64Array;
  readonly odd: Uint8Array;
  readonly alerts: Uint8Array;
}

export type Trial = (columns: readonly Float64Array[], stepSeconds: number) => Trace;

/** Points a regime must have lasted before its start is believed. */
const believedAfterPoints = 10;

/** Figures of `trial`; by default of the ensemble. A figure nothing in the folder can give is left out. */
export function evaluate(
  folder: Folder,
  trial: Trial = (columns, stepSeconds) => tryEnsemble(columns, stepSeconds),
): Figures {
  if (folder.kind === "change points") return changePointFigures(folder.series);
  if (folder.kind === "labelled") return labelledFigures(folder.series, trial);
  const files = folder.series.map(({ columns, windows, stepSeconds }) => ({
    flags: trial(columns, stepSeconds).alerts,
    windows,
  }));
  return { nab_standard: nabScore(files, nabStandard), nab_low_fp: nabScore(files, nabLowFalsePositives) };
}

/** Several columns are as odd as the oddest of them. Points are learned `behindSeconds` after they were judged. */
export function tryEnsemble(columns: readonly Float64Array[], stepSeconds: number, behindSeconds = 0): Trace {
  const length = columns[0]?.length ?? 0;
  const trace = emptyTrace(length);
  for (const column of columns) {
    const ensemble = createEnsemble({ stepSeconds, behindPoints: Math.ceil(behindSeconds / stepSeconds) });
    for (let i = 0; i < length; i++) {
      const { score, held, odd, alert } = ensemble.push(column[i]!);
      trace.scores[i] = Math.max(trace.scores[i]!, score);
      trace.held[i] = Math.max(trace.held[i]!, held);
      if (odd) trace.odd[i] = 1;
      if (alert) trace.alerts[i] = 1;
    }
  }
  return trace;
}

export function emptyTrace(length: number): Trace {
  return {
    scores: new Float64Array(length),
    held: new Float64Array(length),
    odd: new Uint8Array(length),
    alerts: new Uint8Array(length),
  };
}

/** Starts of regimes that lasted, as a stream is read. */
export function findChangePoints(values: Float64Array): readonly number[] {
  const detector = createOnlineChangePoint();
  const found: number[] = [];
  let at = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    const run = detector.push(value);
    const start = at - run;
    if (run >= believedAfterPoints && start > 0 && start - (found.at(-1) ?? 0) >= believedAfterPoints)
      found.push(start);
    at++;
  }
  return found;
}

function changePointFigures(series: readonly AnnotatedSeries[]): Figures {
  let f1 = 0;
  let cover = 0;
  for (const { values, annotations } of series) {
    const found = findChangePoints(values);
    f1 += changePointF1(annotations, found) / series.length;
    cover += changePointCover(annotations, found, values.length) / series.length;
  }
  return { cp_f1: f1, cp_cover: cover };
}

function labelledFigures(series: readonly LabelledSeries[], trial: Trial): Figures {
  const counts = [];
  const raw = [];
  const shipped = [];
  let days = 0;
  for (const { columns, labels, teaching, stepSeconds } of series) {
    const trace = trial(columns, stepSeconds);
    const segments = segmentsOf(labels.subarray(teaching));
    counts.push(countEvents(trace.odd.subarray(teaching), segments));
    days += ((labels.length - teaching) * stepSeconds) / 86_400;
    if (segments.length === 0) continue;
    const window = vusWindow(columns[0]!.subarray(teaching));
    raw.push(vusPr(trace.scores.subarray(teaching), segments, window));
    shipped.push(vusPr(trace.held.subarray(teaching), segments, window));
  }
  const falseAlarms = counts.reduce((sum, count) => sum + count.falseAlarms, 0);
  const figures = { event_f1: eventF1(counts), fa_per_series_day: falseAlarms / days };
  return raw.length === 0 ? figures : { ...figures, vus_pr_raw: mean(raw), vus_pr_shipped: mean(shipped) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
