// Delivery of webhooks: a durable outbox, signatures, an address guard, retries and circuit breakers.
import type { DeliveryOutcome, Notifier, OutgoingMessage } from "../model/ports/notifier.ts";
import type { Delivery, Records } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import { createGuard, type Guard, type Lookup } from "./guard.ts";
import { type Attempt, post } from "./post.ts";
import { prepareReceiver, type Receiver, type ReceiverOptions } from "./receiver.ts";
import { signatureHeaders } from "./sign.ts";
import { wait } from "./slots.ts";

export type { ReceiverOptions } from "./receiver.ts";

export interface DeliverOptions {
  readonly receivers: readonly ReceiverOptions[];
  /** CIDRs, addresses or host names that may be reached though private or loopback. */
  readonly allow: readonly string[];
  /** Ports of public receivers. Default 80 and 443. */
  readonly ports?: readonly number[];
  /** Default 12: with the default back-off the last try is about an hour after the first. */
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

export interface Deliver extends Notifier, AsyncDisposable {
  /** Takes up what an earlier run left in the outbox; tells how many messages. They are delivered in the background. */
  resume(): Promise<number>;
}

/** Throws on a receiver or allow-list entry that makes no sense: that is a configuration mistake. */
export function createDeliver(options: DeliverOptions, deps: DeliverDeps): Deliver {
  const { records, telemetry, now } = deps;
  const guard: Guard = createGuard(options, deps.lookup);
  const receivers = new Map(options.receivers.map((receiver) => [receiver.name, prepareReceiver(receiver, options)]));
  const maxAttempts = options.maxAttempts ?? 12;
  const maxPending = options.maxPending ?? 1000;
  const maxBodyBytes = options.maxBodyBytes ?? 256 * 1024;
  const underWay = new Map<string, Promise<DeliveryOutcome>>();
  /** The last message of each lane that is under way. */
  const lanes = new Map<string, Promise<unknown>>();
  const stop = new AbortController();

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
    const { type, data, lane, transient = false } = message;
    const body = message.body ?? JSON.stringify({ type, timestamp: new Date(createdAt).toISOString(), data });
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
      if (lane !== undefined && lanes.get(lane) === outcome) lanes.delete(lane);
      telemetry.gauge("homeostat.deliver.pending", underWay.size);
      if (!stop.signal.aborted || end.kind === "delivered") tellEnd(delivery, end);
      return end;
    });
    if (lane !== undefined) lanes.set(lane, outcome);
    underWay.set(delivery.id, outcome);
    telemetry.gauge("homeostat.deliver.pending", underWay.size);
    return outcome;
  }

  function tellEnd({ id, receiver, lane }: Delivery, outcome: DeliveryOutcome): void {
    deps.ended?.({ id, receiver, ...(lane === undefined ? {} : { lane }) }, outcome);
  }

  /** One try, kept nowhere, and only while the receiver is thought to be there. */
  async function once(delivery: Delivery, receiver: Receiver): Promise<DeliveryOutcome> {
    const admitted = receiver.breaker.admit(now()) <= now();
    const attempt = admitted ? await tryOnce(delivery, receiver) : undefined;
    telemetry.count("homeostat.deliver.attempts", 1, { outcome: attempt?.kind ?? "not-admitted" });
    if (attempt?.kind === "delivered") return { ...attempt, attempts: 1 };
    return { kind: "failed", reason: attempt?.reason ?? "the receiver is down", attempts: admitted ? 1 : 0 };
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
        const admitted = receiver.breaker.admit(now());
        if (admitted <= now()) return await tryOnce(delivery, receiver);
        delivery = { ...delivery, nextAttemptAt: admitted };
      } finally {
        release();
      }
    }
    return undefined;
  }

  async function tryOnce(delivery: Delivery, receiver: Receiver): Promise<Attempt | undefined> {
    const target = await guard.check(receiver.url);
    let attempt: Attempt;
    if (target.kind === "ok") {
      const body = receiver.complete(delivery.body, delivery.lane);
      const headers = { ...receiver.headers, ...signatureHeaders({ id: delivery.id, body }, receiver.keys, now()) };
      const { url, addresses } = target;
      attempt = await post(url, addresses, headers, body, receiver.limits, now(), stop.signal);
      if (attempt.kind === "delivered") attempt = receiver.judge(attempt.answer) ?? attempt;
    } else {
      attempt = { kind: target.kind === "refused" ? "final" : "retry", reason: `${receiver.name}: ${target.reason}` };
    }
    if (stop.signal.aborted && attempt.kind === "retry") return undefined;
    // Any answer, also a refusal, shows that the receiver is there; busy and broken ones deserve a pause.
    if (attempt.kind === "retry") receiver.breaker.failed(now());
    else receiver.breaker.succeeded();
    return attempt;
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
    async resume() {
      const left = await records.list("deliveries", { limit: 1000 });
      let resumed = 0;
      // Oldest first: lanes keep the order in which messages were sent.
      for (const delivery of left.toReversed()) {
        if (delivery.state !== "pending" || underWay.has(delivery.id)) continue;
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
