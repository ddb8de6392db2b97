// What the parts of act share: what they were given, what is in progress, and the switch.
import type { LedgerEntry } from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { HeadKeeper } from "../model/ledger.ts";
import type { Notifier } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { ConnectorSpec } from "./connectors.ts";
import type { Demotions } from "./demotions.ts";
import type { Place } from "./facts.ts";
import type { Ledger } from "./ledger/writer.ts";
import type { Policy } from "./policy.ts";
import type { Repair } from "./repairs.ts";
import type { KillSwitch } from "./switch.ts";
import { type Window, whyFrozen } from "./windows.ts";

export interface ActOptions {
  readonly policies: readonly Policy[];
  readonly connectors: readonly ConnectorSpec[];
  readonly windows: readonly Window[];
  readonly storm: StormRule;
}

/** More incidents than this open at once are a storm; it lasts until there have been fewer for `calm`. */
export interface StormRule {
  readonly maxIncidents: number;
  readonly calm: DurationMs;
}

export interface ActDeps {
  readonly notifier: Notifier;
  readonly records: Records;
  /** Keeps the end of the ledger's chain over a restart. */
  readonly head: HeadKeeper;
  readonly source: SeriesSource;
  readonly telemetry: Telemetry;
  /** Why nothing may be sent, as configuration or a file says; asked before every message. */
  readonly stopped: () => string | undefined;
  /** Why another service acts, and not this one; asked before every message. */
  readonly elsewhere: () => string | undefined;
  readonly openIncidents: () => number;
  readonly placeOf: (target: EntityId) => Place;
}

export interface Desk {
  readonly options: ActOptions;
  readonly deps: ActDeps;
  readonly ledger: Ledger;
  readonly repairs: Map<string, Repair>;
  readonly killSwitch: KillSwitch;
  readonly demotions: Demotions;
  /** Event time until which it is taken for a storm. */
  stormUntil: Instant;
}

/** Whatever stands against a message about this target right now, whoever approved it: by whom and why. */
export function barred(
  { killSwitch, deps, options }: Desk,
  target: EntityId,
  now: Instant,
): { readonly by: string; readonly reason: string } | undefined {
  const killed = killSwitch.on();
  if (killed !== undefined) return { by: "kill-switch", reason: killed };
  const elsewhere = deps.elsewhere();
  if (elsewhere !== undefined) return { by: "executor", reason: elsewhere };
  const frozen = whyFrozen(options.windows, target, now);
  return frozen === undefined ? undefined : { by: "freeze", reason: frozen };
}

/** One stretch of thinking: its event time, and what it wrote to the ledger. */
export interface Turn {
  readonly now: Instant;
  readonly out: LedgerEntry[];
}
