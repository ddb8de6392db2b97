// The room that acts, in the loop with a simulated fleet: what it decides is carried out there, and what comes of that is what it sees.
import { type Act, createAct } from "../../../act/act.ts";
import type { ConnectorSpec } from "../../../act/connectors.ts";
import type { LedgerEntry } from "../../../model/action.ts";
import { type Entity, entityId } from "../../../model/entity.ts";
import type { FailureMode } from "../../../model/failure-mode.ts";
import type { SeriesSource } from "../../../model/ports/series-source.ts";
import { silentTelemetry } from "../../../model/ports/telemetry.ts";
import type { Principal } from "../../../model/principal.ts";
import type { Instant } from "../../../model/time.ts";
import type { GroundTruth } from "../../../simulate/ground-truth.ts";
import type { Simulation } from "../../../simulate/simulation.ts";
import { policiesOf } from "../../config-act.ts";
import { Config } from "../../config-schema.ts";
import { placesOf } from "../truth.ts";
import { type Carried, createActuator } from "./actuator.ts";
import { createKeptLedger } from "./kept-ledger.ts";
import { type Remedies, remediesOf } from "./remedies.ts";

/** How the room may act: by itself, or only when asked; and whether there is somebody to ask. */
export interface ActOrder {
  readonly mode: "auto" | "approve";
  readonly approver: boolean;
}

export interface RehearsalMeans {
  readonly source: SeriesSource;
  readonly connectors: readonly ConnectorSpec[];
  readonly modes: readonly FailureMode[];
  readonly entities: () => readonly Entity[];
  readonly openIncidents: () => number;
}

export interface Rehearsal {
  /** Once what it needs of the others is there. */
  open(means: RehearsalMeans): Pick<Act, "propose" | "step">;
  /** The stand-in for people answers what has waited for them long enough. */
  answerAsked(now: Instant): Promise<void>;
  /** Nothing is under way, nor waits out a pause. */
  isIdle(): boolean;
  /** What would be right, as far as telemetry names the places by now. */
  remedies(): Remedies;
  carried(): readonly Carried[];
  entries(): readonly LedgerEntry[];
}

/** So long somebody on call takes to look and to answer. */
const answersAfterMs = 2 * 60_000;
const standIn: Principal = { name: "stand-in", tenant: "default", roles: ["approver"] };
/**
 * As an operator would set it who lets Homeostat repair by itself: all that ships, but a second try of the same is left to the ladder, and
 * the pause after a repair is no longer than it takes to see what comes of it.
 */
const settings = { attempts: 1, cooldown: "5m" };

export function createRehearsal(simulation: Simulation, truth: GroundTruth, { mode, approver }: ActOrder): Rehearsal {
  const { scenario } = simulation;
  const ledger = createKeptLedger();
  const actuator = createActuator(simulation);
  let act: Act | undefined;
  let means: RehearsalMeans | undefined;

  function remedies(): Remedies {
    const places = placesOf(truth.root.component, scenario, means?.entities() ?? []);
    return remediesOf(truth, places, entityId("deployment", scenario.deployment), means?.modes ?? []);
  }

  return {
    open(given) {
      means = given;
      const { source, entities, openIncidents } = given;
      // What goes to receivers of other kinds is in their words, which no fleet of ours speaks.
      const connectors = given.connectors.filter(({ kind }) => kind === "webhook");
      const config = Config.parse({ dataDirectory: "unused", act: { policies: [{ mode, ...settings }] } }).act;
      act = createAct(
        { policies: policiesOf(config), windows: [], storm: config.storm, connectors },
        {
          notifier: actuator.notifier,
          ...{ records: ledger.records, head: ledger.head, source, openIncidents, telemetry: silentTelemetry },
          stopped: () => undefined,
          elsewhere: () => undefined,
          placeOf(target) {
            const node = entities().find(({ id }) => id === target)?.place?.["node"];
            return node === undefined ? {} : { node };
          },
        },
      );
      return act;
    },
    remedies,
    async answerAsked(now) {
      if (!approver || act === undefined) return;
      for (const { action, hash, waits } of act.status().open) {
        const since = ledger.entries().findLast((one) => one.action.id === action.id && one.state === "held")?.at;
        if (waits === undefined || since === undefined || now - since < answersAfterMs) continue;
        const word = { id: action.id, hash, principal: standIn, says: "" };
        await (remedies().isRight(action) ? act.people.approve(word, now) : act.people.deny(word, now));
      }
    },
    isIdle: () => act?.status().open.every(({ state, heldBy }) => state === "held" && heldBy !== "cooldown") ?? true,
    carried: actuator.carried,
    entries: ledger.entries,
  };
}
