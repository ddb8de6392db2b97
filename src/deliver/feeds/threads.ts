// What is open at receivers: pager incidents and chat threads, so that later news joins them instead of opening more.
import { stableId } from "../../model/ids.ts";
import type { Instant } from "../../model/time.ts";
import type { Notification } from "./dispatcher.ts";
import type { OpenThread } from "./formats/format.ts";

export interface Thread extends OpenThread {
  readonly receiver: string;
  /** Ids of the alerts and incidents that were told in it. */
  readonly refs: readonly string[];
  readonly at: Instant;
  /** What was told in it besides alerts. */
  readonly told: readonly string[];
  /** Slack's time stamp of its first message. */
  readonly ts?: string;
  /** The message that ends it, on its way. */
  readonly closing?: string;
  /** The message that ends the thread before this one; until it is through, `ts` is still that one's. */
  readonly after?: string;
}

export interface Threads {
  /** Before a notification is sent: opens its thread or takes it further. */
  follow(notification: Notification, messageId: string, open: Omit<OpenThread, "thread">): Thread;
  /** Threads that take news of any of these alerts or incidents and were not told `what` yet. */
  waiting(refs: ReadonlySet<string>, what: string): readonly Thread[];
  markTold(thread: string, what: string): void;
  /** A message of the thread reached its receiver, which knows it by `ts` if it says so. */
  delivered(thread: string, messageId: string, ts: string | undefined): void;
  /** A message of the thread failed for good. */
  failed(thread: string, messageId: string): void;
  tsOf(thread: string | undefined): string | undefined;
  snapshot(): readonly Thread[];
  restore(threads: readonly Thread[]): void;
}

const threadsMax = 5000;
const refsMax = 500;
const toldMax = 100;

/** The thread of a group at a receiver: PagerDuty's dedup_key, the lane of delivery. */
export function threadOf(notification: Pick<Notification, "receiver" | "groupKey">): string {
  return `homeostat-${stableId(notification.receiver, notification.groupKey)}`;
}

export function createThreads(dropped: (reason: string) => void): Threads {
  const threads = new Map<string, Thread>();

  function close(id: string, messageId: string): void {
    const thread = threads.get(id);
    if (thread?.closing === messageId) threads.delete(id);
    if (thread?.after !== messageId) return;
    const { ts: _ts, after: _after, ...fresh } = thread;
    threads.set(id, fresh);
  }

  return {
    follow(notification, messageId, open) {
      const id = threadOf(notification);
      const { receiver, status, alerts, at } = notification;
      const old = threads.get(id);
      // Fires again while its end is still on its way: the end goes first, and what follows is a thread of its own.
      const before = old?.closing === undefined ? old : undefined;
      const refs = [...new Set([...(before?.refs ?? []), ...alerts.map(({ ref }) => ref)])].slice(-refsMax);
      const ts = old?.ts;
      const after = old?.closing ?? old?.after;
      const thread: Thread = {
        ...open,
        thread: id,
        receiver,
        refs,
        at,
        told: before?.told ?? [],
        ...(ts === undefined ? {} : { ts }),
        ...(after === undefined ? {} : { after }),
        ...(status === "resolved" ? { closing: messageId } : {}),
      };
      threads.delete(id);
      threads.set(id, thread);
      if (threads.size > threadsMax) {
        threads.delete(threads.keys().next().value!);
        dropped("too-many-threads");
      }
      return thread;
    },
    waiting(refs, what) {
      return [...threads.values()].filter(
        (thread) =>
          thread.closing === undefined && !thread.told.includes(what) && thread.refs.some((ref) => refs.has(ref)),
      );
    },
    markTold(id, what) {
      const thread = threads.get(id);
      if (thread !== undefined) threads.set(id, { ...thread, told: [...thread.told, what].slice(-toldMax) });
    },
    delivered(id, messageId, ts) {
      const thread = threads.get(id);
      if (thread === undefined) return;
      if (ts !== undefined && thread.ts === undefined) threads.set(id, { ...thread, ts });
      close(id, messageId);
    },
    failed: close,
    tsOf: (id) => (id === undefined ? undefined : threads.get(id)?.ts),
    snapshot: () => [...threads.values()],
    restore(kept) {
      for (const thread of kept.slice(-threadsMax)) threads.set(thread.thread, thread);
    },
  };
}
