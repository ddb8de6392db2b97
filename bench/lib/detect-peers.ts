// Python peers of the univariate detector: how fast they are, and how well they find what is labelled.

import { tryEnsemble } from "../../src/detect/eval/evaluate.ts";
import { countEvents, eventF1 } from "../../src/detect/eval/events.ts";
import type { LabelledSeries } from "../../src/detect/eval/folder.ts";
import { segmentsOf } from "../../src/detect/eval/segments.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import { startPythonPeer } from "./python-peer.ts";

/** By peer: `points_per_s` (values per CPU second, scored and learned one by one, as its interface has it), and how well it finds. */
export type PeerFigures = Readonly<Record<string, Readonly<Record<string, number>>>>;

type Answer = Readonly<Record<string, { readonly seconds: number; readonly scores: readonly number[] }>>;

const names = ["river_gaussian", "river_half_space_trees", "river_rolling_quantiles", "rolling_mad"] as const;
const speedPoints = 20_000;
/** What of the labelled series peers see: they are slow. */
const seriesMax = 8;
const pointsMax = 5000;
const thresholdsTried = 60;

/**
 * Peers get the best threshold of all, chosen on the very labels they are judged by; ours is the frozen one.
 * Undefined where Python or PyPI is absent.
 */
export async function comparePeers(
  series: readonly LabelledSeries[],
  say: (text: string) => void,
): Promise<PeerFigures | undefined> {
  const python = startPythonPeer("detect.py", ["river"], say);
  if (python === undefined) return undefined;
  const random = seededRandom(1);
  const noise = Array.from({ length: speedPoints }, () => 50 + normal(random));
  const speed = (await python.ask({ task: "speed", peers: names, values: noise })) as Answer;
  const rows: Record<string, Record<string, number>> = {};
  for (const name of names) rows[name] = { points_per_s: Math.round(speedPoints / speed[name]!.seconds) };
  const cut = series.slice(0, seriesMax).map((one) => ({
    values: one.columns[0]!.slice(one.teaching, one.teaching + pointsMax),
    segments: segmentsOf(one.labels.slice(one.teaching, one.teaching + pointsMax)),
    step: one.stepSeconds,
  }));
  const scores = new Map<string, (readonly number[])[]>(names.map((name) => [name, []]));
  for (const { values } of cut) {
    const answer = (await python.ask({ task: "accuracy", peers: names, values: [...values] })) as Answer;
    for (const name of names) scores.get(name)!.push(answer[name]!.scores);
  }
  python.stop();
  if (cut.length > 0) {
    for (const name of names) rows[name]!["subsample_event_f1_best_threshold"] = bestF1(scores.get(name)!);
    const ours = cut.map(({ values, segments, step }) => countEvents(tryEnsemble([values], step).odd, segments));
    rows["ours_on_the_subsample"] = { subsample_event_f1_frozen_threshold: eventF1(ours) };
  }
  return rows;

  function bestF1(all: readonly (readonly number[])[]): number {
    const sorted = all.flat().toSorted((a, b) => b - a);
    let best = 0;
    for (let k = 0; k < thresholdsTried; k++) {
      const limit = sorted[Math.floor(sorted.length * 10 ** (-4 + (3 * k) / thresholdsTried))] ?? 0;
      const counts = all.map((of, i) =>
        countEvents(
          of.map((score) => (score >= limit ? 1 : 0)),
          cut[i]!.segments,
        ),
      );
      best = Math.max(best, eventF1(counts));
    }
    return best;
  }
}
