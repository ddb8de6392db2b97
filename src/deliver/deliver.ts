// Delivery of webhooks: a durable outbox, signatures, an address guard, retries and circuit breakers.
import { setMaxListeners } from "node:events";
import type { DeliveryOutcome, HeedingNotifier, OutgoingMessage } from "../model/ports/notifier.ts";
import type { OutboxDesk, Replayed } from "../model/ports/outbox.ts";
import type { Delivery, Records } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import { createGuard, type Guard, type Lookup } from "./guard.ts";
import { lettersIn, pendingIn } from "./outbox.ts";
import type { Attempt } from "./post.ts";
import { prepareReceiver, type Receiver, type ReceiverOptions } from "./receiver.ts";
import { wait } from "./slots.ts";
import { createTries } from "./tries.ts";

export type { ReceiverOptions } from "./receiver.ts";

export interface DeliverOptions {
  readonly receivers: readonly ReceiverOptions[];
  /** CIDRs, addresses or host names that may be reached though private or loopback. */
  readonly allow: readonly string[];
  /** Ports of public receivers. Default 80 and 443. */
  readonly ports?: readonly number[];
  /** Default 14: with the default back-off the last try is one to two hours after the first. */
  readonly maxAttempts?: number;
  /** Messages on their way at once; beyond it `send` fails and is counted. Default 1000. */
  readonly maxPending?: number;
  /** Bytes of a message's body. Default 256 kB. */
  readonly maxBodyBytes?: number;
  /** Attempts at once for each receiver. Default 4. */
  readonly concurrency?: number;
  readonly backoff?: Partial<Backoff>;
  readonly breaker?: { readonly failures: number; readonly openMs: number; readonly openMsMax: number };
}

export interface DeliverDeps {
  readonly records: Records;
  readonly telemetry: Telemetry;
  /** Wall time in Unix ms. */
  readonly now: () => number;
  readonly lookup?: Lookup;
  /** Uniform in [0, 1), for jitter. Without it jitter comes from the message's id, which spreads messages as well. */
  readonly random?: () => number;
  /** Told how every message ended, those of an earlier run too. Not told of what stays in the outbox. */
  readonly ended?: (message: Pick<Delivery, "id" | "receiver" | "lane">, outcome: DeliveryOutcome) => void;
}

export interface Deliver extends HeedingNotifier, OutboxDesk, AsyncDisposable {
  /** Takes up what an earlier run left in the outbox; tells how many messages. They are delivered in the background. */
  resume(): Promise<number>;
}

