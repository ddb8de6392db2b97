// Messages out: of an attempt, whose outcome is waited for by later steps, and aside, whose outcome changes nothing.
import type { Action } from "../model/action.ts";
import type { FleetChange, OutgoingMessage } from "../model/ports/notifier.ts";
import type { ActDeps } from "./desk.ts";
import type { Repair } from "./repairs.ts";

export interface Dispatch {
  /** Delivery may take hours; its outcome is picked up by a later step. */
  attempt(repair: Repair, message: OutgoingMessage): void;
  /** Asks to take the attempt back. */
  undo(repair: Repair, message: OutgoingMessage): void;
  aside(message: OutgoingMessage): void;
}

export function createDispatch({ notifier, telemetry }: ActDeps): Dispatch {
  const aside: Dispatch["aside"] = (message) => {
    notifier.send(message).then(
      (outcome) => {
        if (outcome.kind === "failed")
          telemetry.log.warn("message not delivered", { id: message.id, reason: outcome.reason });
      },
      (error: unknown) => telemetry.log.error("message not delivered", { id: message.id, error: String(error) }),
    );
  };
  return {
    aside,
    undo: ({ action }, message) => aside(changing(action, message, { undo: true })),
    attempt(repair, message) {
      const { attempt, action } = repair;
      notifier.send(changing(action, message)).then(
        (outcome) => {
          if (repair.attempt === attempt) repair.outcome = outcome;
        },
        (error: unknown) => {
          if (repair.attempt === attempt) repair.outcome = { kind: "failed", reason: String(error), attempts: 0 };
        },
      );
    },
  };
}

/** What changes the fleet: asked about before each try, and one after another for each incident. What people are told waits for nothing. */
function changing(
  { id, target, incident }: Action,
  message: OutgoingMessage,
  more: Pick<FleetChange, "undo"> = {},
): OutgoingMessage {
  const lane = incident === undefined ? {} : { lane: `incident-${incident}` };
  return { ...message, ...lane, change: { action: id, target, ...more } };
}
