// A canary beside a control: the same questions at the same time, told apart by a sequential test over pairs.
import { alwaysValidP, pairedEvidence } from "../math/sequential.ts";
import type { Instant } from "../model/time.ts";
import { askCase, type KindDeps } from "./kinds.ts";
import type { ProbeResult } from "./result.ts";
import type { ProbeSpec } from "./spec.ts";
import { type ProbeTarget, targetEntity } from "./target.ts";

type CanarySpec = Extract<ProbeSpec, { kind: "canary" }>;
/** What is compared: whether an answer is right, and which of two came later. */
export type Measure = "quality" | "latency";
export const measures: readonly Measure[] = ["quality", "latency"];

export interface Verdict {
  readonly measure: Measure;
  /** Holds at every look; 1 = nothing known yet. */
  readonly pValue: number;
  /** Pairs in which only the canary did worse, and only the control. */
  readonly worse: number;
  readonly better: number;
  /** Below alpha, and the canary is the worse one. */
  readonly isWorse: boolean;
}

export interface CanaryTest {
  /** Both sides of a case, asked at the same time. What has no answer on either side is no pair. */
  add(canary: ProbeResult, control: ProbeResult, now: Instant): void;
  verdicts(): readonly Verdict[];
}

const dayMs = 86_400_000;
/** Times nearer to one another than this share of the longer one are alike: nobody rolls back for a millisecond. */
const latencyMargin = 0.1;

/** Begins anew a day after its first pair, so that alpha is of a day, and an old canary's pairs do not vouch for a new one. */
export function createCanaryTest(alpha: number): CanaryTest {
  const counts = { quality: fresh(), latency: fresh() };
  let since: Instant | undefined;

  return {
    add(canary, control, now) {
      if (since !== undefined && now - since >= dayMs) {
        counts.quality = fresh();
        counts.latency = fresh();
        since = undefined;
      }
      if (Number.isNaN(canary.score) || Number.isNaN(control.score)) return;
      since ??= now;
      note(counts.quality, control.score - canary.score);
      const slower = canary.seconds - control.seconds;
      note(counts.latency, Math.abs(slower) > latencyMargin * Math.max(canary.seconds, control.seconds) ? slower : 0);
    },
    verdicts: () =>
      measures.map((measure): Verdict => {
        const { worse, better, evidenceMax } = counts[measure];
        const pValue = alwaysValidP(evidenceMax);
        return { measure, pValue, worse, better, isWorse: pValue <= alpha && worse > better };
      }),
  };
}

/** Asks both, the one that begins drawn by lot: the second of two requests may find a warmer network. */
export async function runPair(
  spec: CanarySpec,
  canary: ProbeTarget,
  control: ProbeTarget,
  at: Instant,
  deps: KindDeps,
): Promise<readonly (readonly [canary: ProbeResult, control: ProbeResult])[]> {
  const [canaryModel = "", controlModel = ""] = await Promise.all(
    [canary, control].map((target) => deps.asker.modelOf(spec, target)),
  );
  const pairs: [ProbeResult, ProbeResult][] = [];
  for (const one of spec.cases) {
    const ask = async (target: ProbeTarget, model: string): Promise<ProbeResult> => ({
      ...{ probe: spec.id, case: one.id, target: target.url, entity: targetEntity(target), model, at },
      ...(await askCase(spec, target, model, one, deps)),
    });
    if (deps.random() < 0.5) {
      const first = await ask(canary, canaryModel);
      pairs.push([first, await ask(control, controlModel)]);
    } else {
      const first = await ask(control, controlModel);
      pairs.push([await ask(canary, canaryModel), first]);
    }
  }
  return pairs;
}

function fresh(): { worse: number; better: number; evidenceMax: number } {
  return { worse: 0, better: 0, evidenceMax: 0 };
}

function note(counts: ReturnType<typeof fresh>, difference: number): void {
  if (difference > 0) counts.worse++;
  else if (difference < 0) counts.better++;
  counts.evidenceMax = Math.max(counts.evidenceMax, pairedEvidence(counts));
}
