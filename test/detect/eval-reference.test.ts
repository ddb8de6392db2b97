// The scorers against published scores of published detectors.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readFolder } from "../../src/detect/eval/folder.ts";
import { nabLowFalsePositives, nabScore, nabStandard } from "../../src/detect/eval/nab.ts";
import { segmentsOf } from "../../src/detect/eval/segments.ts";
import { vusPr, vusWindow } from "../../src/detect/eval/vus.ts";

const data = fileURLToPath(new URL("../../../shared/data/tsad/", import.meta.url));
const present = existsSync(data);

function linesOf(path: string): Float64Array {
  return Float64Array.from(gunzipSync(readFileSync(path)).toString().trim().split("\n"), Number);
}

describe("scorers give what was published", () => {
  test.skipIf(!present)("VUS-PR and its window (needs ../shared/data/tsad)", () => {
    const published = JSON.parse(readFileSync(`${data}wsd/reference_vus_pr.json`, "utf8")) as Record<
      string,
      { window: number; SR: number }
    >;
    const folder = readFolder(`${data}wsd`);
    if (folder?.kind !== "labelled") throw new Error("not recognised");
    for (const id of ["12", "13", "15"]) {
      const series = folder.series.find(({ name }) => name === `WSD_${id}`)!;
      const window = vusWindow(series.columns[0]!);
      expect(window).toBe(published[`WSD/${id}`]!.window);
      const scores = linesOf(`${data}wsd/metric_vectors/WSD_${id}.SR_scores.gz`);
      expect(vusPr(scores, segmentsOf(series.labels), window)).toBeCloseTo(published[`WSD/${id}`]!.SR, 3);
    }
  });

  for (const detector of ["contextOSE", "windowedGaussian"]) {
    test.skipIf(!present)(`the score of ${detector} on the anomaly benchmark (needs ../shared/data/tsad)`, () => {
      const peers = JSON.parse(readFileSync(`${data}nab/reference_peer_scores.json`, "utf8")) as Record<
        string,
        { threshold_used: Record<string, number>; subset_score: Record<string, number> }
      >;
      const peer = peers[detector]!;
      const folder = readFolder(`${data}nab`);
      if (folder?.kind !== "nab") throw new Error("not recognised");
      for (const [name, profile] of [
        ["standard", nabStandard],
        ["reward_low_FP_rate", nabLowFalsePositives],
      ] as const) {
        const files = folder.series.map((series) => {
          const scores = linesOf(`${data}nab/scorer_vectors/${detector}/${series.name}.scores.gz`);
          const flags = Uint8Array.from(scores, (score) => (score >= peer.threshold_used[name]! ? 1 : 0));
          return { flags, windows: series.windows };
        });
        expect(nabScore(files, profile)).toBeCloseTo(peer.subset_score[name]!, 1);
      }
    });
  }
});
