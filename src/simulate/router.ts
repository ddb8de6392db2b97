// Which replica a request goes to: the least busy by what the router knows, or in turn.
import type { GatewayPolicy } from "./gateway-policy.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";

export interface Router {
  /** Undefined when nobody serves. */
  pick(nowMs: number): Replica | undefined;
}

export function createRouter(scenario: Scenario, replicas: readonly Replica[], policy: GatewayPolicy): Router {
  const heard = new Float64Array(policy.weights.length);
  let heardAt = Number.NEGATIVE_INFINITY;
  let lastPicked = 0;

  /** Requests in flight for each unit of weight, as of when the router last heard. */
  function busyness({ index, inFlight }: Replica): number {
    return (policy.staleMs > 0 ? heard[index]! : inFlight) / policy.weights[index]!;
  }

  return {
    pick(nowMs) {
      const stale = policy.staleMs > 0;
      if (stale && nowMs >= heardAt + policy.staleMs) {
        heardAt = nowMs;
        for (const { index, inFlight } of replicas) heard[index] = inFlight;
      }
      let best: Replica | undefined;
      for (let i = 1; i <= replicas.length; i++) {
        // With old news all ties are broken alike: that is the herd.
        const replica = replicas[stale ? i - 1 : (lastPicked + i) % replicas.length]!;
        if (replica.state !== "serving") continue;
        if (best === undefined || (scenario.router === "least_request" && busyness(replica) < busyness(best)))
          best = replica;
        if (scenario.router === "round_robin" && !stale) break;
      }
      if (best !== undefined) lastPicked = best.index;
      return best;
    },
  };
}
