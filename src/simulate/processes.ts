// Processes of replicas: they end, start in their own time, fail to start and are tried again, as a kubelet does it.
import type { Replica } from "./replica.ts";
import type { Timeline } from "./timeline.ts";

/** Why a process does not come up. */
export interface StartFailure {
  /** Share of the cold start after which it ends. */
  readonly after: number;
  /** Lines of its log before it ends. */
  readonly lines: readonly string[];
  /** It cannot even be placed: nothing runs and nothing is logged. */
  readonly pending?: boolean;
}

export interface ProcessHooks {
  /** The process ends: what it held is lost. */
  stopped(replica: Replica, nowMs: number): void;
  /** A new process serves. */
  ready(replica: Replica, nowMs: number): void;
  /** Asked when a process starts. */
  failure(replica: Replica): StartFailure | undefined;
  failed(replica: Replica, failure: StartFailure, nowMs: number): void;
}

export interface Processes {
  /** Ends it for good, or until it is started. */
  stop(replica: Replica, nowMs: number): void;
  /** Starts it, again and again until it serves. `settled` is called once, when it serves or first failed. */
  start(replica: Replica, nowMs: number, settled?: (nowMs: number) => void): void;
  /** The process ends by itself or is killed, and is started again. */
  crash(replica: Replica, reason: string, exitCode: number, nowMs: number): void;
}

const backoffFirstMs = 10_000;
const backoffMaxMs = 300_000;

export function createProcesses(timeline: Timeline, coldStartMs: number, hooks: ProcessHooks): Processes {
  /** The attempt under way of each replica: an older one that comes late has nothing to say. */
  const attempts = new Map<Replica, number>();

  function stop(replica: Replica, nowMs: number): void {
    attempts.set(replica, (attempts.get(replica) ?? 0) + 1);
    if (replica.state === "serving") hooks.stopped(replica, nowMs);
    replica.state = "starting";
  }

  function start(replica: Replica, nowMs: number, settled?: (nowMs: number) => void): void {
    const attempt = (attempts.get(replica) ?? 0) + 1;
    attempts.set(replica, attempt);
    let backoffMs = backoffFirstMs;
    let onSettled = settled;
    const settle = (atMs: number): void => {
      onSettled?.(atMs);
      onSettled = undefined;
    };
    const begin = (atMs: number): void => {
      if (attempts.get(replica) !== attempt) return;
      replica.state = "starting";
      const failure = hooks.failure(replica);
      timeline.add(atMs + coldStartMs * (failure?.after ?? 1), failure === undefined ? serve : fail);
    };
    const serve = (atMs: number): void => {
      if (attempts.get(replica) !== attempt) {
        settle(atMs);
        return;
      }
      // It may have become impossible meanwhile.
      if (hooks.failure(replica) !== undefined) {
        fail(atMs);
        return;
      }
      replica.epoch++;
      replica.startedAt = atMs;
      replica.state = "serving";
      hooks.ready(replica, atMs);
      settle(atMs);
    };
    const fail = (atMs: number): void => {
      if (attempts.get(replica) !== attempt) {
        settle(atMs);
        return;
      }
      const failure = hooks.failure(replica);
      replica.state = "down";
      if (failure !== undefined && failure.pending !== true) {
        replica.restarts++;
        replica.lastEnd = { reason: "Error", exitCode: 1 };
        hooks.failed(replica, failure, atMs);
      }
      settle(atMs);
      timeline.add(atMs + backoffMs, begin);
      backoffMs = Math.min(backoffMaxMs, backoffMs * 2);
    };
    begin(nowMs);
  }

  return {
    stop,
    start,
    crash(replica, reason, exitCode, nowMs) {
      stop(replica, nowMs);
      replica.restarts++;
      replica.lastEnd = { reason, exitCode };
      start(replica, nowMs + 1000);
    },
  };
}
