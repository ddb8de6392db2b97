// Who receives the room's messages in a played scenario: carries out in the simulated fleet what is asked for, and says what it did.
import type { Notifier, OutgoingMessage } from "../../../model/ports/notifier.ts";
import type { Answer, Request } from "../../../simulate/action.ts";

/** A message the fleet took, or refused. */
export interface Carried {
  /** Virtual milliseconds. */
  readonly atMs: number;
  readonly action: string;
  readonly target: string;
  /** It takes back what an earlier one did. */
  readonly isUndo: boolean;
  /** Why it was refused; absent where it was carried out. */
  readonly refused?: string;
}

export interface Actuator {
  readonly notifier: Notifier;
  /** In order, without messages to people. */
  carried(): readonly Carried[];
}

interface Operated {
  readonly nowMs: number;
  perform(request: Request, by: string): Answer;
}

/** As a receiver of signed webhooks does: an id that was answered before does nothing again. */
export function createActuator(fleet: Operated): Actuator {
  const carried: Carried[] = [];
  const seen = new Set<string>();

  function carryOut({ id, type, data }: OutgoingMessage): Answer {
    if (seen.has(id)) return { kind: "accepted", will: "do nothing again" };
    const isUndo = type === "action.undo";
    const { action, target, parameters } = data as {
      action: string;
      target: string;
      parameters?: Request["parameters"];
    };
    const name = isUndo ? `undo-${action}` : action;
    // The fleet knows its gateway by its role, telemetry by its name as a service.
    const at = target === "service:gateway" ? "gateway" : target;
    const answer = fleet.perform({ action: name, target: at, parameters: parameters ?? {} }, "homeostat");
    if (answer.kind === "accepted") seen.add(id);
    const refused = answer.kind === "refused" ? { refused: answer.reason } : {};
    carried.push({ atMs: fleet.nowMs, action, target, isUndo, ...refused });
    return answer;
  }

  return {
    carried: () => carried,
    notifier: {
      send(message) {
        const { type, data } = message;
        const isForFleet = (type === "action.requested" || type === "action.undo") && data["action"] !== "notify";
        if (!isForFleet) return Promise.resolve({ kind: "delivered", status: 202, attempts: 1 });
        const answer = carryOut(message);
        if (answer.kind === "accepted") return Promise.resolve({ kind: "delivered", status: 202, attempts: 1 });
        return Promise.resolve({ kind: "failed", reason: `answered ${answer.status}: ${answer.reason}`, attempts: 1 });
      },
    },
  };
}
