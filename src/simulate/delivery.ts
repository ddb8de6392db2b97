// From the gateway to an engine core: through the API process, which takes its time, and may lose what it was given.
import type { Node } from "./machines.ts";
import { createRandom } from "./random.ts";
import type { Replica } from "./replica.ts";
import { AT_API, AT_ENGINE, CAPPED, LOST, type Requests } from "./requests.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

/** CPU time of a request that nobody waits for: HTTP, and a tokenizer as fast as it should be. */
const requestMs = 4;
const kiloTokenMs = 1.5;

export type Delivery = (replica: Replica, slot: number, nowMs: number) => void;

export function createDelivery(
  scenario: Scenario,
  requests: Requests,
  timeline: Timeline,
  nodes: readonly Node[],
): Delivery {
  const random = createRandom(scenario.seed, "delivery");

  function hand(replica: Replica, slot: number, nowMs: number): void {
    const { condition, engine } = replica;
    if (condition.runsOnShare > 0 && random.uniform() < condition.runsOnShare) {
      requests.outputTokens[slot] = requests.limit[slot]!;
      requests.marks[slot] = requests.marks[slot]! | CAPPED;
    }
    if (condition.losesShare > 0 && random.uniform() < condition.losesShare) {
      requests.state[slot] = LOST;
      return;
    }
    requests.state[slot] = AT_ENGINE;
    engine.add(slot, nowMs);
  }

  return (replica, slot, nowMs) => {
    const { api } = replica;
    const kiloTokens = requests.promptTokens[slot]! / 1000;
    const { hostFactor } = nodes[replica.index]!;
    const workMs = (requestMs + Math.max(kiloTokenMs, api.msPerKiloToken) * kiloTokens) * hostFactor;
    api.busyMs += workMs;
    if (api.msPerKiloToken === 0 && hostFactor === 1) {
      hand(replica, slot, nowMs);
      return;
    }
    api.freeAt = Math.max(api.freeAt, nowMs) + workMs;
    requests.state[slot] = AT_API;
    const id = requests.id[slot];
    const sentAt = requests.dispatchedAt[slot];
    timeline.add(api.freeAt, (atMs) => {
      // It may have been taken back meanwhile, and the slot may be another's.
      const same = requests.id[slot] === id && requests.dispatchedAt[slot] === sentAt;
      if (requests.state[slot] !== AT_API || !same) return;
      // The engine counts from when it sees the request.
      requests.dispatchedAt[slot] = atMs;
      hand(replica, slot, atMs);
    });
  };
}