/** Throws on a receiver or allow-list entry that makes no sense: that is a configuration mistake. */
export function createDeliver(options: DeliverOptions, deps: DeliverDeps): Deliver {
  const { records, telemetry, now } = deps;
  const guard: Guard = createGuard(options, deps.lookup);
  const receivers = new Map(options.receivers.map((receiver) => [receiver.name, prepareReceiver(receiver, options)]));
  const maxAttempts = options.maxAttempts ?? 14;
  const maxPending = options.maxPending ?? 1000;
  const maxBodyBytes = options.maxBodyBytes ?? 256 * 1024;
  const underWay = new Map<string, Promise<DeliveryOutcome>>();
  const waitingFor = new Map<string, number>();
  /** The last message of each lane that is under way. */
  const lanes = new Map<string, Promise<unknown>>();
  const stop = new AbortController();
  // Everything that waits listens to it: as many as may be on their way.
  setMaxListeners(0, stop.signal);
  const tries = createTries({ guard, telemetry, now, signal: stop.signal });
  const { tryOnce } = tries;

  function send(message: OutgoingMessage): Promise<DeliveryOutcome> {
    const already = underWay.get(message.id);
    if (already !== undefined) return already;
    const refuse = (reason: string, why: string): Promise<DeliveryOutcome> => {
      telemetry.count("homeostat.deliver.dropped", 1, { reason: why });
      telemetry.log.warn("webhook not sent", { id: message.id, receiver: message.receiver, reason });
      return Promise.resolve({ kind: "failed", reason, attempts: 0 });
    };
    if (stop.signal.aborted) return refuse("delivery has stopped", "stopped");
    const receiver = receivers.get(message.receiver);
    if (receiver === undefined) return refuse(`no receiver is called ${message.receiver}`, "unknown-receiver");
    if (!/^[\w.:-]{1,200}$/.test(message.id)) return refuse("the message id is not a plain identifier", "bad-id");
    if (underWay.size >= maxPending) return refuse(`${maxPending} messages are waiting already`, "queue-full");
    const createdAt = now();
    const { lane, change, transient = false } = message;
    const body = message.body ?? receiver.envelope(message, createdAt);
    if (Buffer.byteLength(body) > maxBodyBytes) return refuse(`the body is over ${maxBodyBytes} bytes`, "too-large");
    const delivery: Delivery = {
      id: message.id,
      receiver: receiver.name,
      url: receiver.shownUrl,
      body,
      state: "pending",
      attempts: 0,
      nextAttemptAt: createdAt,
      createdAt,
      ...(lane === undefined ? {} : { lane }),
      ...(change === undefined ? {} : { change }),
    };
    return start(delivery, (turn) => (transient ? once(delivery, receiver) : enqueue(delivery, receiver, turn)));
  }

  /** `run` is told when the messages before it in its lane are through. */
  function start(
    delivery: Delivery,
    run: (turn: Promise<unknown>) => Promise<DeliveryOutcome>,
  ): Promise<DeliveryOutcome> {
    const lane = delivery.lane === undefined ? undefined : `${delivery.receiver} ${delivery.lane}`;
    const turn = (lane === undefined ? undefined : lanes.get(lane)) ?? Promise.resolve();
    const outcome = run(turn).then((end) => {
      underWay.delete(delivery.id);
      waitingFor.set(delivery.receiver, (waitingFor.get(delivery.receiver) ?? 1) - 1);
      if (lane !== undefined && lanes.get(lane) === outcome) lanes.delete(lane);
      telemetry.gauge("homeostat.deliver.pending", underWay.size);
      if (!stop.signal.aborted || end.kind === "delivered") tellEnd(delivery, end);
      return end;
    });
    if (lane !== undefined) lanes.set(lane, outcome);
    underWay.set(delivery.id, outcome);
    waitingFor.set(delivery.receiver, (waitingFor.get(delivery.receiver) ?? 0) + 1);
    telemetry.gauge("homeostat.deliver.pending", underWay.size);
    return outcome;
  }

  function tellEnd({ id, receiver, lane }: Delivery, outcome: DeliveryOutcome): void {
    deps.ended?.({ id, receiver, ...(lane === undefined ? {} : { lane }) }, outcome);
  }

  /** One try, kept nowhere, and only while the receiver is thought to be there. */
  async function once(delivery: Delivery, receiver: Receiver): Promise<DeliveryOutcome> {
    const attempt = await tryOnce(delivery, receiver);
    const tried = attempt?.kind === "later" ? undefined : attempt;
    telemetry.count("homeostat.deliver.attempts", 1, { outcome: tried?.kind ?? "not-admitted" });
    if (tried?.kind === "delivered") return { ...tried, attempts: 1 };
    const reason = tried?.reason ?? (attempt?.kind === "later" ? attempt.heldBy : undefined) ?? "the receiver is down";
    return { kind: "failed", reason, attempts: tried === undefined ? 0 : 1 };
  }

  async function enqueue(delivery: Delivery, receiver: Receiver, turn: Promise<unknown>): Promise<DeliveryOutcome> {
    try {
      const earlier = (await records.list("deliveries", { id: delivery.id, limit: 1 }))[0];
      if (earlier?.state === "delivered") {
        return { kind: "delivered", status: earlier.status ?? 200, attempts: earlier.attempts };
      }
      // A message left pending by an earlier run goes out as it was written then: same id, same bytes.
      const first = earlier?.state === "pending" ? earlier : delivery;
      await records.put("deliveries", [first]);
      await turn;
      return await deliver(first, receiver);
    } catch (error) {
      telemetry.count("homeostat.deliver.dropped", 1, { reason: "outbox" });
      telemetry.log.error("webhook not sent: the outbox does not take it", { id: delivery.id, error: String(error) });
      return { kind: "failed", reason: `the outbox does not take it: ${String(error)}`, attempts: 0 };
    }
  }

  async function deliver(first: Delivery, receiver: Receiver): Promise<DeliveryOutcome> {
    let delivery = first;
    while (true) {
      const attempt = await whenFree(delivery, receiver);
      if (attempt === undefined) {
        return { kind: "failed", reason: "stopped; it stays in the outbox", attempts: delivery.attempts };
      }
      const attempts = delivery.attempts + 1;
      telemetry.count("homeostat.deliver.attempts", 1, { outcome: attempt.kind });
      if (attempt.kind === "delivered") {
        await keep({ ...delivery, state: "delivered", attempts, status: attempt.status });
        return { ...attempt, attempts };
      }
      const status = attempt.status === undefined ? {} : { status: attempt.status };
      if (attempt.kind === "final" || attempts >= maxAttempts) {
        const reason = attempt.kind === "final" ? attempt.reason : `gave up after ${attempts} tries: ${attempt.reason}`;
        telemetry.log.warn("webhook failed", { id: delivery.id, receiver: receiver.name, reason });
        await keep({ ...delivery, ...status, state: "failed", attempts, error: reason });
        return { kind: "failed", reason, attempts };
      }
      const pauseMs = backoffMs(options.backoff, delivery.id, attempts, attempt.retryAfterMs, deps.random);
      delivery = { ...delivery, ...status, attempts, nextAttemptAt: now() + pauseMs, error: attempt.reason };
      await keep(delivery);
    }
  }

  /** Waits for the message's turn, then tries once; undefined when delivery stops meanwhile. */
  async function whenFree(delivery: Delivery, receiver: Receiver): Promise<Attempt | undefined> {
    while (!stop.signal.aborted) {
      const early = delivery.nextAttemptAt - now();
      if (early > 0 && !(await wait(early, stop.signal))) return undefined;
      const release = await receiver.slots.take(stop.signal);
      if (release === undefined) return undefined;
      try {
        const attempt = await tryOnce(delivery, receiver);
        if (attempt?.kind !== "later") return attempt;
        const { at, heldBy } = attempt;
        const isNews = heldBy !== undefined && heldBy !== delivery.error;
        delivery = { ...delivery, nextAttemptAt: at, ...(heldBy === undefined ? {} : { error: heldBy }) };
        if (!isNews) continue;
        telemetry.log.warn("webhook held", { id: delivery.id, receiver: receiver.name, reason: heldBy });
        await keep(delivery);
      } finally {
        release();
      }
    }
    return undefined;
  }

  async function replay(id: string, approve: (letter: Delivery) => Promise<void>): Promise<Replayed> {
    const refuse = (why: "unknown" | "conflict", reason: string): Replayed => ({ kind: "refused", why, reason });
    const letter = (await records.list("deliveries", { id, limit: 1 }))[0];
    if (letter === undefined) return refuse("unknown", "the outbox has no message of this id");
    const receiver = receivers.get(letter.receiver);
    const clearance = tries.clearanceOf(letter);
    if (receiver === undefined) return refuse("conflict", `no receiver is called ${letter.receiver}`);
    if (clearance.kind !== "go") return refuse("conflict", clearance.reason);
    if (underWay.size >= maxPending) return refuse("conflict", `${maxPending} messages are waiting already`);
    if (letter.state === "delivered") return refuse("conflict", "it was delivered");
    if (letter.state === "pending" || underWay.has(id)) return refuse("conflict", "it is on its way");
    const { status: _status, error: _error, ...same } = letter;
    const again: Delivery = { ...same, state: "pending", attempts: 0, nextAttemptAt: now() };
    let approved: Promise<void> | undefined;
    void start(again, async (turn) => {
      try {
        approved = approve(letter).then(() => records.put("deliveries", [again]));
        await approved;
      } catch (error) {
        return { kind: "failed", reason: `not sent again: ${String(error)}`, attempts: letter.attempts };
      }
      await turn;
      return deliver(again, receiver);
    });
    await approved;
    return { kind: "replayed", letter: again };
  }

  async function keep(delivery: Delivery): Promise<void> {
    try {
      await records.put("deliveries", [delivery]);
    } catch (error) {
      // The receiver drops repeats by id, so a forgotten outcome costs at worst a repeat after a restart.
      telemetry.count("homeostat.deliver.outbox_errors");
      telemetry.log.error("outcome of a webhook not stored", { id: delivery.id, error: String(error) });
    }
  }

  return {
    send,
    heed: tries.heed,
    letters: (query) => lettersIn(records, query),
    replay,
    receivers: () =>
      [...receivers.values()].map(({ name, shownUrl, breaker }) => {
        const until = breaker.openUntil();
        const state = { name, url: shownUrl, breaker: breaker.state(), waiting: waitingFor.get(name) ?? 0 };
        return until === undefined ? state : { ...state, opensUntil: until };
      }),
    async resume() {
      let resumed = 0;
      // Oldest first: lanes keep the order in which messages were sent.
      for (const delivery of await pendingIn(records, now())) {
        if (underWay.has(delivery.id)) continue;
        const receiver = receivers.get(delivery.receiver);
        if (receiver === undefined) {
          const error = `no receiver is called ${delivery.receiver}`;
          telemetry.count("homeostat.deliver.dropped", 1, { reason: "unknown-receiver" });
          await keep({ ...delivery, state: "failed", error });
          continue;
        }
        resumed++;
        void start(delivery, (turn) => turn.then(() => deliver(delivery, receiver)));
      }
      return resumed;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.allSettled(underWay.values());
    },
  };
}
