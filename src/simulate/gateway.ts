// The gateway in front of the replicas: routes, waits, gives up, sends again what a dead replica lost.
import { createPolicy, type GatewayPolicy } from "./gateway-policy.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Requests } from "./requests.ts";
import { ABANDONED, AT_API, AT_ENGINE, AT_GATEWAY, LOST } from "./requests.ts";
import { createRouter } from "./router.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { Asked } from "./traffic.ts";

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
  /** Sent again, after a replica died or a try took too long. */
  retried: number;
  /** Sent to a replica, again or not. */
  attempts: number;
}

export type EndKind = "finished" | "shed" | "full" | "timed-out" | "lost";

export interface Gateway {
  readonly counts: GatewayCounts;
  readonly policy: GatewayPolicy;
  /** Requests somebody waits for. */
  readonly inFlight: number;
  arrive(asked: Asked, nowMs: number): void;
  /** A request was answered in full. Releases its slot. */
  finished(slot: number, nowMs: number): void;
  /** A replica died with these requests. */
  replicaDied(replica: Replica, slots: readonly number[], nowMs: number): void;
  /** Refuses this share of arrivals until then. */
  shed(share: number, untilMs: number): void;
}

export interface GatewayHooks {
  /** Takes a request to the replica's API process. */
  deliver(replica: Replica, slot: number, nowMs: number): void;
  /** A client got its answer, or an error; `slot` is still its own, -1 if it never got one. */
  ended(kind: EndKind, slot: number, nowMs: number): void;
}

const attemptsMax = 4;
const sweepEveryMs = 1000;

export function createGateway(
  scenario: Scenario,
  replicas: readonly Replica[],
  requests: Requests,
  timeline: Timeline,
  random: Random,
  hooks: GatewayHooks,
): Gateway {
  const counts: GatewayCounts = {
    arrived: 0,
    finished: 0,
    shed: 0,
    full: 0,
    timedOut: 0,
    lost: 0,
    retried: 0,
    attempts: 0,
  };
  const policy = createPolicy(scenario);
  const router = createRouter(scenario, replicas, policy);
  let inFlight = 0;
  let shedShare = 0;
  let shedUntil = 0;
  let ids = 0;

  function dispatch(slot: number, nowMs: number): void {
    const replica = router.pick(nowMs);
    if (replica === undefined) {
      sendLater(slot, nowMs + 1000);
      return;
    }
    requests.state[slot] = AT_ENGINE;
    requests.replica[slot] = replica.index;
    requests.dispatchedAt[slot] = nowMs;
    requests.attempts[slot] = requests.attempts[slot]! + 1;
    counts.attempts++;
    replica.inFlight++;
    hooks.deliver(replica, slot, nowMs);
  }

  function sendLater(slot: number, atMs: number): void {
    requests.state[slot] = AT_GATEWAY;
    const id = requests.id[slot];
    timeline.add(atMs, (nowMs) => {
      // It may have timed out meanwhile, and the slot may be another's.
      if (requests.state[slot] === AT_GATEWAY && requests.id[slot] === id) dispatch(slot, nowMs);
    });
  }

  /** Takes a request from where it is. False if its engine is stuck and keeps it. */
  function takeBack(slot: number, nowMs: number): boolean {
    const state = requests.state[slot];
    if (state === AT_GATEWAY) return true;
    const replica = replicas[requests.replica[slot]!]!;
    replica.inFlight--;
    return state !== AT_ENGINE || replica.engine.abort(slot, nowMs);
  }

  function end(kind: EndKind, slot: number, nowMs: number): void {
    inFlight--;
    hooks.ended(kind, slot, nowMs);
  }

  function giveUp(slot: number, nowMs: number): void {
    counts.timedOut++;
    end("timed-out", slot, nowMs);
    if (takeBack(slot, nowMs)) requests.release(slot);
    else requests.state[slot] = ABANDONED;
  }

  function tryAgain(slot: number, nowMs: number): void {
    if (takeBack(slot, nowMs)) {
      counts.retried++;
      requests.rewind(slot);
      dispatch(slot, nowMs);
      return;
    }
    // Its engine is stuck and keeps it: the client's next try is another request to everybody.
    const copy = requests.take();
    if (copy >= 0) {
      counts.retried++;
      requests.copy(slot, copy);
      dispatch(copy, nowMs);
    } else {
      counts.lost++;
      end("lost", slot, nowMs);
    }
    requests.state[slot] = ABANDONED;
  }

  function sweep(nowMs: number): void {
    const { timeoutMs, tryTimeoutMs, triesMax } = policy;
    const oldest = nowMs - timeoutMs;
    for (let slot = 0; slot < requests.highWater; slot++) {
      const state = requests.state[slot];
      if (state !== AT_ENGINE && state !== AT_GATEWAY && state !== AT_API && state !== LOST) continue;
      if (requests.arrivedAt[slot]! < oldest) giveUp(slot, nowMs);
      else if (state !== AT_GATEWAY && requests.dispatchedAt[slot]! < nowMs - tryTimeoutMs) {
        if (requests.attempts[slot]! < triesMax) tryAgain(slot, nowMs);
      }
    }
    timeline.add(nowMs + sweepEveryMs, sweep);
  }
  timeline.add(sweepEveryMs, sweep);

  return {
    counts,
    policy,
    get inFlight() {
      return inFlight;
    },
    arrive(asked, nowMs) {
      counts.arrived++;
      if (nowMs < shedUntil && random.uniform() < shedShare) {
        counts.shed++;
        hooks.ended("shed", -1, nowMs);
        return;
      }
      const slot = requests.take();
      if (slot < 0) {
        counts.full++;
        hooks.ended("full", -1, nowMs);
        return;
      }
      inFlight++;
      requests.id[slot] = ++ids;
      requests.ask(slot, asked);
      requests.arrivedAt[slot] = nowMs;
      dispatch(slot, nowMs);
    },
    finished(slot, nowMs) {
      counts.finished++;
      end("finished", slot, nowMs);
      const replica = replicas[requests.replica[slot]!]!;
      replica.inFlight--;
      requests.release(slot);
    },
    replicaDied(replica, slots, nowMs) {
      replica.inFlight = 0;
      const all = [...slots];
      for (let slot = 0; slot < requests.highWater; slot++) {
        const state = requests.state[slot];
        if (requests.replica[slot] === replica.index && (state === AT_API || state === LOST)) all.push(slot);
      }
      for (const slot of all) {
        if (requests.state[slot] === ABANDONED) {
          requests.release(slot);
          continue;
        }
        requests.rewind(slot);
        if (requests.attempts[slot]! >= attemptsMax) {
          counts.lost++;
          end("lost", slot, nowMs);
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
