// What people who ask feel of a fleet, by the simulation's own truth: minute by minute, the share of requests not served well.
import { quantileOf } from "../math/quantile.ts";
import type { FinishedRequest, Fleet, FleetSink } from "./fleet.ts";
import { requestClasses } from "./scenario.ts";

/** By whole minutes from virtual time zero; shares from 0 to 1. */
export interface FeltMinutes {
  /** Of the requests, those that got no good answer. */
  readonly bad: Float64Array;
  /** Of the replicas, those that were there and served nobody: whoever is left may carry it, with nothing to spare. */
  readonly out: Float64Array;
}

export interface FeltMeter {
  /** What the fleet tells as it happens. */
  readonly witness: Required<Pick<FleetSink, "finished">>;
  /** Looks at the fleet; every few seconds of virtual time, in order. */
  look(fleet: Pick<Fleet, "observe" | "replicas" | "surroundings">): void;
  /**
   * Good is an answer whose first token and pace keep to what was usual before `usualUntilMs`: at most twice its 95th percentile of
   * time to first token, and 1.5 times that of seconds a token. A wrong answer is as bad as none.
   */
  minutes(usualUntilMs: number): FeltMinutes;
}

const minuteMs = 60_000;
/** A fleet that just began has no usual yet. */
const warmUpMs = 3 * minuteMs;
const firstTokenTimes = 2;
const paceTimes = 1.5;
const rag = requestClasses.indexOf("rag");

/**
 * Good answers of a minute are set against the requests that arrived in it, so that those which nobody answers (a stuck engine, refused,
 * given up) count without being heard of. Blind to what no request shows: telemetry lost, guardrails open, tools of agents, cost.
 */
export function createFeltMeter(): FeltMeter {
  const finishedAt: number[] = [];
  const firstToken: number[] = [];
  const pace: number[] = [];
  /** How much of a good answer it is: 1, less the share of answers that are wrong now. */
  const worth: number[] = [];
  /** Arrivals by minute. */
  const arrived: number[] = [];
  const looks: number[] = [];
  const outOfService: number[] = [];
  let arrivedBefore = 0;
  let noDocuments = 0;

  return {
    witness: {
      finished({ condition }, request) {
        const { nanShare, garbledShare, foreignShare, runsOnShare, miscomputedShare, qualityLoss } = condition;
        const wrong = Math.max(nanShare, garbledShare, foreignShare, runsOnShare, miscomputedShare, qualityLoss);
        finishedAt.push(request.finishedAt);
        firstToken.push(request.firstTokenAt - request.arrivedAt);
        pace.push(paceOf(request));
        worth.push((1 - Math.min(1, wrong)) * (request.kind === rag ? 1 - noDocuments : 1));
      },
    },
    look({ observe, replicas, surroundings: { apps } }) {
      const { nowMs, gateway } = observe();
      noDocuments = Math.min(1, Math.max(apps.emptyShare, apps.dimensionShare));
      const minute = Math.floor((nowMs - 1) / minuteMs);
      for (const list of [arrived, looks, outOfService]) while (list.length <= minute) list.push(0);
      arrived[minute]! += gateway.arrived - arrivedBefore;
      arrivedBefore = gateway.arrived;
      const there = replicas.filter(({ state }) => state !== "absent");
      const out = there.filter(({ state, engine }) => state !== "serving" || engine.hung).length;
      looks[minute]!++;
      outOfService[minute]! += out / Math.max(1, there.length);
    },
    minutes(usualUntilMs) {
      const usual = finishedAt.flatMap((at, i) => (at >= warmUpMs && at < usualUntilMs ? [i] : []));
      const firstTokenMax = firstTokenTimes * usualMost(usual.map((i) => firstToken[i]!));
      const paceMax = paceTimes * usualMost(usual.map((i) => pace[i]!));
      const good = new Float64Array(arrived.length);
      for (let i = 0; i < finishedAt.length; i++) {
        if (firstToken[i]! > firstTokenMax || pace[i]! > paceMax) continue;
        good[Math.floor(finishedAt[i]! / minuteMs)]! += worth[i]!;
      }
      return {
        bad: good.map((count, minute) => Math.max(0, 1 - count / Math.max(1, arrived[minute]!))),
        out: Float64Array.from(outOfService, (sum, minute) => sum / Math.max(1, looks[minute]!)),
      };
    },
  };
}

function paceOf({ finishedAt, firstTokenAt, generatedTokens }: FinishedRequest): number {
  return (finishedAt - firstTokenAt) / Math.max(1, generatedTokens - 1);
}

/** The 95th percentile; NaN for none, beyond which nothing is: nothing is late where nothing was usual. */
function usualMost(values: readonly number[]): number {
  return quantileOf(Float64Array.from(values), values.length, 0.95);
}
