// Messages out: of an attempt, whose outcome is waited for by later steps, and aside, whose outcome changes nothing.
import type { OutgoingMessage } from "../model/ports/notifier.ts";
import type { ActDeps } from "./desk.ts";
import type { Repair } from "./repairs.ts";

export interface Dispatch {
  /** Delivery may take hours; its outcome is picked up by a later step. */
  attempt(repair: Repair, message: OutgoingMessage): void;
  aside(message: OutgoingMessage): void;
}

export function createDispatch({ notifier, telemetry }: ActDeps): Dispatch {
  return {
    attempt(repair, message) {
      const { attempt } = repair;
      notifier.send(message).then(
        (outcome) => {
          if (repair.attempt === attempt) repair.outcome = outcome;
        },
        (error: unknown) => {
          if (repair.attempt === attempt) repair.outcome = { kind: "failed", reason: String(error), attempts: 0 };
        },
      );
    },
    aside(message) {
      notifier.send(message).then(
        (outcome) => {
          if (outcome.kind === "failed")
            telemetry.log.warn("message not delivered", { id: message.id, reason: outcome.reason });
        },
        (error: unknown) => telemetry.log.error("message not delivered", { id: message.id, error: String(error) }),
      );
    },
  };
}
