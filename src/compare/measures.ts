// The measures two sides are compared by: what is observed of each, and how it is read.
import type { MeasureComparison, MeasureId } from "../model/comparison.ts";
import type { StoredRequest } from "../model/ports/request-history.ts";
import type { DurationMs } from "../model/time.ts";
import { byText } from "../promql/order.ts";
import type { GpuBook } from "./gpus.ts";
import { type BySlot, meanOver } from "./minutes.ts";
import type { Observed } from "./observations.ts";

export interface Measure {
  readonly measure: MeasureId;
  readonly title: string;
  readonly unit: string;
  readonly source: MeasureComparison["source"];
  /** What more of it is; undefined = neither good nor bad. */
  readonly more: "better" | "worse" | undefined;
  /** Values are logarithms, compared by rank: the effect is a ratio. Otherwise shares, compared by mean. */
  readonly scale: "log" | "share";
  readonly rows: readonly Observed[];
  /** How many strata each of {@link Observed.by} makes. */
  readonly bins: readonly number[];
}

/** Of one side: canonical signals by replica and slot. */
export interface SideMetrics {
  readonly generated: BySlot;
  readonly running: BySlot;
  readonly ttft: BySlot;
  readonly itl: BySlot;
  readonly promptLength: BySlot;
  readonly outputLength: BySlot;
}

/** Probe scores (0..1) by probe and replica. */
export interface ProbeScores {
  readonly isB: boolean;
  readonly probe: string;
  readonly replica: string;
  readonly at: number;
  readonly score: number;
}

/** Least time that is told from none: spans have microseconds. */
const tiny = 1e-6;
const promptBins = 5;
const batchBins = 8;
/** Observations a side that a stratum should have. */
const perStratum = 30;

/** Of requests that tell: where the engine itself tells of both sides, what callers tell is left out, lest requests count twice. */
export function toldBy(requests: readonly StoredRequest[]): readonly StoredRequest[] {
  const engine = requests.filter(({ byEngine }) => byEngine);
  const both = engine.some(({ isB }) => isB) && engine.some(({ isB }) => !isB);
  return both ? engine : requests;
}

export function requestMeasures(
  requests: readonly StoredRequest[],
  running: BySlot,
  slotMs: DurationMs,
): readonly Measure[] {
  const row = (request: StoredRequest, value: number, more: readonly number[] = []): Observed => ({
    isB: request.isB,
    at: request.at,
    value: Math.log(Math.max(tiny, value)),
    replica: request.replica,
    by: [request.inputTokens, ...more],
  });
  const ttft = requests.filter(({ ttftSeconds }) => !Number.isNaN(ttftSeconds));
  const decoded = requests.filter(({ decodeSeconds, outputTokens }) => decodeSeconds > 0 && outputTokens >= 2);
  const itl = decoded.map((request) => {
    const endAt = request.at + request.seconds * 1000;
    const batch = meanOver(running.get(request.replica), slotMs, endAt - request.decodeSeconds * 1000, endAt);
    return row(request, request.decodeSeconds / (request.outputTokens - 1), [batch]);
  });
  const answered = requests.filter(({ outputTokens }) => outputTokens > 0);
  const shared = { source: "requests", scale: "log" } as const;
  return [
    {
      ...{ measure: "ttft", title: "Time to first token", unit: "s", more: "worse" },
      ...{ ...shared, rows: ttft.map((request) => row(request, request.ttftSeconds)), bins: [promptBins] },
    },
    {
      ...{ measure: "itl", title: "Inter-token latency at equal batch", unit: "s", more: "worse" },
      ...{ ...shared, rows: withBatch(itl), bins: [2, batchBins] },
    },
    {
      ...{ measure: "output_length", title: "Output length", unit: "{token}", more: undefined },
      ...{ ...shared, rows: answered.map((request) => row(request, request.outputTokens)), bins: [promptBins] },
    },
  ];
}

