// Rollouts: replicas are killed and started again one after the other, each with what it is to run next.
import type { Processes } from "./processes.ts";
import type { Replica, Spec } from "./replica.ts";
import { replaceSpec } from "./replica.ts";

export interface Rollout {
  readonly replicas: readonly Replica[];
  /** What a replica is to run, asked when its turn comes. */
  specOf(replica: Replica): Spec;
}

export interface Rollouts {
  /** Starts it, or puts it behind the restart under way. Never more than one replica is down because of rollouts. */
  start(rollout: Rollout, nowMs: number): void;
  /** Takes back the restarts of these replicas that have not begun; says how many there were. */
  cancel(replicas: readonly Replica[]): number;
}

/** A replica that does not come up holds the ones behind it up only until its first attempt has failed. */
export function createRollouts(processes: Processes): Rollouts {
  const queue: { rollout: Rollout; replica: Replica }[] = [];
  let busy = false;

  function next(nowMs: number): void {
    const turn = queue.shift();
    busy = turn !== undefined;
    if (turn === undefined) return;
    const { rollout, replica } = turn;
    processes.stop(replica, nowMs);
    replaceSpec(replica, rollout.specOf(replica));
    processes.start(replica, nowMs, next);
  }

  function cancel(replicas: readonly Replica[]): number {
    const before = queue.length;
    for (let i = queue.length - 1; i >= 0; i--) {
      if (replicas.includes(queue[i]!.replica)) queue.splice(i, 1);
    }
    return before - queue.length;
  }

  return {
    cancel,
    start(rollout, nowMs) {
      // The newer order holds, as a Deployment's newer template does.
      cancel(rollout.replicas);
      for (const replica of rollout.replicas) queue.push({ rollout, replica });
      if (!busy) next(nowMs);
    },
  };
}
