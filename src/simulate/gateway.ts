// The gateway in front of the replicas: routes, waits, gives up, sends again what a dead replica lost.
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Requests } from "./requests.ts";
import { ABANDONED, AT_ENGINE, AT_GATEWAY } from "./requests.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

export interface GatewayCounts {
  arrived: number;
  finished: number;
  /** Answered 429 because load is being shed. */
  shed: number;
  /** Answered 503 because too many are in flight. */
  full: number;
  timedOut: number;
  /** Lost with a replica once too often. */
  lost: number;
  /** Sent again after a replica died. */
  retried: number;
}

export interface Gateway {
  readonly counts: GatewayCounts;
  /** Requests somebody waits for. */
  readonly inFlight: number;
  arrive(promptTokens: number, outputTokens: number, nowMs: number): void;
  /** A request was answered in full. Releases its slot. */
  finished(slot: number): void;
  /** A replica died with these requests. */
  replicaDied(replica: Replica, slots: readonly number[], nowMs: number): void;
  /** Refuses this share of arrivals until then. */
  shed(share: number, untilMs: number): void;
}

const attemptsMax = 4;
const sweepEveryMs = 1000;

export function createGateway(
  scenario: Scenario,
  replicas: readonly Replica[],
  requests: Requests,
  timeline: Timeline,
  random: Random,
): Gateway {
  const counts: GatewayCounts = { arrived: 0, finished: 0, shed: 0, full: 0, timedOut: 0, lost: 0, retried: 0 };
  let inFlight = 0;
  let lastPicked = 0;
  let shedShare = 0;
  let shedUntil = 0;
  let ids = 0;

  function pick(): Replica | undefined {
    let best: Replica | undefined;
    for (let i = 1; i <= replicas.length; i++) {
      const replica = replicas[(lastPicked + i) % replicas.length]!;
      if (replica.state !== "serving") continue;
      if (best === undefined || (scenario.router === "least_request" && replica.inFlight < best.inFlight))
        best = replica;
      if (scenario.router === "round_robin") break;
    }
    if (best !== undefined) lastPicked = best.index;
    return best;
  }

  function dispatch(slot: number, nowMs: number): void {
    const replica = pick();
    if (replica === undefined) {
      sendLater(slot, nowMs + 1000);
      return;
    }
    requests.state[slot] = AT_ENGINE;
    requests.replica[slot] = replica.index;
    requests.dispatchedAt[slot] = nowMs;
    requests.attempts[slot] = requests.attempts[slot]! + 1;
    replica.inFlight++;
    replica.engine.add(slot, nowMs);
  }

  function sendLater(slot: number, atMs: number): void {
    requests.state[slot] = AT_GATEWAY;
    const id = requests.id[slot];
    timeline.add(atMs, (nowMs) => {
      // It may have timed out meanwhile, and the slot may be another's.
      if (requests.state[slot] === AT_GATEWAY && requests.id[slot] === id) dispatch(slot, nowMs);
    });
  }

  function giveUp(slot: number, nowMs: number): void {
    inFlight--;
    if (requests.state[slot] === AT_ENGINE) {
      const replica = replicas[requests.replica[slot]!]!;
      replica.inFlight--;
      if (!replica.engine.abort(slot, nowMs)) {
        requests.state[slot] = ABANDONED;
        return;
      }
    }
    requests.release(slot);
  }

  function sweep(nowMs: number): void {
    const oldest = nowMs - scenario.requestTimeoutMs;
    for (let slot = 0; slot < requests.highWater; slot++) {
      const state = requests.state[slot];
      if ((state === AT_ENGINE || state === AT_GATEWAY) && requests.arrivedAt[slot]! < oldest) {
        counts.timedOut++;
        giveUp(slot, nowMs);
      }
    }
    timeline.add(nowMs + sweepEveryMs, sweep);
  }
  timeline.add(sweepEveryMs, sweep);

  return {
    counts,
    get inFlight() {
      return inFlight;
    },
    arrive(promptTokens, outputTokens, nowMs) {
      counts.arrived++;
      if (nowMs < shedUntil && random.uniform() < shedShare) {
        counts.shed++;
        return;
      }
      const slot = requests.take();
      if (slot < 0) {
        counts.full++;
        return;
      }
      inFlight++;
      requests.id[slot] = ++ids;
      requests.promptTokens[slot] = promptTokens;
      requests.outputTokens[slot] = outputTokens;
      requests.arrivedAt[slot] = nowMs;
      dispatch(slot, nowMs);
    },
    finished(slot) {
      counts.finished++;
      inFlight--;
      const replica = replicas[requests.replica[slot]!]!;
      replica.inFlight--;
      requests.release(slot);
    },
    replicaDied(replica, slots, nowMs) {
      replica.inFlight = 0;
      for (const slot of slots) {
        if (requests.state[slot] === ABANDONED) {
          requests.release(slot);
          continue;
        }
        requests.rewind(slot);
        if (requests.attempts[slot]! >= attemptsMax) {
          counts.lost++;
          inFlight--;
          requests.release(slot);
          continue;
        }
        counts.retried++;
        // Backoff with jitter, so that what one replica lost does not hit the others at once.
        sendLater(slot, nowMs + (500 + 3500 * random.uniform()) * requests.attempts[slot]!);
      }
    },
    shed(share, untilMs) {
      shedShare = share;
      shedUntil = untilMs;
    },
  };
}