/** Where nothing tells of requests: what metrics say of each slot, stratified by its batch and mean prompt length. */
export function metricMeasures(a: SideMetrics, b: SideMetrics): readonly Measure[] {
  const rowsOf = (pick: (side: SideMetrics) => BySlot): readonly Observed[] =>
    [a, b].flatMap((side, place) => slotRows(pick(side), side, place === 1));
  const shared = { source: "metrics", scale: "log", bins: [2, batchBins] } as const;
  return [
    {
      ...{ ...shared, measure: "ttft", title: "Time to first token, p95", unit: "s", more: "worse" },
      rows: rowsOf(({ ttft }) => ttft),
    },
    {
      ...{ ...shared, measure: "itl", title: "Inter-token latency at equal batch, p95" },
      ...{ unit: "s", more: "worse", rows: withBatch(rowsOf(({ itl }) => itl)) },
    },
    {
      ...{ ...shared, measure: "output_length", title: "Output length, mean" },
      ...{ unit: "{token}", more: undefined, rows: rowsOf(({ outputLength }) => outputLength) },
    },
  ];
}

/** Generated tokens per second and GPU, at equal batch: an idle GPU is no slow one. */
export function throughputMeasure(a: SideMetrics, b: SideMetrics, gpus: GpuBook): Measure {
  const rows = [a, b].flatMap((side, place) =>
    slotRows(side.generated, side, place === 1)
      .filter(({ by }) => !((by[1] as number) <= 0))
      .map((row) => ({ ...row, value: row.value - Math.log(gpus.of(row.replica) ?? 1), by: [Number.NaN, row.by[1]!] })),
  );
  return {
    ...{ measure: "tokens_per_gpu", title: "Tokens per second and GPU at equal batch", unit: "{token}/s" },
    ...{ source: "metrics", more: "better", scale: "log", rows: withBatch(rows), bins: [1, batchBins] },
  };
}

export function probeMeasure(scores: readonly ProbeScores[]): Measure {
  const probes = [...new Set(scores.map(({ probe }) => probe))].toSorted(byText);
  const rows = scores.map(({ isB, probe, replica, at, score }) => {
    return { isB, at, replica, value: score, by: [probes.indexOf(probe)] };
  });
  return {
    ...{ measure: "probes", title: "Probe score", unit: "1", source: "probes", more: "better", scale: "share" },
    rows,
    bins: [probes.length],
  };
}

/** As many strata as there are observations for. */
export function binsFor({ rows, bins }: Measure): readonly number[] {
  const ofB = rows.filter(({ isB }) => isB).length;
  const room = Math.max(1, Math.floor(Math.min(ofB, rows.length - ofB) / perStratum));
  const fitted = [...bins];
  // The last is what matters most: it keeps its strata longest.
  for (let i = 0; i < fitted.length; i++) {
    const others = fitted.reduce((product, count, place) => (place === i ? product : product * count), 1);
    fitted[i] = Math.max(1, Math.min(fitted[i]!, Math.floor(room / others)));
  }
  return fitted;
}

function slotRows(metric: BySlot, side: SideMetrics, isB: boolean): readonly Observed[] {
  return [...metric].flatMap(([replica, slots]) =>
    [...slots]
      .filter(([, value]) => value > 0)
      .map(([at, value]) => {
        const promptLength = side.promptLength.get(replica)?.get(at) ?? Number.NaN;
        const running = side.running.get(replica)?.get(at) ?? Number.NaN;
        return { isB, at, value: Math.log(value), replica, by: [promptLength, running] };
      }),
  );
}

/** Those whose batch is known, unless that leaves out most of a side: then all, and the batch counts for nothing. */
function withBatch(rows: readonly Observed[]): readonly Observed[] {
  const known = rows.filter(({ by }) => !Number.isNaN(by[1]));
  const enough = (isB: boolean): boolean =>
    known.filter((row) => row.isB === isB).length * 2 >= rows.filter((row) => row.isB === isB).length;
  if (enough(true) && enough(false)) return known;
  return rows.map((row) => ({ ...row, by: [row.by[0]!, Number.NaN] }));
}

/** Whether the batch was known for {@link withBatch}. */
export function knowsBatch({ rows }: Measure): boolean {
  return rows.some(({ by }) => by.length > 1 && !Number.isNaN(by[1]));
}
