// Pairs of identical Prometheus servers send everything twice. One replica of each cluster is listened to; the other takes
// over when the first falls silent. The label `__replica__` is dropped, so a series stays the same series over a failover.
// As Cortex and Mimir do it.

export interface HaTracker {
  /** Whether samples of this replica are taken now. Without both labels everything is. */
  accept(cluster: string, replica: string, nowMs: number): boolean;
}

/** Clusters remembered at most; beyond that a new one is taken unchecked, since a doubled sample harms less than a lost one. */
const clustersMax = 1000;

export function createHaTracker(failoverMs: number): HaTracker {
  const leaders = new Map<string, { replica: string; seenMs: number }>();
  return {
    accept(cluster, replica, nowMs) {
      if (cluster === "" || replica === "") return true;
      const leader = leaders.get(cluster);
      if (leader === undefined) {
        if (leaders.size < clustersMax) leaders.set(cluster, { replica, seenMs: nowMs });
        return true;
      }
      if (leader.replica !== replica && nowMs - leader.seenMs < failoverMs) return false;
      leader.replica = replica;
      leader.seenMs = nowMs;
      return true;
    },
  };
}
