// What an exporter's page holds: families of samples, read when it is scraped.
import type { Labels } from "../model/labels.ts";
import type { Histogram } from "./stats.ts";

export interface Series {
  readonly name: string;
  readonly kind: "gauge" | "counter";
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSeries {
  readonly name: string;
  readonly kind: "histogram";
  readonly labels: Labels;
  readonly histogram: Histogram;
}

/** Something that is scraped, or sends by itself. */
export interface Source {
  /** Tells batches of sources apart. */
  readonly key: string;
  resource(): Labels;
  /** Virtual milliseconds since when its counters count. */
  since(): number;
  /** How far its clock is ahead, milliseconds. */
  clockMs(): number;
  /** Undefined when it does not answer. */
  page(nowMs: number): readonly (Series | HistogramSeries)[] | undefined;
}

export function gauge(name: string, value: number, labels: Labels = {}): Series {
  return { name, kind: "gauge", labels, value };
}

export function counter(name: string, value: number, labels: Labels = {}): Series {
  return { name, kind: "counter", labels, value };
}
