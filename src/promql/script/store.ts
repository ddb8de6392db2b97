// Series in memory for scripts and rule tests: written once, read by any number of queries.
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { SeriesView } from "../../model/series.ts";
import { quality } from "../../model/series.ts";
import type { Instant } from "../../model/time.ts";
import { compileMatchers } from "../matcher.ts";
import type { Point } from "./series.ts";

export interface ScriptStore extends SeriesSource {
  add(labels: Labels, at: Instant, point: Point): void;
  /** Whether any `select` since the last call met a native histogram, which the views leave out. */
  metHistograms(): boolean;
}

interface Stored {
  readonly labels: Labels;
  readonly points: Map<Instant, Point>;
  view: (SeriesView & { readonly histograms: readonly Instant[] }) | undefined;
}

export function createScriptStore(): ScriptStore {
  const all = new Map<string, Stored>();
  let met = false;
  return {
    add(labels, at, point) {
      const key = labelsKey(labels);
      let stored = all.get(key);
      if (stored === undefined) {
        stored = { labels, points: new Map(), view: undefined };
        all.set(key, stored);
      }
      if (point.kind === "none") return;
      stored.points.set(at, point);
      stored.view = undefined;
    },
    select(matchers, range) {
      const accepts = compileMatchers(matchers);
      const found: SeriesView[] = [];
      for (const stored of all.values()) {
        if (!accepts(stored.labels)) continue;
        stored.view ??= toView(stored);
        const { view } = stored;
        if (view.histograms.some((at) => at >= range.from && at < range.to)) met = true;
        if (view.times.some((at) => at >= range.from && at < range.to)) found.push(view);
      }
      return found;
    },
    metHistograms() {
      const had = met;
      met = false;
      return had;
    },
  };
}

function toView({ labels, points }: Stored): SeriesView & { readonly histograms: readonly Instant[] } {
  const sorted = [...points].sort(([a], [b]) => a - b);
  const floats = sorted.filter(([, point]) => point.kind !== "histogram");
  return {
    labels,
    length: floats.length,
    times: Float64Array.from(floats, ([at]) => at),
    values: Float64Array.from(floats, ([, point]) => (point.kind === "value" ? point.value : Number.NaN)),
    quality: Uint8Array.from(floats, ([, point]) => (point.kind === "stale" ? quality.STALE : 0)),
    histograms: sorted.filter(([, point]) => point.kind === "histogram").map(([at]) => at),
  };
}
