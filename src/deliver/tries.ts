// One try of a message: where it may go, whether it may still go, whether the receiver is up, and what it answered.
import type { Clear, Clearance, HeedingNotifier } from "../model/ports/notifier.ts";
import type { Delivery } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Guard } from "./guard.ts";
import { type Attempt, post } from "./post.ts";
import type { Receiver } from "./receiver.ts";
import { signatureHeaders } from "./sign.ts";

export interface Tries extends Pick<HeedingNotifier, "heed"> {
  /** Undefined when delivery stops meanwhile. */
  tryOnce(delivery: Delivery, receiver: Receiver): Promise<Attempt | Later | undefined>;
  clearanceOf(delivery: Delivery): Clearance;
}

/** Not now: when to look again, and who holds it where it is not the receiver's own state. */
export interface Later {
  readonly kind: "later";
  readonly at: number;
  readonly heldBy?: string;
}

export interface TriesMeans {
  readonly guard: Guard;
  readonly telemetry: Telemetry;
  /** Wall time in Unix ms. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** What is held is looked at again so often. */
const heldMs = 1000;

export function createTries({ guard, telemetry, now, signal }: TriesMeans): Tries {
  let clear: Clear = () => ({ kind: "wait", reason: "the room that acts is not open yet" });

  function clearanceOf({ change, createdAt }: Delivery): Clearance {
    return change === undefined ? { kind: "go" } : clear(change, now() - createdAt);
  }

  return {
    heed(asked) {
      clear = asked;
    },
    clearanceOf,
    async tryOnce(delivery, receiver) {
      const target = await guard.check(receiver.url);
      // After all that takes time: whoever stops the room between two attempts, or within one, is heard.
      const clearance = clearanceOf(delivery);
      if (clearance.kind === "never") return { kind: "final", reason: `not sent: ${clearance.reason}` };
      if (clearance.kind === "wait") return { kind: "later", at: now() + heldMs, heldBy: `held: ${clearance.reason}` };
      const admitted = receiver.breaker.admit(now());
      if (admitted > now()) return { kind: "later", at: admitted };
      let attempt: Attempt;
      if (target.kind === "ok") {
        const body = receiver.complete(delivery.body, delivery.lane);
        const headers = { ...receiver.headers, ...signatureHeaders({ id: delivery.id, body }, receiver.keys, now()) };
        const { url, addresses } = target;
        attempt = await post(url, addresses, headers, body, receiver.limits, now(), signal);
        if (attempt.kind === "delivered") attempt = receiver.judge(attempt.answer) ?? attempt;
      } else {
        attempt = { kind: target.kind === "refused" ? "final" : "retry", reason: `${receiver.name}: ${target.reason}` };
      }
      if (signal.aborted && attempt.kind === "retry") return undefined;
      // Any answer, also a refusal, shows that the receiver is there; busy and broken ones deserve a pause.
      if (attempt.kind === "retry") receiver.breaker.failed(now());
      else receiver.breaker.succeeded();
      const isOpen = receiver.breaker.state() !== "closed";
      telemetry.gauge("homeostat.deliver.breaker_open", isOpen ? 1 : 0, { receiver: receiver.name });
      return attempt;
    },
  };
}
